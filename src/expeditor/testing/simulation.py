"""One execution on a virtual clock: what would take time only moves the clock."""

import heapq
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from expeditor.asl import (
    AnyEvent,
    CancelTask,
    CancelTimer,
    CloseExecution,
    Execution,
    ExecutionContext,
    ExecutionStarted,
    ExecutionStatus,
    HistoryEvent,
    Machine,
    ScheduleTask,
    StartTimer,
    TaskFailed,
    TaskStarted,
    TaskSubmitted,
    TaskSucceeded,
    TimerFired,
    advance,
)
from expeditor.ids import SeededIds
from expeditor.payloads import JSONValue, encode
from expeditor.testing.calls import Call, Mock, Mocks, outcome, output_of
from expeditor.testing.failures import StuckExecutionError
from expeditor.testing.names import ACCOUNT, REGION
from expeditor.testing.outcomes import Fails, Outcome, Returns

__tracebackhide__ = True

ACTIONS_MAX = 1_000_000
"""More than any execution has within its quota of history events."""

Report = Callable[[float, bytes], AnyEvent]


@dataclass(frozen=True, slots=True)
class Start:
    """How an execution begins; *started_at* in seconds since the epoch."""

    input: JSONValue
    name: str
    started_at: float
    seed: int


@dataclass(slots=True)
class Simulation:
    """One run.

    Attributes:
        mocks: what tasks answer.
        tokens: what whoever holds a state's task token does with it, by state, in order; the last one repeats.
        calls: every try of every task so far.
        now: the virtual instant, seconds since the epoch.
    """

    machine: Machine
    mocks: Mocks
    tokens: Mapping[str, list[Outcome]]
    start: Start
    history: list[HistoryEvent] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    now: float = 0.0
    _execution: Execution = field(init=False)
    _ids: SeededIds = field(init=False)
    _agenda: list[tuple[float, int, Report]] = field(default_factory=list)
    _order: "count[int]" = field(default_factory=count)
    _answered: Counter[str] = field(default_factory=Counter)

    def run(self) -> Execution:
        """The execution once it has ended.

        Raises:
            StuckExecutionError: it waits for something that never comes.
            UnmockedTaskError: it calls what has no mock.
        """
        self.now = self.start.started_at
        self._ids = SeededIds(self.start.seed)
        self._execution = Execution.new(self._context())
        self._handle(ExecutionStarted(self.now, self._ids.seed()))
        for _ in range(ACTIONS_MAX):
            if self._execution.status is not ExecutionStatus.RUNNING:
                return self._execution
            if not self._agenda:
                break
            at, _, report = heapq.heappop(self._agenda)
            self.now = max(self.now, at)
            self._handle(report(self.now, self._ids.seed()))
        raise StuckExecutionError(self._waits_for())

    def _context(self) -> ExecutionContext:
        prefix, name = f"arn:aws:states:{REGION}:{ACCOUNT}", self.start.name
        return ExecutionContext(
            execution_arn=f"{prefix}:execution:machine:{name}",
            execution_name=name,
            role_arn=f"arn:aws:iam::{ACCOUNT}:role/machine",
            started_at=self.start.started_at,
            state_machine_arn=f"{prefix}:stateMachine:machine",
            state_machine_name="machine",
            input=encode(self.start.input),
            token_prefix=f"{name}/",
        )

    def _handle(self, event: AnyEvent) -> None:
        for command in advance(self.machine, self._execution, event, self.history):
            PERFORM[type(command)](self, command)

    def _later(self, seconds: float, report: Report) -> None:
        heapq.heappush(self._agenda, (self.now + seconds, next(self._order), report))

    def _start_timer(self, timer: StartTimer) -> None:
        # A cancelled timer fires too: the interpreter ignores it.
        heapq.heappush(
            self._agenda, (timer.due_at, next(self._order), lambda at, seed: TimerFired(at, seed, timer.timer_id))
        )

    def _schedule(self, task: ScheduleTask) -> None:
        state = self._execution.tasks[task.task_id].state.name if task.task_id in self._execution.tasks else ""
        call = Call(state, task.resource, task.parameters, self.now - self.start.started_at, task.token)
        self.calls.append(call)
        if task.token is not None and not call.waits_for_token:
            self._later(0, lambda at, seed: TaskStarted(at, seed, task.task_id, None))
        script = self.tokens.get(state) if task.token is not None else None
        mock = self.mocks.find(call) if script is not None else self.mocks.require(call)
        if (mock is None or not self._call(task, call, mock)) and script is not None:
            self._answer(task, self._next(f"token {state}", script))

    def _call(self, task: ScheduleTask, call: Call, mock: Mock) -> bool:
        """Calls what the task calls; answers whether that is the end of the task, not the begin of a wait."""
        found = outcome(mock, call, self._answered[mock.target])
        self._answered[mock.target] += 1
        begins_wait = mock.function is not None and call.waits_for_token and not isinstance(found, Fails)
        if not isinstance(found, Returns):
            self._answer(task, found)
        elif begins_wait:
            submitted = output_of(found, mock, call)
            self._later(found.seconds, lambda at, seed: TaskSubmitted(at, seed, task.task_id, submitted))
        else:
            self._answer(task, found, _body(found) if task.wants_body else output_of(found, mock, call))
        return not begins_wait

    def _next(self, key: str, outcomes: list[Outcome]) -> Outcome:
        self._answered[key] += 1
        return outcomes[min(self._answered[key], len(outcomes)) - 1]

    def _answer(self, task: ScheduleTask, found: Outcome, text: bytes | None = None) -> None:
        """Reports the end of a task."""
        if isinstance(found, Returns):
            output = encode(found.value) if text is None else text
            self._later(found.seconds, lambda at, seed: TaskSucceeded(at, seed, task.task_id, output))
        elif isinstance(found, Fails):
            self._later(found.seconds, lambda at, seed: TaskFailed(at, seed, task.task_id, found.error, found.cause))

    def _waits_for(self) -> str:
        lines = []
        for task in self._execution.pending_tasks:
            state = self._execution.tasks[task.task_id].state.name
            lines.append(f"    {state} waits for {'its task token' if task.token else task.resource}")
            if task.token is not None:
                lines.append(f'        add: machine.succeed_task("{state}", {{...}}, after_seconds=60)')
        return "\n".join(["the execution does not end; nothing is left that could happen:", *lines])


def _body(found: Returns) -> bytes:
    """The object that an ItemReader reads: text as it is, other values as JSON."""
    return found.value.encode() if isinstance(found.value, str) else encode(found.value)


def _nothing(simulation: Simulation, command: object) -> None:
    """Cancelled work is reported all the same: the interpreter ignores it."""


PERFORM: Mapping[type, Callable[[Simulation, Any], None]] = {
    ScheduleTask: Simulation._schedule,
    StartTimer: Simulation._start_timer,
    CancelTask: _nothing,
    CancelTimer: _nothing,
    CloseExecution: _nothing,
}
