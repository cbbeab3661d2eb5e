"""Events: invocations that the caller does not wait for. On disk before they are accepted, run at least once."""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass

import apsw
import msgspec

from expeditor.clock import Clock
from expeditor.errors import ServiceError
from expeditor.functions import refusals
from expeditor.functions.versions import Invocation
from expeditor.store import Database
from expeditor.store import functions as functions_store
from expeditor.store.functions import EventRow

THROTTLED_SECONDS_MIN = 1.0
THROTTLED_SECONDS_MAX = 300.0


@dataclass(frozen=True, slots=True)
class EventSettings:
    """How events are run.

    Attributes:
        retry_seconds: before each further run of an event whose function failed. Source: Lambda developer guide,
            "Error handling for asynchronous invocation": two more attempts, after one minute and after two.
        age_seconds_max: for how long an event is tried again that cannot be run because of throttling.
        running_max: events of one function that run, and are in memory, at the same time.
        failed_kept: failed events kept per function.
    """

    retry_seconds: tuple[float, ...] = (60.0, 120.0)
    age_seconds_max: float = 21_600.0
    running_max: int = 32
    failed_kept: int = 1000


@dataclass(frozen=True, slots=True)
class Event:
    """An accepted event that used up its attempts; *error* is JSON text of the last error object."""

    event_id: str
    function: str
    qualifier: str | None
    payload: bytes
    accepted_at: float
    failed_at: float
    attempts: int
    error: bytes


class _Line:
    """The events of one function: those that wait, soonest due first, and how many run."""

    __slots__ = ("due", "running", "timer")

    def __init__(self) -> None:
        self.due: list[tuple[float, str]] = []
        self.running = 0
        self.timer: asyncio.TimerHandle | None = None

    def stop_timer(self) -> None:
        """Nothing comes back to it by itself."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class EventQueue:
    """Runs accepted events by *run*, of each function the soonest due first; goes on after a restart where the store
    stands. Functions do not wait for each other.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        run: Callable[[EventRow], "asyncio.Future[Invocation]"],
        settings: EventSettings,
    ) -> None:
        self._database = database
        self._clock = clock
        self._run = run
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._lines: dict[str, _Line] = {}
        self._closed = False
        for name, due_at, event_id in functions_store.events_waiting(database.reader):
            self._lines.setdefault(name, _Line()).due.append((due_at, event_id))
        self._first_pump = self._loop.call_soon(self._pump_all)

    def accept(self, row: EventRow) -> "asyncio.Future[str]":
        """Takes *row* to be run; gives its id once it is on disk."""

        def insert(connection: apsw.Connection) -> str:
            functions_store.insert_event(connection, row)
            return row.event_id

        future = self._database.submit(insert)
        future.add_done_callback(lambda done: self._enqueue(row, row.due_at) if _succeeded(done) else None)
        return future

    def failed(self, function: str) -> list[Event]:
        """The events of *function* that used up their attempts, newest first."""
        rows = functions_store.events_failed(self._database.reader, function, self._settings.failed_kept)
        return [_event(row) for row in rows]

    def close(self) -> None:
        """Runs no more; what runs or waits is run after the next start."""
        self._closed = True
        self._first_pump.cancel()
        for line in self._lines.values():
            line.stop_timer()

    def _pump_all(self) -> None:
        """Goes on where the store stands."""
        for name in list(self._lines):
            self._pump(name)

    def _enqueue(self, row: EventRow, due_at: float) -> None:
        """Puts an event into its line, once the store has it as it is to be run."""
        heapq.heappush(self._lines.setdefault(row.name, _Line()).due, (due_at, row.event_id))
        self._pump(row.name)

    def _pump(self, name: str) -> None:
        """Starts what is due of one function, and comes back when the next is."""
        line = self._lines[name]
        line.stop_timer()
        if self._closed:
            return
        now = self._clock.now()
        while line.due and not self._wait_seconds(line, now) and line.running < self._settings.running_max:
            self._start(line, heapq.heappop(line.due)[1])
        if line.due and (wait_seconds := self._wait_seconds(line, now)):
            line.timer = self._loop.call_later(wait_seconds, self._pump, name)
        if not line.due and not line.running:
            del self._lines[name]

    def _wait_seconds(self, line: _Line, now: float) -> float:
        """Until the next event of *line* is due, 0 if it is.

        None is postponed by more than the longest delay; one that seems to be is of before the clock was put back.
        """
        wait_seconds = line.due[0][0] - now
        longest = max((THROTTLED_SECONDS_MAX, *self._settings.retry_seconds))
        return wait_seconds if 0 < wait_seconds <= longest else 0.0

    def _start(self, line: _Line, event_id: str) -> None:
        row = functions_store.event(self._database.reader, event_id)
        if row is None:
            return
        line.running += 1
        self._run(row).add_done_callback(lambda done: self._ran(line, row, done))

    def _ran(self, line: _Line, row: EventRow, done: "asyncio.Future[Invocation]") -> None:
        line.running -= 1
        refusal = done.exception()
        if self._closed:
            return
        if refusal is None:
            self._answered(row, done.result())
        else:
            assert isinstance(refusal, ServiceError), refusal
            self._refused(row, refusal)
        self._pump(row.name)

    def _answered(self, row: EventRow, invocation: Invocation) -> None:
        if invocation.function_error is None:
            self._write(lambda connection: functions_store.delete_event(connection, row.event_id))
        elif row.attempts < len(self._settings.retry_seconds):
            delay = self._settings.retry_seconds[row.attempts]
            self._postpone(row, row.attempts + 1, delay)
        else:
            self._fail(row, invocation.payload)

    def _refused(self, row: EventRow, refusal: ServiceError) -> None:
        """Tries again what was throttled, each time after twice as long, until the event is too old."""
        age = self._clock.now() - row.accepted_at
        passing = isinstance(refusal, refusals.TooManyRequestsError | refusals.ServiceUnavailableError)
        if passing and age < self._settings.age_seconds_max:
            self._postpone(row, row.attempts, min(THROTTLED_SECONDS_MAX, max(THROTTLED_SECONDS_MIN, age)))
        else:
            self._fail(row, msgspec.json.encode({"errorType": refusal.code, "errorMessage": str(refusal)}))

    def _postpone(self, row: EventRow, attempts: int, delay: float) -> None:
        due_at = self._clock.now() + delay
        postponed = self._write(
            lambda connection: functions_store.postpone_event(connection, row.event_id, attempts, due_at)
        )
        postponed.add_done_callback(lambda _: self._enqueue(row, due_at))

    def _fail(self, row: EventRow, error: bytes) -> None:
        failed_at = self._clock.now()

        def fail(connection: apsw.Connection) -> None:
            functions_store.fail_event(connection, row.event_id, failed_at, error)
            functions_store.drop_failed_events(connection, row.name, self._settings.failed_kept)

        self._write(fail)

    def _write(self, run: Callable[[apsw.Connection], None]) -> "asyncio.Future[None]":
        """Writes what came of an event; if that fails the event is run again after a restart, which is allowed."""
        future = self._database.submit(run)
        future.add_done_callback(_succeeded)
        return future


def _succeeded(done: "asyncio.Future[str] | asyncio.Future[None]") -> bool:
    return not done.cancelled() and done.exception() is None


def _event(row: EventRow) -> Event:
    assert row.failed_at is not None
    assert row.error is not None
    return Event(
        row.event_id,
        row.name,
        row.qualifier,
        row.payload,
        row.accepted_at,
        row.failed_at,
        row.attempts + 1,
        row.error,
    )
