"""An engine on a real database file, with scripted tasks and a clock that is moved by hand."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import apsw
import pytest

from expeditor.clock import ManualClock
from expeditor.executions import CreateStateMachine, Engine, Parts, StartedExecution
from expeditor.ids import SeededIds
from expeditor.integrations import Cancel, Executions, Outcome, Report, TaskRequest, TaskStarter
from expeditor.payloads import JSONValue, encode
from expeditor.store import CommitUnknownError, Database

T = TypeVar("T")
Script = Callable[[TaskRequest], Outcome | None]


class ManualAlarm:
    """Rings when the test says that time has passed."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._due_at: float | None = None
        self._ring: Callable[[], None] = lambda: None

    def set(self, due_at: float | None, ring: Callable[[], None]) -> None:
        self._due_at, self._ring = due_at, ring

    def ring_if_due(self) -> None:
        if self._due_at is not None and self._due_at <= self._clock.now():
            self._due_at = None
            self._ring()


class ScriptedTasks:
    """Answers tasks from a script; None leaves a task open for the test to report on."""

    def __init__(self, script: Script, clock: ManualClock) -> None:
        self.script = script
        self.clock = clock
        self.requests: list[TaskRequest] = []
        self.open: list[tuple[TaskRequest, Report]] = []
        self.cancelled: list[int] = []
        self.executions: Executions | None = None

    def attach(self, executions: Executions) -> None:
        self.executions = executions

    def is_supported(self, resource: str) -> bool:
        return True

    def start(self, request: TaskRequest, report: Report) -> Cancel | None:
        self.requests.append(request)
        outcome = self.script(request)
        if outcome is not None:
            report(outcome)
            return None
        self.open.append((request, report))
        return lambda: self.cancelled.append(request.task_id)

    def finish(self, outcome: Outcome, arn: str | None = None) -> None:
        """Reports on the oldest open task, of the execution *arn* if that is given."""
        opened = next(one for one in self.open if arn in (None, one[0].execution_arn))
        self.open.remove(opened)
        opened[1](outcome)


class FaultyDatabase:
    """The real database, until the commit with number *fail_at*, counted from 1.

    ``before`` and ``after``: the process ends before or after that commit, so nobody hears of it. ``unknown`` and
    ``unknown_written``: the commit raises, and was not, or was, on disk.
    """

    def __init__(self, real: Database) -> None:
        self.real = real
        self.reader = real.reader
        self.commits = 0
        self.fail_at = 0
        self.how = ""
        self.is_dropped = False

    @property
    def has_crashed(self) -> bool:
        return self.how in ("before", "after") and 0 < self.fail_at <= self.commits

    def submit(self, run: Callable[[apsw.Connection], T]) -> "asyncio.Future[T]":
        self.commits += 1
        if self.is_dropped or (self.has_crashed and self.commits > self.fail_at):
            return asyncio.get_running_loop().create_future()
        if self.commits != self.fail_at:
            return self.real.submit(run)
        return _FAULTS[self.how](self.real, run)


def _never(real: Database, run: Callable[[apsw.Connection], T]) -> "asyncio.Future[T]":
    return asyncio.get_running_loop().create_future()


def _unheard(real: Database, run: Callable[[apsw.Connection], T]) -> "asyncio.Future[T]":
    real.submit(run)
    return asyncio.get_running_loop().create_future()


def _refused(real: Database, run: Callable[[apsw.Connection], T]) -> "asyncio.Future[T]":
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    future.set_exception(CommitUnknownError(real.path, "injected"))
    return future


def _written_but_refused(real: Database, run: Callable[[apsw.Connection], T]) -> "asyncio.Future[T]":
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    error = CommitUnknownError(real.path, "injected")
    real.submit(run).add_done_callback(lambda _: future.set_exception(error))
    return future


_FAULTS = {"before": _never, "after": _unheard, "unknown": _refused, "unknown_written": _written_but_refused}


class World:
    """Everything around one engine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = ManualClock()
        self.ids = SeededIds(7)
        self.alarm = ManualAlarm(self.clock)
        self.tasks = ScriptedTasks(lambda _: None, self.clock)
        self.wrap: Callable[[ScriptedTasks], TaskStarter] = lambda tasks: tasks
        self.database: FaultyDatabase
        self.engine: Engine

    async def open(self) -> Engine:
        self.database = FaultyDatabase(Database.open(self.path, "expeditor.store.migrations"))
        self.alarm = ManualAlarm(self.clock)
        parts = Parts(self.database, self.wrap(self.tasks), self.clock, self.ids, self.alarm)  # type: ignore[arg-type]
        self.engine = await Engine.open(parts)
        return self.engine

    async def crash(self) -> Engine:
        """Drops the engine as it stands and opens another one on the same file."""
        script = self.tasks.script
        await self.close()
        self.tasks = ScriptedTasks(script, self.clock)
        return await self.open()

    async def close(self) -> None:
        self.database.is_dropped = True
        await self.database.real.close()

    async def machine(self, definition: JSONValue, name: str = "m") -> str:
        text = encode(definition).decode()
        created = await self.engine.machines.create(CreateStateMachine(name, text, "arn:aws:iam::000000000000:role/r"))
        return created.arn

    async def start(self, arn: str, name: str | None = None, value: JSONValue = None) -> StartedExecution:
        return await self.engine.start_execution(arn, name, encode({} if value is None else value))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Lets the engine work until *condition* holds; time passes only where the test moves the clock."""
        for _ in range(10_000):
            if condition():
                return
            self.alarm.ring_if_due()
            await asyncio.sleep(0)
            await self._settle()
        raise AssertionError("the engine came to rest without it")

    async def _settle(self) -> None:
        """Waits for what the writer has in hand."""
        await self.database.real.submit(lambda _: None)

    async def elapse(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.alarm.ring_if_due()
        await self._settle()


@pytest.fixture
async def world(tmp_path: Path, anyio_backend: str):  # type: ignore[no-untyped-def]
    world = World(tmp_path / "node.db")
    await world.open()
    yield world
    await world.close()


@pytest.fixture
def worlds(tmp_path: Path) -> Callable[[str], World]:
    """Makes worlds of their own, each on the file of that name."""
    return lambda name: World(tmp_path / f"{name}.db")
