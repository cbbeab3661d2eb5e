"""Timers of all executions: one heap, one alarm."""

import asyncio
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import NamedTuple, Protocol

from expeditor.clock import Clock

_COMPACT_AT = 1_024

LOOK_SECONDS = 30.0
"""How often an alarm looks at the clock: the loop's own time stands still while the machine sleeps, and does not follow
a clock that is put forward."""


class Alarm(Protocol):
    """Rings once, at or soon after an instant."""

    def set(self, due_at: float | None, ring: Callable[[], None]) -> None:
        """Replaces whatever was set before; None: do not ring."""
        ...


class LoopAlarm:
    """An alarm of the running event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None

    def set(self, due_at: float | None, ring: Callable[[], None]) -> None:
        """See Alarm."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if due_at is None:
            return
        left = due_at - self._clock.now()
        if left > LOOK_SECONDS:
            self._handle = self._loop.call_later(LOOK_SECONDS, self.set, due_at, ring)
        else:
            self._handle = self._loop.call_later(max(0.0, left), ring)


class Due(NamedTuple):
    """A timer of one execution and the instant it is due."""

    due_at: float
    execution_id: int
    timer_id: int


class Timers:
    """The earliest timers first.

    A cancelled timer stays in the heap until it comes up or half of the heap is cancelled ones, so cancelling is
    cheap: almost every task has a timeout that never fires. Whether a timer that comes up still matters is for
    *is_live* to say.
    """

    def __init__(self, alarm: Alarm, ring: Callable[[], None], is_live: Callable[[Due], bool]) -> None:
        self._alarm = alarm
        self._ring = ring
        self._is_live = is_live
        self._heap: list[Due] = []
        self._cancelled = 0
        self._set_for: float | None = None

    def __len__(self) -> int:
        return len(self._heap)

    def start(self, due: Due) -> None:
        """Adds a timer; ``rearm`` makes the alarm follow."""
        heappush(self._heap, due)

    def cancel(self) -> None:
        """Notes that one timer of the heap has become meaningless."""
        self._cancelled += 1
        if self._cancelled > _COMPACT_AT and self._cancelled * 2 > len(self._heap):
            self._heap = [due for due in self._heap if self._is_live(due)]
            heapify(self._heap)
            self._cancelled = 0

    def rearm(self) -> None:
        """Sets the alarm for the earliest timer, if that has become earlier or the alarm has rung."""
        earliest = self._heap[0].due_at if self._heap else None
        if earliest is not None and (self._set_for is None or earliest < self._set_for):
            self._set_for = earliest
            self._alarm.set(earliest, self._ring)

    def take_due(self, now: float) -> list[Due]:
        """Removes and returns what is due and still matters; called when the alarm has rung."""
        self._set_for = None
        due: list[Due] = []
        while self._heap and self._heap[0].due_at <= now:
            candidate = heappop(self._heap)
            if self._is_live(candidate):
                due.append(candidate)
        return due

    def stop(self) -> None:
        """Silences the alarm."""
        self._alarm.set(None, self._ring)
