"""The end of an execution, in each of its ways."""

from collections.abc import Callable

from expeditor.asl import history as details_of
from expeditor.asl.commands import CloseExecution, ExecutionStatus
from expeditor.asl.execution import Failure, Frame
from expeditor.asl.history import Details, HistoryEvent
from expeditor.asl.turn import Turn


def close_succeeded(turn: Turn, frame: Frame, output: bytes) -> None:
    """Ends the execution as SUCCEEDED."""
    _end(turn, frame, "ExecutionSucceeded", lambda: details_of.execution_succeeded(output))
    turn.execution.output = output
    _close(turn, CloseExecution(ExecutionStatus.SUCCEEDED, output=output))


def close_failed(turn: Turn, frame: Frame, failure: Failure) -> None:
    """Ends the execution as FAILED."""
    error, cause = failure.error, failure.cause
    _end(turn, frame, "ExecutionFailed", lambda: details_of.failure("executionFailedEventDetails", error, cause))
    _close(turn, CloseExecution(ExecutionStatus.FAILED, error=error, cause=cause))


def close_timed_out(turn: Turn, frame: Frame) -> None:
    """Ends the execution as TIMED_OUT."""
    _end(turn, frame, "ExecutionTimedOut", dict)
    _close(turn, CloseExecution(ExecutionStatus.TIMED_OUT))


def close_aborted(turn: Turn, frame: Frame, failure: Failure) -> None:
    """Ends the execution as ABORTED; StopExecution is nobody's successor."""
    error, cause = failure.error, failure.cause
    frame.last_id = 0
    _end(turn, frame, "ExecutionAborted", lambda: details_of.aborted(error, cause))
    _close(turn, CloseExecution(ExecutionStatus.ABORTED, error=error, cause=cause))


def _end(turn: Turn, frame: Frame, kind: str, details: Callable[[], Details]) -> None:
    """Notes the execution's last event, for which there is always room."""
    tally = frame.tally
    tally.count += 1
    if turn.history is not None:
        turn.history.append(HistoryEvent(tally.count, frame.last_id, turn.at, kind, details()))
    frame.last_id = tally.count


def _close(turn: Turn, command: CloseExecution) -> None:
    execution = turn.execution
    assert execution.frame is not None
    turn.abort(execution.frame)
    for timer_id in list(execution.timers):
        turn.cancel_timer(timer_id)
    turn.ready.clear()
    execution.status = command.status
    execution.error = command.error
    execution.cause = command.cause
    turn.commands.append(command)
