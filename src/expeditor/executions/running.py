"""Executions in memory: one that runs, and what one commit holds of all of them."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import msgspec

from expeditor.asl import (
    AnyEvent,
    Execution,
    ExecutionStarted,
    HistoryEvent,
    Machine,
    ScheduleTask,
    TaskFailed,
    TaskStarted,
    TaskSubmitted,
    TaskSucceeded,
    TimerFired,
    Turn,
)
from expeditor.integrations import Cancel, ClosedExecution
from expeditor.store.executions import Closing, JournalEntry, NewExecution

Waiter: TypeAlias = asyncio.Future[Any]

_TASK_EVENTS = (TaskSucceeded, TaskFailed, TaskSubmitted, TaskStarted)


class Underway(msgspec.Struct, eq=False):
    """The handling of one event, which may take more than one turn of the event loop.

    Attributes:
        backlog: what has happened to the execution since; it waits until this event is handled.
    """

    event: AnyEvent
    waiter: Waiter | None
    turn: Turn | None = None
    backlog: list[tuple[AnyEvent, Waiter | None]] = []

    def waiters(self) -> list[Waiter]:
        """Everyone who waits for this event or one of the backlog to be on disk."""
        return [waiter for waiter in (self.waiter, *(waiter for _, waiter in self.backlog)) if waiter is not None]


class Running(msgspec.Struct, eq=False):
    """One execution that has not ended, kept slim: thousands may wait at once.

    Attributes:
        seq: of the last journaled outcome.
        row: inserted with the first commit; None once that is on disk.
        is_inserted: whether that commit is under way or on disk.
        closing: how it ended; from then on nothing that happens to it matters.
        lost: a commit that held a part of it failed, so this object must not be used any more.
        starting: who waits for its first commit; None once that is on disk.
        cancels: what stops the tasks under way, by task id.
        heartbeats: when the heartbeat timers that were restarted are due, by timer id.
        underway: the event that is only partly handled, if there is one; nothing of it is in any commit yet.
        map_runs: how many of them are, or are being, written.
    """

    id: int
    arn: str
    machine: Machine
    execution: Execution
    seq: int = 0
    row: NewExecution | None = None
    is_inserted: bool = True
    closing: Closing | None = None
    lost: bool = False
    starting: list[Waiter] | None = None
    cancels: dict[int, Cancel] | None = None
    heartbeats: dict[int, float] | None = None
    underway: Underway | None = None
    map_runs: int = 0

    def matters(self, event: AnyEvent) -> bool:
        """Whether *event* can still change anything."""
        if self.closing is not None or self.lost:
            return False
        if isinstance(event, _TASK_EVENTS):
            return event.task_id in self.execution.tasks
        return not isinstance(event, TimerFired) or event.timer_id in self.execution.timers

    def take_cancel(self, task_id: int) -> Cancel | None:
        """Removes and returns what stops that task, if it can be stopped."""
        return self.cancels.pop(task_id, None) if self.cancels else None

    def closed(self) -> ClosedExecution:
        """The end of this execution."""
        context, closing = self.execution.context, self.closing
        assert closing is not None
        return ClosedExecution(
            arn=self.arn,
            name=context.execution_name,
            state_machine_arn=context.state_machine_arn,
            status=closing.status,
            input=context.input,
            output=closing.output,
            error=closing.error,
            cause=closing.cause,
            started_at=context.started_at,
            stopped_at=closing.stopped_at,
        )


class Batch(msgspec.Struct):
    """What one commit writes, and what is done once it is on disk.

    Attributes:
        touched: every execution the commit holds a part of, by id.
        answers: futures and the results they get.
        tasks: to be started.
        cancels: of tasks nobody waits for any more.
        logs: history events of executions that are logged, by id.
    """

    touched: dict[int, Running] = {}
    started: list[Running] = []
    entries: list[JournalEntry] = []
    closed: list[Running] = []
    answers: list[tuple[Waiter, object]] = []
    tasks: list[tuple[Running, ScheduleTask]] = []
    cancels: list[Callable[[], None]] = []
    logs: list[tuple[int, list[HistoryEvent]]] = []

    def __bool__(self) -> bool:
        return bool(self.touched or self.answers)

    def rows(self) -> "Rows":
        """What is written; from then on the started executions count as inserted."""
        started: list[NewExecution] = []
        closed = [running.closing for running in self.closed if running.is_inserted and running.closing is not None]
        for running in self.started:
            row, closing = running.row, running.closing
            assert row is not None
            started.append(row if closing is None else _already_closed(row, closing))
            running.is_inserted = True
        return Rows(started, self.entries, closed, self._map_runs())

    def _map_runs(self) -> list[tuple[str, int]]:
        """Map runs that have begun since the last commit of their execution."""
        found: list[tuple[str, int]] = []
        for running in self.touched.values():
            runs = running.execution.map_runs
            if len(runs) > running.map_runs and running.underway is None:
                found += [(arn, running.id) for arn in runs]
                running.map_runs = len(runs)
        return found


class Rows(NamedTuple):
    """Executions to insert, outcomes, executions to update because they ended, map runs and their executions."""

    started: list[NewExecution]
    entries: list[JournalEntry]
    closed: list[Closing]
    map_runs: list[tuple[str, int]]


def answer(waiter: Waiter, value: object) -> None:
    """Gives *waiter* its result, unless it has stopped waiting."""
    if not waiter.done():
        waiter.set_result(value)


def refuse(waiter: Waiter, error: BaseException) -> None:
    """Lets *waiter* fail, unless it has stopped waiting."""
    if not waiter.done():
        waiter.set_exception(error)


def is_journaled(event: AnyEvent) -> bool:
    """Whether *event* needs a row of its own: the execution's row holds all that its start needs."""
    return not isinstance(event, ExecutionStarted)


def _already_closed(row: NewExecution, closing: Closing) -> NewExecution:
    return row._replace(
        status=closing.status,
        output=closing.output,
        error=closing.error,
        cause=closing.cause,
        stopped_at=closing.stopped_at,
    )
