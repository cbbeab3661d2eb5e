"""One turn of an execution: the handling of one event, up to the point where all that is left is to wait."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from expeditor.asl import history as details_of
from expeditor.asl.commands import CancelTask, CancelTimer, CloseExecution, Command, ExecutionStatus, StartTimer
from expeditor.asl.dataflow import Variables
from expeditor.asl.execution import Execution, Failure, Frame, Phase, Purpose, Tally, Timer
from expeditor.asl.history import Details, HistoryEvent
from expeditor.asl.model import Machine
from expeditor.asl.retries import DATA_LIMIT_EXCEEDED, RUNTIME, matching_catcher, next_retry
from expeditor.asl.scope import EvaluationError, Scope
from expeditor.ids import Draws
from expeditor.payloads import PAYLOAD_BYTES_MAX, JSONValue, encode

VARIABLES_BYTES_MAX = 10_485_760
"""All variables of an execution together. Source: Step Functions service quotas."""

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
    """

    run: "Callable[[Turn, Frame], None]"
    resume: "Callable[[Turn, Frame], None]"
    child_succeeded: "Callable[[Turn, Frame, Frame], None]" = lambda *_: None
    child_failed: "Callable[[Turn, Frame, Frame, Failure], None]" = lambda *_: None
    failed: str | None = None


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


