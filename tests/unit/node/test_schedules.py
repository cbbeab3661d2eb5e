"""When schedules run: expressions, time zones, no overlap, one run after standing still."""

import asyncio
import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expeditor.clock import ManualClock
from expeditor.errors import ExpeditorError
from expeditor.node.schedule_expressions import ScheduleExpressionError, next_at
from expeditor.node.schedules import Schedule, Schedules
from expeditor.store import Database


def at(text: str, timezone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(timezone)).timestamp()


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("rate(1 minute)", "2026-11-23T10:00:30", "2026-11-23T10:01:30"),
        ("rate(5 minutes)", "2026-11-23T10:00:00", "2026-11-23T10:05:00"),
        ("rate(2 hours)", "2026-11-23T10:00:00", "2026-11-23T12:00:00"),
        ("rate(1 day)", "2026-11-23T10:00:00", "2026-11-24T10:00:00"),
        ("cron(0 10 * * ? *)", "2026-11-23T10:00:00", "2026-11-24T10:00:00"),
        ("cron(15 12 * * ? *)", "2026-11-23T10:00:00", "2026-11-23T12:15:00"),
        ("cron(0 18 ? * MON-FRI *)", "2026-11-20T18:00:00", "2026-11-23T18:00:00"),
        ("cron(0 18 ? * 2-6 *)", "2026-11-20T18:00:00", "2026-11-23T18:00:00"),
        ("cron(0 8 1 * ? *)", "2026-11-23T10:00:00", "2026-12-01T08:00:00"),
        ("cron(0/10 * ? * MON-FRI *)", "2026-11-20T23:55:00", "2026-11-23T00:00:00"),
        ("cron(0/5 8-17 ? * MON-FRI *)", "2026-11-23T17:55:00", "2026-11-24T08:00:00"),
        ("cron(0/30 20-2 * * ? *)", "2026-11-23T10:00:00", None),
        ("cron(0 0 ? * 1 *)", "2026-11-23T00:00:00", "2026-11-29T00:00:00"),
        ("cron(0 0 ? * L *)", "2026-11-23T00:00:00", "2026-11-28T00:00:00"),
        ("cron(0 0 ? * 6L *)", "2026-11-01T00:00:00", "2026-11-27T00:00:00"),
        ("cron(0 0 ? * 3#2 *)", "2026-11-01T00:00:00", "2026-11-10T00:00:00"),
        ("cron(0 0 L * ? *)", "2026-11-23T00:00:00", "2026-11-30T00:00:00"),
        ("cron(0 0 29 2 ? *)", "2026-11-23T00:00:00", "2028-02-29T00:00:00"),
        ("cron(30 9 1 JAN ? 2030)", "2026-11-23T00:00:00", "2030-01-01T09:30:00"),
        ("cron(30 9 1 1 ? 2027/2)", "2028-11-23T00:00:00", "2029-01-01T09:30:00"),
        ("cron(30 9 1 1 ? 2020,2030-2032)", "2030-11-23T00:00:00", "2031-01-01T09:30:00"),
    ],
)
def test_next_instant_of_an_expression(expression: str, after: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(ScheduleExpressionError):
            next_at(expression, at(after))
    else:
        assert datetime.fromtimestamp(next_at(expression, at(after)), UTC) == datetime.fromtimestamp(at(expected), UTC)


def test_expression_whose_years_are_over_never_runs_again() -> None:
    assert next_at("cron(0 0 1 1 ? 2020)", at("2026-11-23T00:00:00")) == math.inf


def test_local_time_that_does_not_exist_is_skipped() -> None:
    zone = "America/New_York"
    after = at("2026-03-07T12:00:00", zone)
    assert next_at("cron(30 2 * * ? *)", after, zone) == at("2026-03-09T02:30:00", zone)


def test_local_time_that_comes_twice_counts_once() -> None:
    zone = "America/New_York"
    first = next_at("cron(30 1 * * ? *)", at("2026-10-31T12:00:00", zone), zone)
    second = next_at("cron(30 1 * * ? *)", first, zone)
    assert first == at("2026-11-01T01:30:00", zone)
    assert second == at("2026-11-02T01:30:00", zone)


def test_noon_is_noon_in_its_zone_on_both_sides_of_the_change() -> None:
    zone = "America/Chicago"
    before = next_at("cron(0 12 * * ? *)", at("2026-10-31T00:00:00", zone), zone)
    after = next_at("cron(0 12 * * ? *)", before, zone)
    assert after - before == 25 * 3600


@pytest.mark.parametrize(
    "expression",
    [
        "rate(0 minutes)",
        "rate(5 seconds)",
        "rate(5)",
        "every day",
        "cron(0 12 * * *)",
        "cron(0 12 * * * *)",
        "cron(0 12 ? * ? *)",
        "cron(60 12 * * ? *)",
        "cron(0 12 15W * ? *)",
        "cron(0 12 * * ? 1900)",
        "cron(0 12 * * ? soon)",
        "cron(0 12 ? * 8 *)",
        "cron(0 12 31 2 ? *)",
        "at(2026-11-23T00:00:00)",
    ],
)
def test_what_cannot_be_run_is_refused_by_name(expression: str) -> None:
    with pytest.raises(ScheduleExpressionError) as caught:
        next_at(expression, 0.0)
    assert expression in str(caught.value)


@pytest.mark.parametrize("timezone", ["Mars/Olympus", "", "../etc/passwd", "x" * 300])
def test_unknown_time_zone_is_refused(timezone: str) -> None:
    with pytest.raises(ScheduleExpressionError, match="time zone"):
        next_at("cron(0 12 * * ? *)", 0.0, timezone)


@given(
    st.sampled_from(["cron(0/7 * * * ? *)", "cron(30 1,2 ? * SUN *)", "rate(3 hours)"]),
    st.floats(1_600_000_000, 1_900_000_000),
    st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe"]),
)
def test_next_instant_is_always_later(expression: str, after: float, timezone: str) -> None:
    assert next_at(expression, after, timezone) > after


class Alarm:
    due_at: float | None = None
    ring: Callable[[], None]

    def set(self, due_at: float | None, ring: Callable[[], None]) -> None:
        self.due_at, self.ring = due_at, ring


class World:
    """Schedules on a real file, moved by hand."""

    def __init__(self, path: Path) -> None:
        self.path = path / "node.db"
        self.clock = ManualClock(at("2026-11-23T10:00:00"))
        self.runs: list[tuple[str, float]] = []
        self.open_runs: list[asyncio.Future[str | None]] = []
        self.answer: str | Exception | None = None
        self.hangs = False

    def start(self, *schedules: Schedule) -> None:
        self.alarm = Alarm()
        self.database = Database.open(self.path, "expeditor.store.migrations")
        self.schedules = Schedules(self.database, self.invoke, self.clock, self.alarm)
        self.schedules.open(schedules)

    def invoke(self, schedule: Schedule) -> "asyncio.Future[str | None]":
        self.runs.append((schedule.name, self.clock.now()))
        future: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        if self.hangs:
            self.open_runs.append(future)
        elif isinstance(self.answer, ExpeditorError):
            raise self.answer
        elif isinstance(self.answer, Exception):
            future.set_exception(self.answer)
        else:
            future.set_result(self.answer)
        return future

    async def advance(self, seconds: float) -> None:
        until = self.clock.now() + seconds
        await self.settle()
        while self.alarm.due_at is not None and self.alarm.due_at <= until:
            self.clock.advance(max(0.0, self.alarm.due_at - self.clock.now()))
            self.alarm.ring()
            await self.settle()
        self.clock.advance(until - self.clock.now())

    async def settle(self) -> None:
        await asyncio.sleep(0)
        await self.database.submit(lambda connection: None)
        await asyncio.sleep(0)

    async def stop(self) -> None:
        self.schedules.close()
        await self.database.close()


EVERY_5 = Schedule("fraud-scan", "rate(5 minutes)", "UTC", "arn:f", "{}")
NOON = Schedule("fulfil", "cron(0 12 * * ? *)", "America/Chicago", "arn:g", "{}")


@pytest.mark.anyio
async def test_schedules_run_at_their_times(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.start(EVERY_5, NOON)
    await world.advance(24 * 3600)
    await world.stop()

    assert sum(name == "fraud-scan" for name, _ in world.runs) == 288
    assert [moment for name, moment in world.runs if name == "fulfil"] == [at("2026-11-23T12:00:00", "America/Chicago")]


@pytest.mark.anyio
async def test_run_that_takes_long_is_not_overtaken(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.start(EVERY_5)
    world.hangs = True
    await world.advance(1800)
    assert len(world.runs) == 1
    assert world.schedules.states()[0].running

    world.hangs = False
    world.open_runs[0].set_result(None)
    await world.settle()
    assert len(world.runs) == 1
    await world.advance(300)
    await world.stop()

    assert len(world.runs) == 2


@pytest.mark.anyio
async def test_time_of_standing_still_is_made_up_for_by_one_run(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.start(EVERY_5)
    await world.advance(600)
    await world.stop()
    world.clock.advance(7200)

    world.start(EVERY_5)
    await world.advance(299)
    await world.stop()

    assert len(world.runs) == 3


@pytest.mark.anyio
async def test_restart_in_between_changes_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    for _ in range(6):
        world.start(EVERY_5)
        await world.advance(100)
        await world.stop()

    assert [moment - at("2026-11-23T10:00:00") for _, moment in world.runs] == [300, 600]


@pytest.mark.anyio
async def test_run_cut_short_by_a_crash_is_made_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.start(EVERY_5)
    world.hangs = True
    await world.advance(310)
    await world.stop()

    world.start(EVERY_5)
    await world.stop()

    assert len(world.runs) == 2


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("States.Timeout", "States.Timeout"),
        (RuntimeError("bug"), "RuntimeError: bug"),
        (ExpeditorError("gone"), "gone"),
    ],
)
async def test_failed_run_is_told_and_the_next_comes(tmp_path: Path, answer: str | Exception, error: str) -> None:
    world = World(tmp_path)
    world.start(EVERY_5)
    world.answer = answer
    await world.advance(301)
    state = world.schedules.states()[0]
    world.answer = None
    await world.advance(300)
    after = world.schedules.states()[0]
    await world.stop()

    assert (state.last_error, after.last_error) == (error, None)
    assert len(world.runs) == 2
    assert after.last_started_at == after.last_ended_at == at("2026-11-23T10:10:00")


@pytest.mark.anyio
async def test_changed_expression_starts_anew(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.start(EVERY_5)
    await world.stop()

    world.start(Schedule("fraud-scan", "rate(1 hour)", "UTC", "arn:f", "{}"))
    await world.advance(3599)
    assert world.runs == []
    await world.advance(1)
    await world.stop()

    assert len(world.runs) == 1


@pytest.mark.anyio
async def test_run_out_of_its_time(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.start(EVERY_5)
    world.hangs = True
    assert world.schedules.run_now("fraud-scan")
    assert not world.schedules.run_now("fraud-scan")
    assert not world.schedules.run_now("unknown")
    world.open_runs[0].set_result(None)
    await world.settle()
    next_run_at = world.schedules.states()[0].next_at
    await world.stop()

    assert next_run_at == at("2026-11-23T10:05:00")
