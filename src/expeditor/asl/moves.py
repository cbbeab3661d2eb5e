"""How frames move: into a state, out of it, into another try, into a catcher, into failure."""

from collections.abc import Callable

from expeditor.asl import history as details_of
from expeditor.asl.closing import close_failed, close_succeeded
from expeditor.asl.commands import ExecutionStatus
from expeditor.asl.dataflow import Variables
from expeditor.asl.execution import Failure, Fork, Frame, Phase, Purpose
from expeditor.asl.model import Language
from expeditor.asl.retries import RUNTIME, matching_catcher, next_retry
from expeditor.asl.scope import EvaluationError
from expeditor.asl.turn import StateFailedError, Turn, data_limit_exceeded, with_assigned
from expeditor.payloads import PAYLOAD_BYTES_MAX, JSONValue, encode

ABORTABLE = frozenset({"Task", "Wait", "Parallel", "Map"})
"""Types of states whose abortion is an event of its own. Source: API_HistoryEvent."""

WORK = {Language.JSONPATH: 1, Language.JSONATA: 10}
"""What a transition counts: a path looks at the data, JSONata computes."""

Action = Callable[[Turn, Frame], None]


def run(turn: Turn, work_max: int | None = None) -> bool:
    """Runs states until all that is left is to wait, or *work_max* is used up; whether nothing is left to do now.

    Args:
        work_max: in transitions, of which one in JSONata counts as many as its expressions may take; None: no bound.
    """
    while turn.ready:
        if work_max is not None:
            if work_max <= 0:
                return False
            work_max -= WORK[turn.ready[0].state.language]
        frame = turn.ready.popleft()
        if frame.phase is Phase.RUNNING:
            guarded(turn, frame, _run_state)
    return True


def guarded(turn: Turn, frame: Frame, action: Action) -> None:
    """Calls *action* with the frame; whatever fails in it is the failure of the frame's state."""
    try:
        action(turn, frame)
    except (EvaluationError, StateFailedError) as problem:
        _fail_safely(turn, frame, problem)
    except RecursionError:
        _fail_safely(turn, frame, EvaluationError(RUNTIME, "The data is nested too deeply."))


def _fail_safely(turn: Turn, frame: Frame, problem: EvaluationError | StateFailedError) -> None:
    """Fails the frame's state; if there is no room to note even that, the frame."""
    try:
        fail(turn, frame, _failure_of(turn, frame, problem))
    except StateFailedError as error:
        fail_frame(turn, frame, error.failure)


def _failure_of(turn: Turn, frame: Frame, problem: EvaluationError | StateFailedError) -> Failure:
    return problem.failure if isinstance(problem, StateFailedError) else _evaluation_failure(turn, frame, problem)


def _run_state(turn: Turn, frame: Frame) -> None:
    if frame.fresh:
        _enter(turn, frame)
    turn.behaviours[frame.state.type].run(turn, frame)


def _enter(turn: Turn, frame: Frame) -> None:
    frame.fresh = False
    frame.entered_at = turn.at
    frame.before_id = frame.last_id
    state = frame.state
    frame.entered_id = turn.note(
        frame, state.entered, details=lambda: details_of.state_entered(state.name, frame.input)
    )


def go(turn: Turn, frame: Frame, name: str, value: JSONValue) -> None:
    """Lets *frame* enter the state called *name* with the raw input *value*."""
    frame.state = frame.flow.states[name]
    frame.input = value
    frame.fresh = True
    frame.attempts = None
    frame.retry_count = 0
    turn.ready.append(frame)


def leave(turn: Turn, frame: Frame, output: JSONValue, assigned: Variables | None, to: str | None = None) -> None:
    """Ends the frame's state with *output* and goes on to the state called *to*, else to its ``Next``."""
    state = frame.state
    if output is not frame.input and len(encode(output)) > PAYLOAD_BYTES_MAX:
        raise data_limit_exceeded(state.name)
    turn.note(frame, state.exited, details=lambda: details_of.state_exited(state.name, output, assigned))
    frame.fork = None
    if assigned:
        frame.variables = with_assigned(frame.variables, assigned, state.name)
    to = to or state.next
    if to is None:
        _finish(turn, frame, output)
    else:
        go(turn, frame, to, output)


def _finish(turn: Turn, frame: Frame, output: JSONValue) -> None:
    frame.phase = Phase.SUCCEEDED
    frame.output = output
    if frame.parent is None:
        close_succeeded(turn, frame, encode(output))
        return
    behaviour = turn.behaviours[frame.parent.state.type]
    guarded(turn, frame.parent, lambda on, parent: behaviour.child_succeeded(on, parent, frame))


