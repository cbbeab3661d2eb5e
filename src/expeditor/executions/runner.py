"""Outcomes in, commands out: advances executions and performs what is on disk."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from expeditor.asl import (
    AnyEvent,
    CancelTask,
    CancelTimer,
    CloseExecution,
    Command,
    ExecutionAborted,
    ExecutionStarted,
    ExecutionStatus,
    HistoryPage,
    ScheduleTask,
    StartTimer,
    TaskFailed,
    TaskSubmitted,
    TaskSucceeded,
    begin,
    go_on,
)
from expeditor.executions.activities import Activities
from expeditor.executions.clockwork import Clockwork
from expeditor.executions.commits import Commits
from expeditor.executions.errors import EngineClosedError, ExecutionUnavailableError, TaskTimedOutError
from expeditor.executions.history_logs import HistoryLogs
from expeditor.executions.journal import encode_event
from expeditor.executions.names import Names
from expeditor.executions.parts import Parts
from expeditor.executions.recovery import Recovered
from expeditor.executions.registry import Registry
from expeditor.executions.running import Batch, Running, Underway, Waiter, answer, is_journaled, refuse
from expeditor.integrations import Cancel, Failed, Outcome, StartedExecution, Submitted, Succeeded, TaskRequest, is_job
from expeditor.store.executions import Closing, JournalEntry

_log = logging.getLogger(__name__)

_ACTIVITY = ":activity:"

WORK_AT_ONCE = 50
"""How far one execution moves on before it is the others' turn; as ``go_on`` counts. Most events need two or three."""


class ChangeKind(StrEnum):
    """What happened to an execution, as subscribers hear of it."""

    STARTED = "started"
    MOVED = "moved"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Change:
    """One execution that changed in a commit that is now on disk."""

    arn: str
    kind: ChangeKind


Subscriber = Callable[[list[Change]], None]


