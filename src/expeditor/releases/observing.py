"""What became of orders, per release, as the shop tells it to operators."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from expeditor.rollout import Arm

PATIENCE_SECONDS = 30.0
"""An order that is still under way after so long counts as settled, and failed."""
AT_REST = frozenset(
    {"completed", "partially_fulfilled", "refunded", "rejected", "declined", "cancelled", "failed", "quarantined"}
)
_ISSUED = frozenset({"completed", "partially_fulfilled", "refunded"})
_FAILED = frozenset({"failed", "quarantined"})
ORDERS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class SeenOrder:
    """One order.

    Attributes:
        release: it was assigned; "" before that, or when it is legacy's from the start.
        pipeline: that has it now.
        created_at, completed_at: seconds since the epoch.
    """

    release: str
    status: str
    pipeline: str
    created_at: float
    completed_at: float | None
    fraud_verdict: str | None
    authorized: bool


class Observations(Protocol):
    """Tells of orders."""

    def orders(self, since: float) -> Sequence[SeenOrder]:
        """Orders placed since an instant, the newest 1,000 at most."""
        ...


class OperatorObservations:
    """Reads ``GET /operator/orders`` of the shop.

    Args:
        fetch: answers the rows for a query.
    """

    def __init__(self, fetch: Callable[[Mapping[str, object]], Sequence[Mapping[str, Any]]]) -> None:
        self._fetch = fetch

    def orders(self, since: float) -> Sequence[SeenOrder]:
        """See ``Observations``."""
        rows = self._fetch({"since": since, "limit": ORDERS_MAX})
        names = SeenOrder.__slots__
        return [SeenOrder(**{name: row[name] for name in names}) for row in rows if row["created_at"] >= since]


def arm_of(orders: Sequence[SeenOrder], release: str, now: float) -> Arm:
    """The orders of one release, counted."""
    mine = [order for order in orders if order.release == release]
    settled = [order for order in mine if _is_settled(order, now)]
    return Arm(
        assigned=len(mine),
        settled=len(settled),
        issued=sum(order.status in _ISSUED for order in settled),
        failed=sum(_is_failed(order) for order in settled),
        attempted=sum(order.authorized or order.fraud_verdict == "cleared" for order in settled),
        authorized=sum(order.authorized for order in settled),
        fraud=sum(order.status == "rejected" for order in settled),
        seconds=[each for each in _all_seconds(settled, now) if each >= 0],
    )


def _is_settled(order: SeenOrder, now: float) -> bool:
    late = now - order.created_at > PATIENCE_SECONDS
    return order.status in AT_REST or order.pipeline != "instant" or (late and order.status != "in_review")


def _is_failed(order: SeenOrder) -> bool:
    """Handed over, given up, or late: the release did not get it done."""
    return order.status in _FAILED or order.pipeline != "instant" or order.status not in AT_REST


def _all_seconds(settled: Sequence[SeenOrder], now: float) -> list[float]:
    """Less than 0 where the clock was put back meanwhile: how long that took nobody knows, so it is no measure."""
    return [_seconds(order, now) for order in settled if order.completed_at or order.status not in AT_REST]


def _seconds(order: SeenOrder, now: float) -> float:
    return (order.completed_at or now) - order.created_at
