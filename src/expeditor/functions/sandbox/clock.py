"""The only place of a function's processes that reads a clock."""

import time


def monotonic() -> float:
    """Seconds from an arbitrary start; never goes back."""
    return time.monotonic()


class Deadline:
    """An instant *milliseconds* from now, by a clock that never goes back."""

    __slots__ = ("_at",)

    def __init__(self, milliseconds: int) -> None:
        self._at = time.monotonic() + milliseconds / 1000

    def remaining_ms(self) -> int:
        """Milliseconds until then, 0 when it has passed."""
        return max(0, int((self._at - time.monotonic()) * 1000))
