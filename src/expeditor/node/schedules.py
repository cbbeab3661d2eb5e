"""Runs functions at their times: never two runs of one schedule at once, one run after a time of standing still."""

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from expeditor.clock import Clock
from expeditor.errors import ExpeditorError
from expeditor.node.schedule_expressions import next_at
from expeditor.store import Database
from expeditor.store import schedules as store
from expeditor.topics import Alarm


@dataclass(frozen=True, slots=True)
class Schedule:
    """What runs and when.

    Attributes:
        name: unique; its place in time is kept under it.
        expression: ``rate(…)`` or ``cron(…)``.
        timezone: IANA name.
        function: ARN of a function, version or alias.
        input: JSON text that the function gets.
    """

    name: str
    expression: str
    timezone: str
    function: str
    input: str


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """A schedule now; *next_at* is infinite when it never runs again, *last_error* None when the last run went well."""

    schedule: Schedule
    next_at: float
    running: bool
    last_started_at: float | None
    last_ended_at: float | None
    last_error: str | None


Invoke: TypeAlias = Callable[[Schedule], "asyncio.Future[str | None]"]
"""Port: runs a schedule's function; the future gives None, or a sentence about what went wrong."""


class _Place:
    """A schedule's place in time, as on disk, and whether it is running."""

    __slots__ = ("row", "running", "schedule")

    def __init__(self, schedule: Schedule, row: store.ScheduleRow) -> None:
        self.schedule = schedule
        self.row = row
        self.running = False


class Schedules:
    """The runner.

    The next instant is written when a run has ended, so a run that a crash cut short is made again. Instants that pass
    during a run, or while the node is down, are made up for by one run at most.
    """

    def __init__(self, database: Database, invoke: Invoke, clock: Clock, alarm: Alarm) -> None:
        self._database = database
        self._invoke = invoke
        self._clock = clock
        self._alarm = alarm
        self._places: dict[str, _Place] = {}
        self._closed = False

    def open(self, schedules: Iterable[Schedule]) -> None:
        """Takes up the schedules where they stand; what is overdue runs now.

        Raises:
            ScheduleExpressionError: an expression cannot be read.
        """
        known = store.read_schedules(self._database.reader)
        for schedule in schedules:
            row = known.get(schedule.name)
            if row is None or row.expression != _stored(schedule):
                row = self._first(schedule)
                self._write(row)
            self._places[schedule.name] = _Place(schedule, row)
        self._look()

    def close(self) -> None:
        """Starts nothing more; a run under way counts as cut short and is made again after the next ``open``."""
        self._closed = True
        self._alarm.set(None, self._look)

    def states(self) -> Sequence[ScheduleState]:
        """Every schedule, by name."""
        return [
            ScheduleState(
                place.schedule,
                place.row.next_at,
                place.running,
                place.row.last_started_at,
                place.row.last_ended_at,
                place.row.last_error,
            )
            for _, place in sorted(self._places.items())
        ]

    def run_now(self, name: str) -> bool:
        """Runs a schedule out of its time; False when it is running or unknown."""
        place = self._places.get(name)
        if place is None or place.running or self._closed:
            return False
        self._start(place)
        return True

    def _first(self, schedule: Schedule) -> store.ScheduleRow:
        at = next_at(schedule.expression, self._clock.now(), schedule.timezone)
        return store.ScheduleRow(schedule.name, _stored(schedule), at)

    def _look(self) -> None:
        """Starts what is due and sets the alarm for what comes next."""
        if self._closed:
            return
        now = self._clock.now()
        for place in self._places.values():
            if place.row.next_at <= now and not place.running:
                self._start(place)
        soonest = min((place.row.next_at for place in self._places.values() if not place.running), default=math.inf)
        self._alarm.set(soonest if soonest < math.inf else None, self._look)

    def _start(self, place: _Place) -> None:
        place.running = True
        started_at = self._clock.now()
        try:
            future = self._invoke(place.schedule)
        except ExpeditorError as error:
            self._end(place, started_at, str(error))
        else:
            future.add_done_callback(partial(self._answered, place, started_at))

    def _answered(self, place: _Place, started_at: float, future: "asyncio.Future[str | None]") -> None:
        if self._closed or future.cancelled():
            place.running = False
            return
        error = future.exception()
        self._end(place, started_at, future.result() if error is None else f"{type(error).__name__}: {error}")
        self._look()

    def _end(self, place: _Place, started_at: float, error: str | None) -> None:
        place.running = False
        now, schedule = self._clock.now(), place.schedule
        following = place.row.next_at
        if following <= now:
            following = next_at(schedule.expression, following, schedule.timezone)
        if following <= now:
            following = next_at(schedule.expression, now, schedule.timezone)
        place.row = replace(
            place.row, next_at=following, last_started_at=started_at, last_ended_at=now, last_error=error
        )
        self._write(place.row)

    def _write(self, row: store.ScheduleRow) -> None:
        """A commit that fails costs a run too many after the next start, which is all it can do: jobs may run twice."""
        written = self._database.submit(lambda connection: store.put_schedule(connection, row))
        written.add_done_callback(asyncio.Future.exception)


def _stored(schedule: Schedule) -> str:
    return f"{schedule.expression} {schedule.timezone}"
