"""One state alone, as TestState runs it: the interpreter's own behaviours and data flow, with nothing around it.

A Map or Parallel state is not run but stands for a task whose outcome is given; so does a Task with a given outcome.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from expeditor.asl.commands import ExecutionStatus, ScheduleTask
from expeditor.asl.dataflow import PathFlow
from expeditor.asl.events import AnyEvent, TaskFailed, TaskSucceeded, TimerFired
from expeditor.asl.execution import Execution, ExecutionContext, Failure, Frame, Purpose, Tally
from expeditor.asl.inspection import Seen, as_task, inspected, noting_failures, shown, watched
from expeditor.asl.machine import HANDLERS
from expeditor.asl.mocked_map import MockedMap
from expeditor.asl.model import (
    Flow,
    Language,
    Machine,
    MapState,
    ParallelState,
    State,
)
from expeditor.asl.moves import run
from expeditor.asl.retries import HEARTBEAT_TIMEOUT, TIMEOUT
from expeditor.asl.scope import MISSING, Missing
from expeditor.asl.state_types import BEHAVIOURS
from expeditor.asl.states.distributed import TOO_MANY_FAILED
from expeditor.asl.turn import Behaviour, Turn, iso
from expeditor.ids import Draws
from expeditor.payloads import JSONValue, decode

_LANDED = "Landed"

LATE: Mapping[Purpose, str] = {Purpose.TIMEOUT: TIMEOUT, Purpose.HEARTBEAT: HEARTBEAT_TIMEOUT}
"""The errors of the timers that end a task."""


class TrialStatus(StrEnum):
    """AWS's names. Source: API_TestState, ``status``."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    RETRIABLE = "RETRIABLE"
    CAUGHT_ERROR = "CAUGHT_ERROR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one state is tried with.

    Attributes:
        context: who the execution would be; its input is the state's raw input.
        variables: by name, without ``$``.
        context_object: used as it is in place of the one made of *context*.
        outcome: JSON text of the result, or the failure, of the state's work; None lets a Task do its work.
        retry_count: retries so far.
        failed_items: iterations of a Map that failed.
        dataset: what a Map's ItemReader reads; None without.
    """

    context: ExecutionContext
    variables: Mapping[str, JSONValue] = field(default_factory=dict)
    context_object: dict[str, JSONValue] | None = None
    outcome: "bytes | Failure | None" = None
    retry_count: int = 0
    failed_items: int = 0
    dataset: bytes | None = None


@dataclass(frozen=True, slots=True)
class StateReport:
    """How a state ended.

    Attributes:
        output: MISSING where the state has none.
        error, cause: of the failure, handled or not.
        inspection: by AWS's member name; values are values, not texts.
    """

    status: TrialStatus
    output: "JSONValue | Missing"
    error: str | None
    cause: str | None
    next_state: str | None
    inspection: Mapping[str, JSONValue]


class _TrialTurn(Turn):
    context_object: dict[str, JSONValue] | None = None

    def context(self, frame: Frame) -> dict[str, JSONValue]:
        return Turn.context(self, frame) if self.context_object is None else self.context_object


class _Landing(dict[str, State]):
    """Wherever the state goes on to, there its trial ends."""

    def __missing__(self, name: str) -> State:
        return State(
            name=name,
            type=_LANDED,
            next=None,
            flow=PathFlow(),
            language=Language.JSONPATH,
            reads_context=False,
            entered="",
            exited="",
        )


class SingleState:
    """One run of one state.

    Attributes:
        seen: what was noted of its data flow so far.
    """

    def __init__(self, state: State, trial: Trial) -> None:
        self.seen = Seen()
        self._trial = trial
        self._map: MockedMap | None = None
        self._state = self._prepared(state)
        self._behaviours = {
            **{name: noting_failures(one, self.seen) for name, one in BEHAVIOURS.items()},
            _LANDED: Behaviour(run=_stay, resume=_stay),
        }
        flow = Flow(state.name, _Landing())
        self._machine = Machine("", flow, state.language)
        self._execution = Execution.new(trial.context)
        self._frame = self._execution.frame = self._new_frame(flow)

    def begin(self, at: float, seed: bytes) -> ScheduleTask | None:
        """Runs the state; answers the task whose outcome ``hand`` must give, if it is not given already.

        A Wait state is through at once.
        """
        turn = self._turn(at, seed)
        turn.ready.append(self._frame)
        run(turn)
        for timer_id, timer in list(self._execution.timers.items()):
            if timer.purpose is Purpose.WAIT:
                self.hand(TimerFired(at, seed, timer_id))
        task = next(iter(self._execution.pending_tasks), None)
        if task is None or self._trial.outcome is None:
            return task
        self.hand(self._outcome(at, seed, task.task_id))
        return None

    def hand(self, event: AnyEvent) -> None:
        """What became of the task."""
        if isinstance(event, TimerFired) and event.timer_id in self._execution.timers:
            error = LATE.get(self._execution.timers[event.timer_id].purpose)
            self.seen.failure = Failure(error, None) if error is not None else self.seen.failure
        turn = self._turn(event.at, event.seed)
        HANDLERS[type(event)](turn, event)
        run(turn)

    @property
    def timeouts(self) -> dict[int, float]:
        """When the time-outs of the task are due, by timer id."""
        return {
            timer_id: timer.command.due_at
            for timer_id, timer in self._execution.timers.items()
            if timer.purpose in LATE
        }

    def report(self, at: float) -> StateReport:
        """How it ended, at the instant it did."""
        status, output, next_state = self._ended()
        failure = None if status is TrialStatus.SUCCEEDED else self._failure()
        values = {"input": decode(self._trial.context.input), **self.seen.values}
        if variables := {**self._trial.variables, **self._frame.variables}:
            values["variables"] = variables
        if details := self._error_details(at):
            values["errorDetails"] = details
        error, cause = (failure.error, failure.cause) if failure is not None else (None, None)
        return StateReport(status, output, error, cause, next_state, values)

    def _ended(self) -> "tuple[TrialStatus, JSONValue | Missing, str | None]":
        execution, frame = self._execution, self._frame
        if execution.output is not None:
            return TrialStatus.SUCCEEDED, decode(execution.output), None
        if execution.status is ExecutionStatus.FAILED:
            return TrialStatus.FAILED, MISSING, None
        if frame.state.type == _LANDED:
            caught = self.seen.catch_index is not None
            return TrialStatus.CAUGHT_ERROR if caught else TrialStatus.SUCCEEDED, frame.input, frame.state.name
        return TrialStatus.RETRIABLE, MISSING, None

    def _failure(self) -> Failure | None:
        if self._execution.status is ExecutionStatus.FAILED:
            return Failure(self._execution.error, self._execution.cause)
        return self.seen.failure

    def _error_details(self, at: float) -> dict[str, JSONValue]:
        if self.seen.catch_index is not None:
            return {"catchIndex": self.seen.catch_index}
        for timer in self._execution.timers.values():
            if timer.purpose is Purpose.RETRY:
                attempts = self._frame.attempts or []
                used = next(index for index, count in enumerate(attempts) if count > self._trial.retry_count)
                return {"retryIndex": used, "retryBackoffIntervalSeconds": round(timer.command.due_at - at)}
        return {}

    def _new_frame(self, flow: Flow) -> Frame:
        context = self._trial.context
        value = decode(context.input)
        execution: JSONValue = {
            "Id": context.execution_arn,
            "Input": value,
            "StartTime": iso(context.started_at),
            "Name": context.execution_name,
            "RoleArn": context.role_arn,
        }
        machine: JSONValue = {"Id": context.state_machine_arn, "Name": context.state_machine_name}
        root = {"Execution": execution, "StateMachine": machine}
        # The execution's own start is the first event.
        tally = Tally(context.history_events_max or 1_000, count=1)
        frame = Frame(flow, self._state, value, root, tally, variables=self._trial.variables, last_id=1)
        frame.retry_count = self._trial.retry_count
        frame.attempts = [self._trial.retry_count] * len(self._state.retriers)
        return frame

    def _turn(self, at: float, seed: bytes) -> Turn:
        return _TrialTurn(
            self._machine,
            self._execution,
            at,
            Draws(seed),
            self._behaviours,
            context_object=self._trial.context_object,
        )

    def _outcome(self, at: float, seed: bytes, task_id: int) -> AnyEvent:
        outcome = self._trial.outcome
        if isinstance(outcome, bytes) and self._map is not None and self._map.is_beyond_tolerance:
            outcome = TOO_MANY_FAILED
        if isinstance(outcome, Failure):
            return TaskFailed(at, seed, task_id, outcome.error, outcome.cause)
        assert outcome is not None
        return TaskSucceeded(at, seed, task_id, outcome)

    def _prepared(self, state: State) -> State:
        """*state*, whose data flow is noted; a Map or Parallel becomes a task."""
        flow = inspected(state.flow, self.seen, shown(state))
        catchers = watched(state.catchers, self.seen)
        if isinstance(state, MapState):
            self._map = MockedMap(state, flow, self.seen, self._trial.dataset, self._trial.failed_items)
            return as_task(state, self._map, catchers)
        if isinstance(state, ParallelState):
            return as_task(state, flow, catchers)
        return replace(state, flow=flow, catchers=catchers)


def _stay(turn: Turn, frame: Frame) -> None:
    """Nothing happens where the trial has ended."""