class Runner:
    """Advances executions, has what came of it committed, and performs the commands once that is on disk.

    Attributes:
        subscribers: called once per commit.
        clockwork: the timers.
        activities: what performs tasks of activities.
        logs: whose histories are logged.
    """

    def __init__(
        self, parts: Parts, registry: Registry, names: Names, on_lost: Callable[[list[Running]], None]
    ) -> None:
        self.subscribers: list[Subscriber] = []
        self.logs = HistoryLogs(parts.logs)
        self.clockwork = Clockwork(parts, registry, self.post)
        self.activities = Activities(parts, registry, self.post, self.clockwork.call_later)
        self._parts = parts
        self._registry = registry
        self._names = names
        self._on_lost = on_lost
        self._commits = Commits(parts.database, self, registry.by_id)
        self._loop = asyncio.get_running_loop()
        self._inbox: list[tuple[Running, AnyEvent, Waiter | None]] = []
        self._is_drain_due = False
        self._is_stopped = False

    def begin(self, running: Running) -> None:
        """Starts an execution whose row is still to be inserted."""
        assert running.row is not None
        self._registry.add(running)
        self.post(running, ExecutionStarted(running.row.started_at, running.row.seed))

    def resume(self, recovered: Recovered) -> None:
        """Goes on with an execution rebuilt from its journal: its timers run, its pending tasks are started again."""
        running = recovered.running
        self.clockwork.restart(running)
        for command in running.execution.pending_tasks:
            if command.task_id not in recovered.taken:
                self._start_task(running, command, recovered.submitted.get(command.task_id))

    def end(self, running: Running, command: CloseExecution) -> None:
        """Ends an execution that its journal leaves in no state to go on."""
        self._registry.add(running)
        self._commits.batch.touched[running.id] = running
        self._close(running, command, self._parts.clock.now())
        self._commits.submit()

    def post(self, running: Running, event: AnyEvent, waiter: Waiter | None = None) -> None:
        """Hands over an outcome; *waiter* is answered with the event's instant when it is on disk.

        Raises (through the waiter):
            TaskTimedOutError: the outcome of a task that has ended already.
        """
        self._inbox.append((running, event, waiter))
        if not self._is_drain_due:
            self._is_drain_due = True
            self._loop.call_soon(self._drain)

    async def stop(self) -> None:
        """Takes in no more outcomes of tasks and timers, and returns when all that was handled is on disk."""
        self._is_stopped = True
        self.clockwork.stop()
        self._drain()
        await self._commits.drained()

    def perform(self, batch: Batch, taken: frozenset[int]) -> None:
        """See Effects."""
        for waiter, value in batch.answers:
            answer(waiter, value)
        for running in batch.started:
            if running.id in taken:
                self._names.give_up(running)
            else:
                _announce(running)
        for running, command in batch.tasks:
            if command.task_id in running.execution.tasks and not running.lost:
                self._start_task(running, command)
        for cancel in batch.cancels:
            cancel()
        for execution_id, events in batch.logs:
            if execution_id not in taken:
                self.logs.write(execution_id, events)
        for running in batch.closed:
            self.logs.forget(running.id)
            if not running.lost:
                self._registry.close(running)
        if self.subscribers:
            self._publish(batch)

    def lose(self, lost: dict[int, Running], error: BaseException) -> None:
        """See Effects."""
        for running in lost.values():
            running.lost = True
            self._registry.remove(running)
            for cancel in _cancels_of_calls(running):
                cancel()
            for waiter in running.starting or ():
                refuse(waiter, error)
        self._on_lost(list(lost.values()))

    def _drain(self) -> None:
        self._is_drain_due = False
        inbox, self._inbox = self._inbox, []
        for running, event, waiter in inbox:
            if running.underway is not None:
                running.underway.backlog.append((event, waiter))
            elif running.matters(event):
                self._move(running, Underway(event, waiter))
            elif waiter is not None:
                self._answer_late(running, event, waiter)
        self.clockwork.rearm()
        self._commits.submit()

    def _move(self, running: Running, underway: Underway) -> None:
        """Handles an event, or a part of it and later the rest, so that other executions go on meanwhile."""
        event = underway.event
        try:
            if underway.turn is None:
                history = HistoryPage() if self.logs.follows(running.id) else None
                underway.turn = begin(running.machine, running.execution, event, history)
            is_over = go_on(underway.turn, WORK_AT_ONCE)
        except Exception:  # noqa: BLE001
            # The edge of the interpreter: a bug in it, or a broken invariant, stops this one execution.
            _log.exception("%s stops: the interpreter could not handle %s", running.arn, type(event).__name__)
            self._take_in(running, underway)
            self._stop_broken(running, "The interpreter raised an error; the node's log has the details", event.at)
            return
        if not is_over:
            running.underway = underway
            self._loop.call_soon(self._go_on, running, underway)
            return
        batch, turn = self._commits.batch, underway.turn
        self._take_in(running, underway)
        if is_journaled(event):
            running.seq += 1
            batch.entries.append(JournalEntry(running.id, running.seq, encode_event(event)))
        if turn.history:
            batch.logs.append((running.id, turn.history))
        for command in turn.commands:
            _APPLY[type(command)](self, running, command, event.at)

    def _go_on(self, running: Running, underway: Underway) -> None:
        running.underway = None
        if running.lost or self._is_stopped:
            _drop(running, underway)
            return
        self._move(running, underway)
        if running.underway is None:
            self._inbox[:0] = [(running, event, waiter) for event, waiter in underway.backlog]
        self._drain()

    def _take_in(self, running: Running, underway: Underway) -> None:
        """Has the next commit hold the event, and answer who waits for that."""
        batch, event = self._commits.batch, underway.event
        batch.touched[running.id] = running
        if underway.waiter is not None:
            batch.answers.append((underway.waiter, event.at))
        if not is_journaled(event):
            batch.started.append(running)

    def _answer_late(self, running: Running, event: AnyEvent, waiter: Waiter) -> None:
        if running.lost:
            refuse(waiter, ExecutionUnavailableError(running.arn))
        elif running.closing is not None and isinstance(event, ExecutionAborted):
            # The end may not be on disk yet, so the answer waits for the next commit.
            self._commits.batch.answers.append((waiter, running.closing.stopped_at))
        else:
            refuse(waiter, TaskTimedOutError())

    def _stop_broken(self, running: Running, cause: str, at: float) -> None:
        self._close(running, CloseExecution(ExecutionStatus.FAILED, error="States.Runtime", cause=cause), at)
        self._commits.batch.cancels.extend((running.cancels or {}).values())
        running.cancels = None

    def _schedule(self, running: Running, command: ScheduleTask, _at: float) -> None:
        self._commits.batch.tasks.append((running, command))

    def _cancel(self, running: Running, command: CancelTask, _at: float) -> None:
        cancel = running.take_cancel(command.task_id)
        if cancel is not None:
            self._commits.batch.cancels.append(cancel)

    def _close(self, running: Running, command: CloseExecution, at: float) -> None:
        running.closing = Closing(command.status.value, command.output, command.error, command.cause, at, running.id)
        self._commits.batch.closed.append(running)

    def _start_task(self, running: Running, command: ScheduleTask, submitted: bytes | None = None) -> None:
        request = TaskRequest(
            command.resource, command.parameters, running.arn, command.task_id, command.token, submitted
        )
        report = partial(self._report, running, command.task_id)
        start = self.activities.start if _ACTIVITY in command.resource else self._parts.integrations.start
        try:
            cancel = start(request, report)
        except Exception as error:  # noqa: BLE001
            # The edge of the integrations: whatever they raise is the failure of this one task.
            _log.exception("task %d of %s could not be started", command.task_id, running.arn)
            report(Failed("States.Runtime", f"{command.resource} could not be called: {error}"))
            return
        if cancel is not None:
            if running.cancels is None:
                running.cancels = {}
            running.cancels[command.task_id] = cancel

    def _report(self, running: Running, task_id: int, outcome: Outcome) -> None:
        if self._is_stopped:
            return
        at, seed = self._parts.clock.now(), self._parts.ids.seed()
        if isinstance(outcome, Submitted):
            self.post(running, TaskSubmitted(at, seed, task_id, outcome.output))
            return
        running.take_cancel(task_id)
        if isinstance(outcome, Succeeded):
            self.post(running, TaskSucceeded(at, seed, task_id, outcome.output))
        else:
            self.post(running, TaskFailed(at, seed, task_id, outcome.error, outcome.cause))

    def _publish(self, batch: Batch) -> None:
        kinds = dict.fromkeys((running.arn for running in batch.touched.values()), ChangeKind.MOVED)
        kinds |= dict.fromkeys((running.arn for running in batch.started), ChangeKind.STARTED)
        kinds |= dict.fromkeys((running.arn for running in batch.closed), ChangeKind.CLOSED)
        changes = [Change(arn, kind) for arn, kind in kinds.items()]
        for subscriber in self.subscribers:
            subscriber(changes)


