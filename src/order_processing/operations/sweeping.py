"""Stock holds that have outlived their term: what becomes of one depends on what became of its order."""

import logging
from dataclasses import dataclass, field
from typing import Any

from order_processing.domain import DEAD, Hold, OrderSchemaError, OrderStatus
from order_processing.operations.consequences import stock_sold
from order_processing.operations.context import Services
from order_processing.stores import ConflictError, ExtendHold, ReleaseHold, Write

SWEPT_MAX = 500

_log = logging.getLogger(__name__)

_DELIVERED = frozenset({OrderStatus.COMPLETED, OrderStatus.PARTIALLY_FULFILLED})


@dataclass(slots=True)
class Sweep:
    """What a sweep did: ids of orders whose hold was released, settled, or extended, or which do not exist."""

    released: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    extended: list[str] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The answer of the sweep's function."""
        return {
            "released": self.released,
            "settled": self.settled,
            "extended": len(self.extended),
            "orphaned": self.orphaned,
        }


def sweep_holds(services: Services, limit: int = SWEPT_MAX) -> Sweep:
    """Looks at up to *limit* expired holds, the longest expired first.

    The units of a dead order go back on sale. Those of a delivered one are sold. An order that somebody still works
    on, or that waits for an operator, keeps its units for another term: taking them away would let the shop sell
    them twice, and it is the order's own deadlines, budgets and quarantine that see to it that it comes to an end.
    """
    sweep = Sweep()
    for hold in services.store.holds_expired(services.clock.now(), limit):
        try:
            _sweep_one(services, hold, sweep)
        except OrderSchemaError as error:
            _log.warning("its hold is left alone: %s", error)
    return sweep


def _sweep_one(services: Services, hold: Hold, sweep: Sweep) -> None:
    order = services.store.order(hold.hold_id)
    write: Write
    if order is None:
        write, swept = ReleaseHold(hold.hold_id), sweep.orphaned
    elif order.status in DEAD:
        write, swept = ReleaseHold(hold.hold_id), sweep.released
    elif order.status in _DELIVERED:
        write, swept = stock_sold(order), sweep.settled
    else:
        write = ExtendHold(hold.hold_id, services.clock.now() + services.policy.hold_seconds)
        swept = sweep.extended
    try:
        services.store.commit((write,)).result()
    except ConflictError:
        return  # its order closed it meanwhile
    swept.append(hold.hold_id)
