"""Drives one execution by hand: events in, commands out."""

import json
from typing import Any

from expeditor.asl import (
    AnyEvent,
    CloseExecution,
    Command,
    Execution,
    ExecutionAborted,
    ExecutionContext,
    ExecutionRedriven,
    ExecutionStarted,
    HistoryEvent,
    ScheduleTask,
    StartTimer,
    TaskFailed,
    TaskStarted,
    TaskSucceeded,
    TimerFired,
    advance,
    compile_definition,
)

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:work"
SEED = b"0123456789abcdef"


def machine_of(**states: dict[str, Any]) -> dict[str, Any]:
    """A definition that starts at the first of *states*."""
    return {"StartAt": next(iter(states)), "States": states}


def task(**fields: Any) -> dict[str, Any]:
    """A Task state that ends the flow unless *fields* has ``Next``."""
    return {"Type": "Task", "Resource": FUNCTION, **({} if "Next" in fields else {"End": True}), **fields}


class Driven:
    """An execution under way.

    Attributes:
        commands: what the latest event asked for.
        journal: every event so far.
    """

    def __init__(self, definition: dict[str, Any], payload: Any = None, **context: Any) -> None:
        self.machine = compile_definition(json.dumps(definition))
        self.context = ExecutionContext(
            execution_arn="arn:aws:states:us-east-1:000000000000:execution:orders:o-1",
            execution_name="o-1",
            role_arn="arn:aws:iam::000000000000:role/orders",
            started_at=1000.0,
            state_machine_arn="arn:aws:states:us-east-1:000000000000:stateMachine:orders",
            state_machine_name="orders",
            input=json.dumps({} if payload is None else payload).encode(),
            **context,
        )
        self.execution = Execution.new(self.context)
        self.now = 1000.0
        self.history: list[HistoryEvent] = []
        self.journal: list[AnyEvent] = []
        self.commands: list[Command] = []
        self.send(ExecutionStarted(self.now, SEED))

    def send(self, event: AnyEvent) -> "Driven":
        """Handles one event."""
        self.journal.append(event)
        self.commands = advance(self.machine, self.execution, event, self.history)
        return self

    def succeed(self, output: Any = None, task_id: int | None = None) -> "Driven":
        """The oldest task, or the one with *task_id*, succeeds."""
        return self.send(TaskSucceeded(self.now, SEED, self._task(task_id), json.dumps(output).encode()))

    def fail(self, error: str | None, cause: str | None = "why", task_id: int | None = None) -> "Driven":
        """The oldest task, or the one with *task_id*, fails."""
        return self.send(TaskFailed(self.now, SEED, self._task(task_id), error, cause))

    def take_up(self, worker_name: str | None = "w-1") -> "Driven":
        """A worker takes up the oldest task."""
        return self.send(TaskStarted(self.now, SEED, self._task(None), worker_name))

    def fire(self) -> "Driven":
        """Time passes until the next timer is due."""
        timer = min(self.execution.pending_timers, key=lambda one: one.due_at)
        self.now = max(self.now, timer.due_at)
        return self.send(TimerFired(self.now, SEED, timer.timer_id))

    def abort(self) -> "Driven":
        """StopExecution."""
        return self.send(ExecutionAborted(self.now, SEED, "Stopped", "by hand"))

    def redrive(self) -> "Driven":
        """RedriveExecution."""
        return self.send(ExecutionRedriven(self.now, SEED))

    def _task(self, task_id: int | None) -> int:
        return self.execution.pending_tasks[0].task_id if task_id is None else task_id

    @property
    def status(self) -> str:
        """AWS's name."""
        return str(self.execution.status)

    @property
    def output(self) -> Any:
        """The decoded output."""
        assert self.execution.output is not None, (self.execution.error, self.execution.cause)
        return json.loads(self.execution.output)

    @property
    def scheduled(self) -> list[ScheduleTask]:
        """Tasks the latest event asked for."""
        return [one for one in self.commands if isinstance(one, ScheduleTask)]

    @property
    def timers(self) -> list[StartTimer]:
        """Timers the latest event asked for."""
        return [one for one in self.commands if isinstance(one, StartTimer)]

    @property
    def closing(self) -> CloseExecution | None:
        """How the latest event ended the execution, if it did."""
        return next((one for one in self.commands if isinstance(one, CloseExecution)), None)

    @property
    def path(self) -> list[str]:
        """Names of the states entered, in order."""
        return [
            str(event.details["stateEnteredEventDetails"]["name"])  # type: ignore[index,call-overload]
            for event in self.history
            if event.type.endswith("StateEntered")
        ]

    @property
    def types(self) -> list[str]:
        """Types of the history events."""
        return [event.type for event in self.history]

    @property
    def active(self) -> list[str]:
        """Names of the innermost paths of the states under way."""
        return ["/".join(map(str, state.path)) for state in self.execution.active_states]
