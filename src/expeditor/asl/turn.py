"""One turn of an execution: the handling of one event, up to the point where all that is left is to wait."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from expeditor.asl.commands import CancelTask, CancelTimer, Command, ExecutionStatus, StartTimer
from expeditor.asl.dataflow import Variables
from expeditor.asl.execution import Execution, Failure, Frame, Phase, Purpose, Tally, Timer
from expeditor.asl.history import Details, HistoryEvent
from expeditor.asl.model import Machine
from expeditor.asl.retries import DATA_LIMIT_EXCEEDED, RUNTIME
from expeditor.asl.scope import Scope
from expeditor.ids import Draws
from expeditor.payloads import PAYLOAD_BYTES_MAX, JSONValue, encode

VARIABLES_BYTES_MAX = 10_485_760
"""All variables of an execution together. Source: Step Functions service quotas."""

RETRIABLE = frozenset({"Task", "Parallel", "Map"})
"""Types of states that may have ``Retry``."""

NO_CONTEXT: dict[str, JSONValue] = {}


class StateFailedError(Exception):
    """The current state failed; retriers and catchers may handle it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.error, failure.cause)
        self.failure = failure


class HistoryFullError(Exception):
    """The execution's history has no room for more than its last event."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a type of state does.

    Attributes:
        run: begins one try of the frame's state.
        child_succeeded, child_failed: a child frame ended; where there are children.
        resume: goes on with a state whose execution is redriven.
        failed: type of the history event of its failure, where it has one.
        on_task: from an event's type to what it does to a frame that waits for the task.
    """

    run: "Callable[[Turn, Frame], None]"
    resume: "Callable[[Turn, Frame], None]"
    child_succeeded: "Callable[[Turn, Frame, Frame], None]" = lambda *_: None
    child_failed: "Callable[[Turn, Frame, Frame, Failure], None]" = lambda *_: None
    failed: str | None = None
    on_task: "Mapping[type, Callable[[Turn, Frame, Any], None]]" = field(default_factory=dict)


def history_full(tally: Tally) -> Failure:
    """The failure of an execution that made more history events than it may."""
    return Failure(RUNTIME, f"The execution reached the maximum number of history events ({tally.count_max + 1}).")


def _history_full(tally: Tally) -> Exception:
    return StateFailedError(history_full(tally)) if tally.child else HistoryFullError()


def iso(at: float) -> str:
    """*at* as the context object spells instants: UTC with milliseconds and ``Z``."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def data_limit_exceeded(who: str) -> StateFailedError:
    """The failure of a state or task named *who* whose output is larger than the quota."""
    cause = f"The state/task '{who}' returned a result with a size exceeding the maximum number of bytes service limit."
    return StateFailedError(Failure(DATA_LIMIT_EXCEEDED, cause))


def with_assigned(variables: Variables, assigned: Variables, name: str) -> Variables:
    """*variables* after the state called *name* wrote *assigned*. Raises StateFailedError beyond the quotas."""
    if len(encode(dict(assigned))) > PAYLOAD_BYTES_MAX:
        raise data_limit_exceeded(name)
    changed = {**variables, **assigned}
    if len(changed) * PAYLOAD_BYTES_MAX > VARIABLES_BYTES_MAX and len(encode(changed)) > VARIABLES_BYTES_MAX:
        raise data_limit_exceeded(name)
    return changed


class Turn(msgspec.Struct):
    """What the handling of one event works with and collects.

    Attributes:
        history: where history events go; None if nobody asked for them.
        commands: what the engine must do, in order.
        ready: frames whose state is to be run.
    """

    machine: Machine
    execution: Execution
    at: float
    draws: Draws
    behaviours: Mapping[str, Behaviour]
    history: list[HistoryEvent] | None = None
    commands: list[Command] = []
    ready: deque[Frame] = msgspec.field(default_factory=deque)

    def note(self, frame: Frame, kind: str, *, link: bool = True, details: Callable[[], Details] | None = None) -> int:
        """Counts a history event, writes it down if asked for, and answers its id.

        Args:
            link: whether the frame's next event follows from this one.
            details: called only if the history was asked for.
        """
        tally = frame.tally
        tally.count = event_id = tally.count + 1
        if self.history is not None and not tally.child:
            body = details() if details is not None else {}
            self.history.append(HistoryEvent(event_id, frame.last_id, self.at, kind, body))
        if link:
            frame.last_id = event_id
        if event_id >= tally.count_max:
            raise _history_full(tally)
        return event_id

    def scope(self, frame: Frame) -> Scope:
        """What the expressions of the frame's state can see, before it has a result."""
        return Scope(
            input=frame.input,
            context=self.context(frame) if frame.state.reads_context else NO_CONTEXT,
            variables=frame.variables,
            draws=self.draws,
            at=self.at,
        )

    def context(self, frame: Frame) -> dict[str, JSONValue]:
        """The context object of the frame's state."""
        state: dict[str, JSONValue] = {"Name": frame.state.name, "EnteredTime": iso(frame.entered_at)}
        context = {**frame.root, "State": state}
        if frame.state.type in RETRIABLE:
            state["RetryCount"] = frame.retry_count
        if frame.attempt is not None and frame.attempt.command.token is not None:
            context["Task"] = {"Token": frame.attempt.command.token}
        if frame.item is not None:
            context["Map"] = frame.item
        return context

    def where(self, frame: Frame) -> str:
        """The sentence that begins the causes of failures inside the frame's state."""
        name, entered_id = frame.state.name, frame.entered_id
        return f"An error occurred while executing the state '{name}' (entered at the event id #{entered_id})."

    def start_timer(self, frame: Frame, purpose: Purpose, due_at: float, timer_id: int | None = None) -> int:
        """Starts a timer of *frame* and answers its id."""
        if timer_id is None:
            timer_id = self.new_timer_id()
        command = StartTimer(timer_id, due_at)
        self.execution.timers[timer_id] = Timer(command, purpose, frame)
        self.commands.append(command)
        return timer_id

    def new_timer_id(self) -> int:
        """An id for a timer to be started later."""
        timer_id = self.execution.next_timer_id
        self.execution.next_timer_id = timer_id + 1
        return timer_id

    def cancel_timer(self, timer_id: int | None) -> None:
        """Cancels a timer if it is running."""
        if timer_id is not None and self.execution.timers.pop(timer_id, None) is not None:
            self.commands.append(CancelTimer(timer_id))

    def end_attempt(self, frame: Frame, *, cancel: bool) -> None:
        """Forgets the frame's running task and its timers; *cancel* tells the engine to stop caring for it."""
        attempt = frame.attempt
        if attempt is None:
            return
        frame.attempt = None
        self.execution.tasks.pop(attempt.command.task_id, None)
        if cancel:
            self.commands.append(CancelTask(attempt.command.task_id))
        self.cancel_timer(attempt.timeout_timer_id)
        self.cancel_timer(attempt.heartbeat_timer_id)

    def abort(self, frame: Frame) -> None:
        """Stops *frame* and all below it where they stand."""
        if frame.phase is Phase.RUNNING:
            frame.phase = Phase.ABORTED
        if frame.fork is not None and frame.fork.run is not None:
            frame.fork.run.stop(ExecutionStatus.ABORTED, self.at)
        self.end_attempt(frame, cancel=True)
        self.cancel_timer(frame.timer_id)
        frame.timer_id = None
        self.abort_children(frame)

    def abort_children(self, frame: Frame) -> None:
        """Stops what is under way below *frame*."""
        for child in frame.running_children:
            self.abort(child)
