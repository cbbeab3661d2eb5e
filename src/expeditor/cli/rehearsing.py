"""Executions on a virtual clock: the interpreter of production, its tasks answered through a port."""

import heapq
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
    HistoryEvent,
    Machine,
    ScheduleTask,
    StartTimer,
    TaskFailed,
    TaskSubmitted,
    TaskSucceeded,
    TimerFired,
    advance,
)
from expeditor.ids import SeededIds
from expeditor.payloads import JSONValue, decode, encode
from expeditor.settings import ACCOUNT, REGION

_LAMBDA_INVOKE = "arn:aws:states:::lambda:invoke"
_PREFIX = f"arn:aws:states:{REGION}:{ACCOUNT}"


class Agenda:
    """What happens when, on a clock that jumps from one thing to the next.

    Attributes:
        now: the virtual instant, seconds since the epoch.
    """

    def __init__(self, now: float) -> None:
        self.now = now
        self._entries: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def at(self, when: float, action: Callable[[], None]) -> None:
        """Does *action* at *when*; what was asked for first comes first at the same instant."""
        heapq.heappush(self._entries, (max(when, self.now), next(self._numbers), action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Does *action* in so many seconds."""
        self.at(self.now + seconds, action)

    def run(self, until: float = float("inf")) -> None:
        """Does everything due up to *until*, in order."""
        while self._entries and self._entries[0][0] <= until:
            self.now, _, action = heapq.heappop(self._entries)
            action()
        if until < float("inf"):
            self.now = max(self.now, until)


@dataclass(frozen=True, slots=True)
class Done:
    """What a function returned."""

    output: JSONValue


@dataclass(frozen=True, slots=True)
class Failed:
    """How a function failed: the error's name and its message."""

    error: str
    cause: str


Reply = Callable[[Done | Failed], None]
Call = Callable[[str, JSONValue, Reply], None]
"""Port: calls a function by its name with an event; sooner or later *Reply* is called, or never."""


@dataclass(slots=True)
class Run:
    """One execution.

    Attributes:
        closed: how it ended, None while it runs.
    """

    execution: Execution
    machine: Machine
    history: list[HistoryEvent] = field(default_factory=list)
    closed: CloseExecution | None = None

    @property
    def path(self) -> list[str]:
        """The states entered, in order."""
        entered = (event.details["stateEnteredEventDetails"] for event in self.history if "StateEntered" in event.type)
        return [str(details["name"]) for details in entered if isinstance(details, dict)]


class Executions:
    """Every execution of a rehearsal, by name; a name is used once, as AWS has it.

    Args:
        machines: compiled, by name.
        call: performs tasks.
    """

    def __init__(self, agenda: Agenda, machines: Mapping[str, Machine], call: Call, seed: int = 0) -> None:
        self.runs: dict[str, Run] = {}
        self._agenda = agenda
        self._machines = machines
        self._call = call
        self._ids = SeededIds(seed)
        self._tokens: dict[str, tuple[str, int]] = {}

    def start(self, machine: str, name: str, given: JSONValue) -> bool:
        """Starts an execution; False when the name is taken."""
        if name in self.runs:
            return False
        context = ExecutionContext(
            execution_arn=f"{_PREFIX}:execution:{machine}:{name}",
            execution_name=name,
            role_arn=f"arn:aws:iam::{ACCOUNT}:role/{machine}",
            started_at=self._agenda.now,
            state_machine_arn=f"{_PREFIX}:stateMachine:{machine}",
            state_machine_name=machine,
            input=encode(given),
            token_prefix=f"{name}/",
        )
        self.runs[name] = Run(Execution.new(context), self._machines[machine])
        self._handle(name, ExecutionStarted(self._agenda.now, self._ids.seed()))
        return True

    def succeed(self, token: str, output: JSONValue) -> bool:
        """SendTaskSuccess; False when the token is unknown, or was used."""
        waiting = self._tokens.pop(token, None)
        if waiting is None:
            return False
        name, task_id = waiting
        self._handle(name, TaskSucceeded(self._agenda.now, self._ids.seed(), task_id, encode(output)))
        return True

    def _handle(self, name: str, event: AnyEvent) -> None:
        run = self.runs[name]
        if run.closed is None:
            for command in advance(run.machine, run.execution, event, run.history):
                _PERFORM[type(command)](self, name, command)

    def _schedule(self, name: str, task: ScheduleTask) -> None:
        function, event, wrapped = _called(task)
        if task.token is not None:
            self._tokens[task.token] = (name, task.task_id)

        def reply(outcome: Done | Failed) -> None:
            at, seed = self._agenda.now, self._ids.seed()
            if isinstance(outcome, Failed):
                self._handle(name, TaskFailed(at, seed, task.task_id, outcome.error, outcome.cause))
                return
            output = encode(
                {"ExecutedVersion": "1", "Payload": outcome.output, "StatusCode": 200} if wrapped else outcome.output
            )
            kind = TaskSucceeded if task.token is None else TaskSubmitted
            self._handle(name, kind(at, seed, task.task_id, output))

        self._call(function, event, reply)

    def _start_timer(self, name: str, timer: StartTimer) -> None:
        # A cancelled timer fires too: the interpreter ignores it.
        self._agenda.at(
            timer.due_at,
            lambda: self._handle(name, TimerFired(self._agenda.now, self._ids.seed(), timer.timer_id)),
        )

    def _close(self, name: str, command: CloseExecution) -> None:
        self.runs[name].closed = command

    def _nothing(self, name: str, command: object) -> None:
        """Cancelled work is reported all the same: the interpreter ignores it."""


def _called(task: ScheduleTask) -> tuple[str, JSONValue, bool]:
    """The function a task calls, the event it gets, and whether its result comes inside that of lambda:invoke."""
    wrapped = task.resource.startswith(_LAMBDA_INVOKE)
    given: Any = task.parameters
    arn = given["FunctionName"] if wrapped else task.resource
    event = given.get("Payload", {}) if wrapped else given
    return arn.split(":")[6], decode(encode(event)), wrapped


_PERFORM: Mapping[type, Callable[[Executions, str, Any], None]] = {
    ScheduleTask: Executions._schedule,
    StartTimer: Executions._start_timer,
    CloseExecution: Executions._close,
    CancelTask: Executions._nothing,
    CancelTimer: Executions._nothing,
}
