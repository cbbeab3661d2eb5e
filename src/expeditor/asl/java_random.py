"""java.util.Random: AWS draws seeded numbers from it, so the same seed gives AWS's number.

Source: Java SE API, class java.util.Random (the linear congruential formula is specified there).
"""

from typing import Final

_MULTIPLIER: Final = 0x5DEECE66D
_INCREMENT: Final = 0xB
_MASK: Final = (1 << 48) - 1


class JavaRandom:
    """The generator after ``new Random(seed)``."""

    def __init__(self, seed: int) -> None:
        self._state = (seed ^ _MULTIPLIER) & _MASK

    def _next(self, bits: int) -> int:
        self._state = (self._state * _MULTIPLIER + _INCREMENT) & _MASK
        return self._state >> (48 - bits)

    def next_double(self) -> float:
        """A number from 0 to below 1."""
        high = self._next(26) << 27
        return float(high + self._next(27)) / (1 << 53)

    def next_below(self, bound: int) -> int:
        """An integer from 0 to below *bound*, which is at most 2**31 - 1, as ``nextInt(bound)``."""
        assert 0 < bound < 1 << 31
        bits = self._next(31)
        if bound & (bound - 1) == 0:
            return (bound * bits) >> 31
        while bits - bits % bound + bound - 1 >= 1 << 31:
            bits = self._next(31)
        return bits % bound
