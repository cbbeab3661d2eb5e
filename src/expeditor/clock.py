"""The only place of this package that reads a clock."""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time. Instants are seconds since the epoch, UTC, as a float with at least millisecond precision."""

    def now(self) -> float:
        """The instant now."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back; for measuring durations only."""
        ...


class SystemClock:
    """The machine's clock; its methods are Python's own, as the node asks thirty times per order."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.perf_counter)

    def sleep(self, seconds: float) -> None:
        """Blocks this thread; for commands that poll, never for the node."""
        time.sleep(seconds)


class ManualClock:
    """A clock that stands still until told to move; for simulations and tests."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Moves forward by *seconds* >= 0."""
        assert seconds >= 0
        self._now += seconds
