"""What happens to an execution from outside: the outcomes that are journaled and replayed."""

import msgspec


class Event(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """One outcome.

    Attributes:
        at: the instant, seconds since the epoch.
        seed: 16 random bytes; whatever the interpreter draws while it handles this event comes from them.
    """

    at: float
    seed: bytes


class ExecutionStarted(Event, frozen=True, array_like=True, tag=True):
    """The execution begins; input and context stand on the execution itself."""


class TaskStarted(Event, frozen=True, array_like=True, tag=True):
    """A worker took up an activity task, and may have given its name."""

    task_id: int
    worker_name: str | None


class TaskSubmitted(Event, frozen=True, array_like=True, tag=True):
    """The called service accepted the request of a ``.sync`` or ``.waitForTaskToken`` task.

    Attributes:
        output: the service's answer, JSON text.
    """

    task_id: int
    output: bytes


class TaskSucceeded(Event, frozen=True, array_like=True, tag=True):
    """A task ended well.

    Attributes:
        output: its result, JSON text.
    """

    task_id: int
    output: bytes


class TaskFailed(Event, frozen=True, array_like=True, tag=True):
    """A task ended badly; *error* is the name that retriers and catchers match. Both may be unknown."""

    task_id: int
    error: str | None
    cause: str | None


class TimerFired(Event, frozen=True, array_like=True, tag=True):
    """A timer the interpreter asked for is due: a wait, a retry delay, a timeout or a missed heartbeat."""

    timer_id: int


class ExecutionAborted(Event, frozen=True, array_like=True, tag=True):
    """StopExecution."""

    error: str | None
    cause: str | None


class ExecutionRedriven(Event, frozen=True, array_like=True, tag=True):
    """RedriveExecution: go on from the state that failed."""


class MapRunUpdated(Event, frozen=True, array_like=True, tag=True):
    """UpdateMapRun: what is None stays as it is.

    Attributes:
        running_max: child executions at once, 0 for as many as the quota allows.
        failed_max, failed_percentage_max: failures that are tolerated.
    """

    map_run_arn: str
    running_max: int | None = None
    failed_max: float | None = None
    failed_percentage_max: float | None = None


AnyEvent = (
    ExecutionStarted
    | TaskStarted
    | TaskSubmitted
    | TaskSucceeded
    | TaskFailed
    | TimerFired
    | ExecutionAborted
    | ExecutionRedriven
    | MapRunUpdated
)
