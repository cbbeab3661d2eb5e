"""The heap of timers and its one alarm."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expeditor.clock import ManualClock
from expeditor.executions.timers import Due, LoopAlarm, Timers


class RecordingAlarm:
    """Remembers what it was set for."""

    def __init__(self) -> None:
        self.set_for: list[float | None] = []

    def set(self, due_at: float | None, ring: Callable[[], None]) -> None:
        self.set_for.append(due_at)


class Live:
    """The timers that matter."""

    def __init__(self) -> None:
        self.alarm = RecordingAlarm()
        self.timers_that_matter: set[Due] = set()
        self.timers = Timers(self.alarm, lambda: None, lambda due: due in self.timers_that_matter)

    def start(self, due: Due) -> None:
        self.timers_that_matter.add(due)
        self.timers.start(due)

    def cancel(self, due: Due) -> None:
        self.timers_that_matter.discard(due)
        self.timers.cancel()


def test_alarm_is_set_only_when_the_earliest_timer_becomes_earlier() -> None:
    live = Live()
    for due_at in (30.0, 20.0, 25.0, 20.0, 10.0):
        live.start(Due(due_at, 1, 1))
        live.timers.rearm()

    assert live.alarm.set_for == [30.0, 20.0, 10.0]


def test_due_timers_come_earliest_first_and_cancelled_ones_never() -> None:
    live = Live()
    late, early, cancelled, later = Due(3.0, 1, 1), Due(1.0, 2, 1), Due(2.0, 3, 1), Due(9.0, 4, 1)
    for due in (late, early, cancelled, later):
        live.start(due)
    live.cancel(cancelled)

    assert live.timers.take_due(5.0) == [early, late]
    live.timers.rearm()
    assert live.alarm.set_for == [9.0]


def test_cancelled_timers_do_not_pile_up() -> None:
    live = Live()
    keep = Due(1.0, 0, 0)
    live.start(keep)
    for number in range(20_000):
        due = Due(1_000.0, number, 1)
        live.start(due)
        live.cancel(due)

    assert len(live.timers) < 3_000
    assert live.timers.take_due(2.0) == [keep]


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=50))
def test_every_timer_that_matters_comes_up_once(plan: list[tuple[float, bool]]) -> None:
    live = Live()
    timers = [Due(due_at, number, 0) for number, (due_at, _) in enumerate(plan)]
    for due in timers:
        live.start(due)
    for due, (_, cancels) in zip(timers, plan, strict=True):
        if cancels:
            live.cancel(due)

    taken = live.timers.take_due(50.0) + live.timers.take_due(100.0)

    assert sorted(taken) == taken
    assert set(taken) == live.timers_that_matter
    assert len(taken) == len(live.timers_that_matter)


@pytest.mark.anyio
async def test_alarm_follows_a_clock_that_is_put_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("expeditor.executions.timers.LOOK_SECONDS", 0.0)
    clock, rung = ManualClock(), asyncio.Event()
    LoopAlarm(clock).set(clock.now() + 3_600, rung.set)
    for _ in range(3):
        await asyncio.sleep(0)
    assert not rung.is_set()

    clock.advance(3_600)

    await rung.wait()