@dataclass(slots=True)
class Turn:
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
    commands: list[Command] = field(default_factory=list)
    ready: deque[Frame] = field(default_factory=deque)

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
        if frame.state.type == "Task":
            state["RetryCount"] = frame.retry_count
            if frame.attempt is not None and frame.attempt.command.token is not None:
                context["Task"] = {"Token": frame.attempt.command.token}
        if frame.item is not None:
            context["Map"] = frame.item
        return context

    def run(self) -> None:
        """Runs states until all that is left is to wait."""
        while self.ready:
            frame = self.ready.popleft()
            if frame.phase is Phase.RUNNING:
                self.guarded(frame, self._run_state)

    def guarded(self, frame: Frame, action: Callable[..., None], *arguments: object) -> None:
        """Calls *action* with the frame; whatever fails in it is the failure of the frame's state."""
        try:
            action(frame, *arguments)
        except (EvaluationError, StateFailedError) as problem:
            self._fail_safely(frame, problem)

    def _fail_safely(self, frame: Frame, problem: EvaluationError | StateFailedError) -> None:
        """Fails the frame's state; if there is no room to note even that, the frame."""
        try:
            self.fail(frame, self._failure_of(frame, problem))
        except StateFailedError as error:
            self.fail_frame(frame, error.failure)

    def _failure_of(self, frame: Frame, problem: EvaluationError | StateFailedError) -> Failure:
        return problem.failure if isinstance(problem, StateFailedError) else self._evaluation_failure(frame, problem)

    def _run_state(self, frame: Frame) -> None:
        if frame.fresh:
            self._enter(frame)
        self.behaviours[frame.state.type].run(self, frame)

    def _enter(self, frame: Frame) -> None:
        frame.fresh = False
        frame.entered_at = self.at
        frame.before_id = frame.last_id
        state = frame.state
        frame.entered_id = self.note(
            frame, state.entered, details=lambda: details_of.state_entered(state.name, frame.input)
        )

    def go(self, frame: Frame, name: str, value: JSONValue) -> None:
        """Lets *frame* enter the state called *name* with the raw input *value*."""
        frame.state = frame.flow.states[name]
        frame.input = value
        frame.fresh = True
        frame.attempts = None
        frame.retry_count = 0
        self.ready.append(frame)

    def leave(self, frame: Frame, output: JSONValue, assigned: Variables | None, to: str | None = None) -> None:
        """Ends the frame's state with *output* and goes on to the state called *to*, else to its ``Next``."""
        state = frame.state
        if output is not frame.input and len(encode(output)) > PAYLOAD_BYTES_MAX:
            raise data_limit_exceeded(state.name)
        self.note(frame, state.exited, details=lambda: details_of.state_exited(state.name, output, assigned))
        frame.fork = None
        if assigned:
            frame.variables = with_assigned(frame.variables, assigned, state.name)
        to = to or state.next
        if to is None:
            self._finish(frame, output)
        else:
            self.go(frame, to, output)

    def _finish(self, frame: Frame, output: JSONValue) -> None:
        frame.phase = Phase.SUCCEEDED
        frame.output = output
        if frame.parent is None:
            self._succeed(frame, encode(output))
            return
        behaviour = self.behaviours[frame.parent.state.type]
        self.guarded(frame.parent, lambda parent: behaviour.child_succeeded(self, parent, frame))

    def where(self, frame: Frame) -> str:
        """The sentence that begins the causes of failures inside the frame's state."""
        name, entered_id = frame.state.name, frame.entered_id
        return f"An error occurred while executing the state '{name}' (entered at the event id #{entered_id})."

    def _evaluation_failure(self, frame: Frame, error: EvaluationError) -> Failure:
        """The failure of the frame's state because an expression failed; notes it in the history if AWS does."""
        state = frame.state.name
        cause = f"{self.where(frame)} {error.cause}"
        if error.error == "States.QueryEvaluationError":
            frame.last_id = frame.before_id
            self.note(
                frame,
                "EvaluationFailed",
                details=lambda: details_of.evaluation_failed(state, error.error, cause, location_of(error)),
            )
        return Failure(error.error, cause)

    def fail(self, frame: Frame, failure: Failure) -> None:
        """Ends one try of the frame's state: another try, a catcher, or the failure of the frame."""
        if self._retried(frame, failure):
            return
        behaviour = self.behaviours[frame.state.type]
        if behaviour.failed is not None and failure.error != RUNTIME:
            self.note(frame, behaviour.failed)
        if not self._caught(frame, failure):
            self.fail_frame(frame, failure)

    def _retried(self, frame: Frame, failure: Failure) -> bool:
        retriers = frame.state.retriers
        if not retriers:
            return False
        if frame.attempts is None:
            frame.attempts = [0] * len(retriers)
        delay = next_retry(retriers, frame.attempts, failure.error, self.draws)
        if delay is None:
            return False
        frame.retry_count += 1
        frame.fork = None
        frame.timer_id = self.start_timer(frame, Purpose.RETRY, self.at + delay)
        return True

    def _caught(self, frame: Frame, failure: Failure) -> bool:
        catcher = matching_catcher(frame.state.catchers, failure.error)
        if catcher is None:
            return False
        scope = self.scope(frame)
        scope.error_output = {"Error": failure.error or "", "Cause": failure.cause or ""}
        try:
            assigned, output = catcher.flow.give(scope, frame.input, scope.error_output)
            self.leave(frame, output, assigned, catcher.next)
        except (EvaluationError, StateFailedError) as problem:
            self.fail_frame(frame, self._failure_of(frame, problem))
        return True

    def fail_frame(self, frame: Frame, failure: Failure) -> None:
        """Ends *frame* with *failure*, past its retriers and catchers."""
        frame.phase = Phase.FAILED
        if frame.parent is None:
            self.close_failed(frame, failure)
            return
        behaviour = self.behaviours[frame.parent.state.type]
        self.guarded(frame.parent, lambda parent: behaviour.child_failed(self, parent, frame, failure))

    def resume(self, frame: Frame) -> None:
        """Goes on with a frame that failed or was aborted, on redrive."""
        frame.phase = Phase.RUNNING
        frame.attempts = None
        frame.retry_count = 0
        self.guarded(frame, lambda one: self.behaviours[one.state.type].resume(self, one))

    def enter_again(self, frame: Frame) -> None:
        """Enters the frame's state anew, with the same raw input."""
        frame.fresh = True
        self.ready.append(frame)

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
        self.end_attempt(frame, cancel=True)
        self.cancel_timer(frame.timer_id)
        frame.timer_id = None
        for child in frame.running_children:
            self.abort(child)

    def _succeed(self, frame: Frame, output: bytes) -> None:
        self._end(frame, "ExecutionSucceeded", lambda: details_of.execution_succeeded(output))
        self.execution.output = output
        self._close(CloseExecution(ExecutionStatus.SUCCEEDED, output=output))

    def close_failed(self, frame: Frame, failure: Failure) -> None:
        """Ends the execution as FAILED."""
        error, cause = failure.error, failure.cause
        self._end(frame, "ExecutionFailed", lambda: details_of.failure("executionFailedEventDetails", error, cause))
        self._close(CloseExecution(ExecutionStatus.FAILED, error=error, cause=cause))

    def close_timed_out(self, frame: Frame) -> None:
        """Ends the execution as TIMED_OUT."""
        frame.last_id = frame.tally.count
        self._end(frame, "ExecutionTimedOut", dict)
        self._close(CloseExecution(ExecutionStatus.TIMED_OUT))

    def close_aborted(self, frame: Frame, failure: Failure) -> None:
        """Ends the execution as ABORTED."""
        error, cause = failure.error, failure.cause
        self._end(frame, "ExecutionAborted", lambda: details_of.failure("executionAbortedEventDetails", error, cause))
        self._close(CloseExecution(ExecutionStatus.ABORTED, error=error, cause=cause))

    def _end(self, frame: Frame, kind: str, details: Callable[[], Details]) -> None:
        """Notes the execution's last event, for which there is always room."""
        tally = frame.tally
        tally.count += 1
        if self.history is not None:
            self.history.append(HistoryEvent(tally.count, frame.last_id, self.at, kind, details()))
        frame.last_id = tally.count

    def _close(self, command: CloseExecution) -> None:
        execution = self.execution
        assert execution.frame is not None
        self.abort(execution.frame)
        for timer_id in list(execution.timers):
            self.cancel_timer(timer_id)
        self.ready.clear()
        execution.status = command.status
        execution.error = command.error
        execution.cause = command.cause
        self.commands.append(command)


def location_of(error: EvaluationError) -> str | None:
    """The field that *error* names, such as ``Output/result``."""
    _, found, rest = error.cause.partition("specified for the field '")
    return rest.partition("'")[0] if found else None
