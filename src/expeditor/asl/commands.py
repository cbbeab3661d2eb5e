"""What the interpreter asks for: data that only the engine performs, after the journal has the event behind it."""

from enum import StrEnum

import msgspec

from expeditor.payloads import JSONValue


class ExecutionStatus(StrEnum):
    """AWS's names. Source: API_DescribeExecution."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"
    PENDING_REDRIVE = "PENDING_REDRIVE"


class ScheduleTask(msgspec.Struct, frozen=True):
    """Perform one attempt of a Task state.

    Attributes:
        task_id: unique within the execution, also across retries; the outcome's event names it.
        resource: the ``Resource`` as written, such as a function ARN or ``arn:aws:states:::sns:publish``.
        parameters: the effective input.
        token: task token for ``.waitForTaskToken`` and activities, else None.
        heartbeat_seconds: allowed silence, else None; the engine restarts the timer on each heartbeat.
        heartbeat_timer_id: that timer, else None.
        credentials: the effective ``Credentials``, such as ``{"RoleArn": ...}``, else None.
        wants_body: True where an ItemReader asks for an object: the outcome's output is then the object's bytes as they
            are, of whatever size, not JSON text.
    """

    task_id: int
    resource: str
    parameters: JSONValue
    token: str | None = None
    heartbeat_seconds: float | None = None
    heartbeat_timer_id: int | None = None
    credentials: JSONValue = None
    wants_body: bool = False


class CancelTask(msgspec.Struct, frozen=True):
    """Stop caring for a task: it timed out, its branch lost, or the execution ended."""

    task_id: int


class StartTimer(msgspec.Struct, frozen=True):
    """Report ``TimerFired`` at *due_at* or as soon after as possible."""

    timer_id: int
    due_at: float


class CancelTimer(msgspec.Struct, frozen=True):
    """A timer that no longer matters."""

    timer_id: int


class CloseExecution(msgspec.Struct, frozen=True):
    """The execution ended.

    Attributes:
        output: JSON text when SUCCEEDED, else None.
        error, cause: when FAILED, ABORTED or TIMED_OUT, as far as known.
    """

    status: ExecutionStatus
    output: bytes | None = None
    error: str | None = None
    cause: str | None = None


Command = ScheduleTask | CancelTask | StartTimer | CancelTimer | CloseExecution
