"""How often somebody may ask, and how often be wrong, before nobody listens for a while."""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from order_processing.service.http import Scope
from order_processing.service.problems import Problem, ProblemError

KEYS_MAX = 50_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one merchant, or one address, may do.

    Attributes:
        asked_max: questions within ``asked_seconds``.
        wrong_max: wrong answers within ``wrong_seconds``; the next question is refused until they are forgotten.
    """

    asked_max: int = 120
    asked_seconds: float = 60.0
    wrong_max: int = 10
    wrong_seconds: float = 900.0


@dataclass(slots=True)
class _Record:
    """When somebody asked and was wrong, the oldest first; no longer than the limits need."""

    asked: deque[float] = field(default_factory=deque)
    wrong: deque[float] = field(default_factory=deque)


class Throttle:
    """Counts questions and wrong answers by key, in the memory of this process, which is the only one that answers.

    Right answers do not wipe out wrong ones: who has one good code could guess for ever otherwise.
    """

    def __init__(self, now: Callable[[], float], limits: Limits | None = None) -> None:
        self._now = now
        self._limits = limits or Limits()
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def demand(self, *keys: str) -> None:
        """Counts a question for each of *keys*.

        Raises:
            ProblemError: one of them has asked too often, or been wrong too often; nothing is looked up for it.
        """
        records = [self._record(key) for key in keys]
        left = max(self._seconds_left(record) for record in records)
        if left > 0:
            detail = f"there were too many tries; the next one is answered in {left:.0f} s"
            raise ProblemError(Problem.TOO_MANY_TRIES, detail, headers=((b"retry-after", b"%d" % max(1, round(left))),))
        for record in records:
            record.asked.append(self._now())

    def wrong(self, *keys: str) -> None:
        """Counts a wrong answer for each of *keys*."""
        for key in keys:
            self._record(key).wrong.append(self._now())

    def _record(self, key: str) -> _Record:
        record = self._records.setdefault(key, _Record())
        self._records.move_to_end(key)
        if len(self._records) > KEYS_MAX:
            self._records.popitem(last=False)
        return record

    def _seconds_left(self, record: _Record) -> float:
        limits = self._limits
        return max(
            self._wait(record.asked, limits.asked_max, limits.asked_seconds),
            self._wait(record.wrong, limits.wrong_max, limits.wrong_seconds),
        )

    def _wait(self, instants: deque[float], most: int, seconds: float) -> float:
        """Seconds until fewer than *most* of *instants* lie within the last *seconds*; 0 when it is so now."""
        horizon = self._now() - seconds
        while instants and instants[0] <= horizon:
            instants.popleft()
        return 0.0 if len(instants) < most else instants[len(instants) - most] - horizon


def address_of(scope: Scope) -> str:
    """The address a request came from, "" when it is not known; all requests of a proxy have its own."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def source_of(scope: Scope) -> str:
    """The throttle's key of the address a request came from."""
    return f"source {address_of(scope)}"