_APPLY: dict[type[Command], Callable[..., None]] = {
    ScheduleTask: Runner._schedule,
    CancelTask: Runner._cancel,
    StartTimer: lambda runner, running, command, _at: runner.clockwork.start(running, command),
    CancelTimer: lambda runner, running, command, _at: runner.clockwork.cancel(running, command.timer_id),
    CloseExecution: Runner._close,
}


def _announce(running: Running) -> None:
    started = StartedExecution(running.arn, running.execution.context.started_at)
    for waiter in running.starting or ():
        answer(waiter, started)
    running.starting = running.row = None


def _cancels_of_calls(running: Running) -> list[Cancel]:
    """What stops the calls under way; a job goes on, and is waited for again once the execution is rebuilt."""
    jobs = {task.task_id for task in running.execution.pending_tasks if is_job(task.resource)}
    return [cancel for task_id, cancel in (running.cancels or {}).items() if task_id not in jobs]


def _drop(running: Running, underway: Underway) -> None:
    """Forgets an event that nothing holds yet: whoever caused it does so again, or is told that it failed."""
    error = ExecutionUnavailableError(running.arn) if running.lost else EngineClosedError()
    starting = () if is_journaled(underway.event) else running.starting or ()
    for waiter in (*underway.waiters(), *starting):
        refuse(waiter, error)
