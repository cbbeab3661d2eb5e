"""Whether the machine's processors have anything left to give."""

from collections.abc import Callable
from pathlib import Path

IDLE_SHARE_MIN = 0.25
"""Processors that stand still for a smaller share of the time are busy."""

WINDOW_SECONDS = 0.1
LATELY_SECONDS = 0.3
"""What is known is from windows of at least the first length, and at most the second: what was before says nothing."""

_STAT = Path("/proc/stat")


class Processors:
    """Looks at how much the processors stood still since it last looked; they count as busy until it knows.

    Args:
        read: ticks that all processors together spent since boot, by kind.
    """

    def __init__(self, read: Callable[[], list[int]] | None = None) -> None:
        self._read = read or ticks
        self._before = self._read()
        self._looked_at = float("-inf")
        self._is_busy = False

    def are_busy(self, now: float) -> bool:
        """Whether hardly one stood still lately; *now* in seconds, of a clock that never goes back.

        False where the system does not tell.
        """
        passed = now - self._looked_at
        if passed >= WINDOW_SECONDS:
            self._looked_at = now
            before, self._before = self._before, self._read()
            spent = [after - earlier for after, earlier in zip(self._before, before, strict=True)]
            self._is_busy = passed > LATELY_SECONDS or sum(spent[_IDLE]) < IDLE_SHARE_MIN * sum(spent)
        return self._is_busy and bool(self._before)


_IDLE = slice(3, 5)
"""Idle, and waiting for a disk. Source: proc_stat(5), "cpu"."""


def ticks() -> list[int]:
    """Of all processors together, as the system counts them; empty where it does not."""
    try:
        with _STAT.open("rb") as file:
            return [int(count) for count in file.readline().split()[1:9]]
    except OSError:
        return []
