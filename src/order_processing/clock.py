"""The only place of this package that reads a clock or waits on one."""

import time
from typing import Protocol

from order_processing.waiting import pause


class Clock(Protocol):
    """Tells the time. Instants are seconds since the epoch, UTC, as a float with at least millisecond precision."""

    def now(self) -> float:
        """The instant now."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back; for measuring durations only."""
        ...

    def sleep(self, seconds: float) -> None:
        """Blocks the calling thread, or the task of a process that several share; never used on an event loop."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.perf_counter()

    def sleep(self, seconds: float) -> None:
        pause(seconds)


class ManualClock:
    """A clock that stands still until told to move; for simulations and tests."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Moves forward by *seconds* >= 0."""
        assert seconds >= 0
        self._now += seconds
