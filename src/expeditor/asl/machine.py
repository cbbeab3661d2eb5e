"""The way of an execution: ``advance`` takes one event and answers what is to be done."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from expeditor.asl import history as details_of
from expeditor.asl.closing import close_aborted, close_failed, close_timed_out
from expeditor.asl.commands import Command, ExecutionStatus
from expeditor.asl.events import (
    AnyEvent,
    ExecutionAborted,
    ExecutionRedriven,
    ExecutionStarted,
    MapRunUpdated,
    TaskFailed,
    TaskStarted,
    TaskSubmitted,
    TaskSucceeded,
    TimerFired,
)
from expeditor.asl.execution import Execution, ExecutionContext, Failure, Frame, Phase, Purpose, Tally
from expeditor.asl.history import Details, HistoryEvent
from expeditor.asl.model import Machine
from expeditor.asl.moves import guarded, resume_frame, run
from expeditor.asl.state_types import BEHAVIOURS
from expeditor.asl.states import tasks
from expeditor.asl.states.iterations import update_run
from expeditor.asl.states.waits import wait_is_over
from expeditor.asl.turn import HistoryFullError, Turn, history_full, iso
from expeditor.ids import Draws
from expeditor.payloads import JSONValue, decode

EXPRESS_EVENTS_MAX = 250_000
"""Express executions have no quota of events; a definition that goes in circles without waiting still ends."""

REDRIVABLE = frozenset({ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT, ExecutionStatus.ABORTED})


def advance(
    machine: Machine, execution: Execution, event: AnyEvent, history: list[HistoryEvent] | None = None
) -> list[Command]:
    """Changes *execution* by one *event* and answers what is to be done about it, in order.

    Events that no longer matter, such as the late result of a task that timed out, change nothing.

    Args:
        history: where the history events of this event are appended; leave it out where nobody reads them.
    """
    turn = begin(machine, execution, event, history)
    go_on(turn)
    return turn.commands


def begin(machine: Machine, execution: Execution, event: AnyEvent, history: list[HistoryEvent] | None = None) -> Turn:
    """As ``advance``, but only up to the first transition; ``go_on`` does the rest, in as many parts as one likes.

    Until that has told that the turn is over, *execution* takes no other event. Its parts change nothing of the result.
    """
    turn = Turn(machine, execution, event.at, Draws(event.seed), BEHAVIOURS, history)
    try:
        HANDLERS[type(event)](turn, event)
    except HistoryFullError:
        _fail_for_history(turn)
    return turn


def go_on(turn: Turn, work_max: int | None = None) -> bool:
    """Goes on with *turn* for at most *work_max*; whether it is over, and ``turn.commands`` with it complete."""
    try:
        return run(turn, work_max)
    except HistoryFullError:
        _fail_for_history(turn)
        return True


def _fail_for_history(turn: Turn) -> None:
    frame = turn.execution.frame
    assert frame is not None
    frame.last_id = frame.tally.count
    close_failed(turn, frame, history_full(frame.tally))


def _start(turn: Turn, event: ExecutionStarted) -> None:  # noqa: ARG001 - every handler has the same shape
    execution, machine = turn.execution, turn.machine
    if execution.frame is not None:
        return
    flow = machine.flow
    value = decode(execution.context.input)
    count_max = (execution.context.history_events_max or EXPRESS_EVENTS_MAX) - 1
    execution.frame = frame = Frame(flow, flow.states[flow.start_at], value, _root(execution, value), Tally(count_max))
    turn.note(frame, "ExecutionStarted", link=False, details=lambda: _started(execution.context))
    if machine.timeout_seconds is not None:
        turn.start_timer(frame, Purpose.EXECUTION_TIMEOUT, turn.at + machine.timeout_seconds)
    turn.ready.append(frame)


def _started(context: ExecutionContext) -> Details:
    return details_of.execution_started(context.input, context.role_arn, context.alias_arn, context.version_arn)


def _root(execution: Execution, value: JSONValue) -> dict[str, JSONValue]:
    """The parts of the context object that stay the same during an execution."""
    context = execution.context
    return {
        "Execution": {
            "Id": context.execution_arn,
            "Input": value,
            "StartTime": iso(context.started_at),
            "Name": context.execution_name,
            "RoleArn": context.role_arn,
            "RedriveCount": execution.redrive_count,
        },
        "StateMachine": {"Id": context.state_machine_arn, "Name": context.state_machine_name},
    }


def _tell(turn: Turn, event: TaskStarted | TaskSubmitted | TaskSucceeded | TaskFailed) -> None:
    frame = turn.execution.tasks.get(event.task_id)
    if frame is None:
        return
    handle = turn.behaviours[frame.state.type].on_task.get(type(event))
    if handle is not None:
        guarded(turn, frame, lambda on, one: handle(on, one, event))


def _fire(turn: Turn, event: TimerFired) -> None:
    timer = turn.execution.timers.pop(event.timer_id, None)
    if timer is not None:
        guarded(turn, timer.frame, ON_TIMER[timer.purpose])


def _try_again(turn: Turn, frame: Frame) -> None:
    frame.timer_id = None
    turn.ready.append(frame)


def _abort(turn: Turn, event: ExecutionAborted) -> None:
    frame = turn.execution.frame
    if frame is not None and turn.execution.status is ExecutionStatus.RUNNING:
        close_aborted(turn, frame, Failure(event.error, event.cause))


def _update_map_run(turn: Turn, event: MapRunUpdated) -> None:
    frame = turn.execution.frame
    for one in _frames(frame) if frame is not None else ():
        if one.fork is not None and one.fork.run is not None and one.fork.run.arn == event.map_run_arn:
            guarded(turn, one, lambda on, of: update_run(on, of, event))
            return


def _frames(frame: Frame) -> Iterator[Frame]:
    if frame.phase is Phase.RUNNING:
        yield frame
        for child in frame.running_children:
            yield from _frames(child)


def _redrive(turn: Turn, event: ExecutionRedriven) -> None:  # noqa: ARG001 - every handler has the same shape
    execution = turn.execution
    frame = execution.frame
    if frame is None or execution.status not in REDRIVABLE:
        return
    execution.status = ExecutionStatus.RUNNING
    execution.error = execution.cause = None
    execution.redrive_count += 1
    frame.root.update(_root(execution, decode(execution.context.input)))
    body: dict[str, JSONValue] = {"redriveCount": execution.redrive_count}
    turn.note(frame, "ExecutionRedriven", details=lambda: {"executionRedrivenEventDetails": body})
    if turn.machine.timeout_seconds is not None:
        turn.start_timer(frame, Purpose.EXECUTION_TIMEOUT, turn.at + turn.machine.timeout_seconds)
    resume_frame(turn, frame)


Handler = Callable[[Turn, Any], None]

HANDLERS: Mapping[type, Handler] = {
    ExecutionStarted: _start,
    TaskStarted: _tell,
    TaskSubmitted: _tell,
    TaskSucceeded: _tell,
    TaskFailed: _tell,
    TimerFired: _fire,
    ExecutionAborted: _abort,
    ExecutionRedriven: _redrive,
    MapRunUpdated: _update_map_run,
}

ON_TIMER: Mapping[Purpose, Callable[[Turn, Frame], None]] = {
    Purpose.WAIT: wait_is_over,
    Purpose.RETRY: _try_again,
    Purpose.TIMEOUT: tasks.timed_out,
    Purpose.HEARTBEAT: tasks.missed_heartbeat,
    Purpose.EXECUTION_TIMEOUT: close_timed_out,
}
