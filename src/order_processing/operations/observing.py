"""Which orders do not get further, and since when."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

import msgspec

from order_processing.domain import AT_REST, Order, OrderStatus, Pipeline
from order_processing.operations.context import Services
from order_processing.stores import OrderFilter, OrderStore

PAGE = 500
LOOKED_AT_MAX = 20_000
"""Orders of one status and pipeline that are looked through at most."""

UNSETTLED = tuple(status for status in OrderStatus if status not in AT_REST or status is OrderStatus.QUARANTINED)
"""Statuses in which somebody has something to do for an order."""


@dataclass(frozen=True, slots=True)
class StuckFilter:
    """Which orders to look for.

    Attributes:
        older_than_seconds: unchanged for at least so long.
        error: a part of what the order says went wrong; "" means any, as does "" of release.
        paused: True: only those an operator stopped; None: any.
    """

    status: OrderStatus | None = None
    pipeline: Pipeline | None = None
    release: str = ""
    error: str = ""
    older_than_seconds: float = 0.0
    paused: bool | None = None
    limit: int = 100

    def holds(self, order: Order) -> bool:
        """Whether it is one of them, by what the store's lists cannot ask for."""
        is_of_release = self.release in ("", order.release)
        return (
            is_of_release and self.error.lower() in order.problem.lower() and self.paused in (None, bool(order.paused))
        )


class StuckGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Orders that stand at the same place for the same reason.

    Attributes:
        error: the name of what went wrong, such as ``PaymentUnknownError``; "" when nothing is known to have.
        oldest_at: since when the one that waits longest has not changed.
        seconds: how long that is.
    """

    status: str
    pipeline: str
    release: str
    error: str
    orders: int
    oldest_at: float
    seconds: float


def stuck_orders(services: Services, wanted: StuckFilter) -> list[Order]:
    """Orders that are not settled and have not changed for some time, those waiting longest first."""
    before = services.clock.now() - wanted.older_than_seconds if wanted.older_than_seconds else None
    statuses = UNSETTLED if wanted.status is None else (wanted.status,)
    found: list[Order] = []
    for status in statuses:
        of_status = OrderFilter(status=status, pipeline=wanted.pipeline, updated_before=before)
        fitting = (order for order in listed(services.store, of_status) if wanted.holds(order))
        found += islice(fitting, wanted.limit)
    return sorted(found, key=lambda order: order.updated_at)[: wanted.limit]


def stuck_groups(orders: list[Order], now: float) -> list[StuckGroup]:
    """*orders* by status, pipeline, release and error, the group that waits longest first."""
    groups: dict[tuple[str, str, str, str], list[Order]] = {}
    for order in orders:
        key = (order.status.value, order.pipeline.value, order.release, error_of(order))
        groups.setdefault(key, []).append(order)
    rows = [
        StuckGroup(
            status=status,
            pipeline=pipeline,
            release=release,
            error=error,
            orders=len(members),
            oldest_at=(oldest := min(order.updated_at for order in members)),
            seconds=now - oldest,
        )
        for (status, pipeline, release, error), members in groups.items()
    ]
    return sorted(rows, key=lambda row: row.oldest_at)


def error_of(order: Order) -> str:
    """The name of the error in an order's problem: its first word that ends like one, else the first few words."""
    for word in order.problem.replace(":", " ").replace(";", " ").split():
        if word.endswith(("Error", "Exception")) or word.startswith("States."):
            return word
    return order.problem[:40]


def listed(store: OrderStore, wanted: OrderFilter) -> Iterator[Order]:
    """Every order of *wanted*, whose limit does not count, by its last change, the oldest first, read in pages."""
    page_of = partial(
        OrderFilter, status=wanted.status, pipeline=wanted.pipeline, updated_before=wanted.updated_before, limit=PAGE
    )
    seen: set[str] = set()
    since, looked_at = wanted.updated_since, 0
    while looked_at < LOOKED_AT_MAX:
        page = store.orders(page_of(updated_since=since))
        fresh = [order for order in page if order.order_id not in seen]
        yield from fresh
        if len(page) < PAGE or not fresh:
            return
        looked_at += len(fresh)
        since = page[-1].updated_at
        seen = {order.order_id for order in page if order.updated_at == since}