def _evaluation_failure(turn: Turn, frame: Frame, error: EvaluationError) -> Failure:
    """The failure of the frame's state because an expression failed; notes it in the history if AWS does."""
    state = frame.state.name
    cause = f"{turn.where(frame)} {error.cause}"
    if error.error == "States.QueryEvaluationError":
        frame.last_id = frame.before_id
        turn.note(
            frame,
            "EvaluationFailed",
            details=lambda: details_of.evaluation_failed(state, error.error, cause, location_of(error)),
        )
    return Failure(error.error, cause)


def fail(turn: Turn, frame: Frame, failure: Failure) -> None:
    """Ends one try of the frame's state: another try, a catcher, or the failure of the frame."""
    for child in list(frame.running_children):
        _stop(turn, frame, child, failure)
    if frame.fork is not None and frame.fork.run is not None:
        frame.fork.run.stop(ExecutionStatus.FAILED, turn.at)
    if _retried(turn, frame, failure):
        return
    behaviour = turn.behaviours[frame.state.type]
    if behaviour.failed is not None and failure.error != RUNTIME:
        turn.note(frame, behaviour.failed)
    if not _caught(turn, frame, failure):
        fail_frame(turn, frame, failure)


def _retried(turn: Turn, frame: Frame, failure: Failure) -> bool:
    retriers = frame.state.retriers
    if not retriers:
        return False
    if frame.attempts is None:
        frame.attempts = [0] * len(retriers)
    delay = next_retry(retriers, frame.attempts, failure.error, turn.draws)
    if delay is None:
        return False
    frame.retry_count += 1
    frame.fork = None
    frame.timer_id = turn.start_timer(frame, Purpose.RETRY, turn.at + delay)
    return True


def _caught(turn: Turn, frame: Frame, failure: Failure) -> bool:
    catcher = matching_catcher(frame.state.catchers, failure.error)
    if catcher is None:
        return False
    scope = turn.scope(frame)
    scope.error_output = {"Error": failure.error or "", "Cause": failure.cause or ""}
    try:
        assigned, output = catcher.flow.give(scope, frame.input, scope.error_output)
        leave(turn, frame, output, assigned, catcher.next)
    except (EvaluationError, StateFailedError) as problem:
        _fail_again(turn, frame, _failure_of(turn, frame, problem))
    return True


def _fail_again(turn: Turn, frame: Frame, failure: Failure) -> None:
    """Fails a state whose catcher failed."""
    failed = turn.behaviours[frame.state.type].failed
    if failed is not None and failure.error != RUNTIME:
        turn.note(frame, failed)
    fail_frame(turn, frame, failure)


def fail_frame(turn: Turn, frame: Frame, failure: Failure) -> None:
    """Ends *frame* with *failure*, past its retriers and catchers."""
    frame.phase = Phase.FAILED
    if frame.parent is None:
        close_failed(turn, frame, failure)
        return
    if frame.parent.tally is frame.tally and failure.error != RUNTIME:
        note_aborted(turn, frame)
    behaviour = turn.behaviours[frame.parent.state.type]
    guarded(turn, frame.parent, lambda on, parent: behaviour.child_failed(on, parent, frame, failure))


def _stop(turn: Turn, frame: Frame, child: Frame, failure: Failure) -> None:
    if child.tally is frame.tally and failure.error != RUNTIME:
        abort_branch(turn, child)
    else:
        turn.abort(child)


def note_aborted(turn: Turn, frame: Frame) -> None:
    """Notes that the state of a branch that fails or is stopped was aborted, as AWS does for some types."""
    if frame.state.type in ABORTABLE and not frame.fresh:
        turn.note(frame, f"{frame.state.type}StateAborted", link=False)


def abort_branch(turn: Turn, frame: Frame) -> None:
    """Stops a branch or iteration because another one failed."""
    for child in frame.running_children:
        abort_branch(turn, child)
    if frame.phase is Phase.RUNNING:
        note_aborted(turn, frame)
    turn.abort(frame)


def resume_frame(turn: Turn, frame: Frame) -> None:
    """Goes on with a frame that failed or was aborted, on redrive; it may fail again before this returns."""
    frame.phase = Phase.RUNNING
    frame.attempts = None
    frame.retry_count = 0
    if frame.fresh:
        turn.ready.append(frame)
    else:
        guarded(turn, frame, turn.behaviours[frame.state.type].resume)


def is_current(frame: Frame, fork: Fork) -> bool:
    """Whether *frame* is still about the children of *fork*: one of them that fails at once ends that."""
    return frame.fork is fork and frame.phase is Phase.RUNNING


def enter_again(turn: Turn, frame: Frame) -> None:
    """Enters the frame's state anew, with the same raw input."""
    frame.fresh = True
    turn.ready.append(frame)


def location_of(error: EvaluationError) -> str | None:
    """The field that *error* names, such as ``Output/result``."""
    _, found, rest = error.cause.partition("specified for the field '")
    return rest.partition("'")[0] if found else None
