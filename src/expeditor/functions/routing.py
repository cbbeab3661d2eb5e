"""From what a caller names to the version that runs: versions directly, aliases by their shares."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Route(Generic[T]):
    """Where invocations go: to *main*, and for a share of them elsewhere.

    Attributes:
        arn: what the handler is told it was invoked by.
        others: (upper bound of the draw, target), ascending; a draw above all bounds goes to *main*.
    """

    arn: str
    main: T
    others: tuple[tuple[float, T], ...] = ()

    def choose(self, draw: float) -> T:
        """The target for *draw*, in (0, 1]."""
        for bound, target in self.others:
            if draw <= bound:
                return target
        return self.main


def weighted(arn: str, main: T, additional: Sequence[tuple[T, float]]) -> Route[T]:
    """A route that sends each of *additional* its share, 0 to 1, and the rest to *main*."""
    bounds = []
    total = 0.0
    for target, weight in additional:
        total += weight
        bounds.append((total, target))
    return Route(arn, main, tuple(bounds))
