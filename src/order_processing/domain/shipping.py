"""What leaves the warehouse: all at once, in parts, later, or never; money follows what was shipped."""

from enum import Enum

from order_processing.domain.lifecycle import by_owner, changed
from order_processing.domain.offers import OfferKind
from order_processing.domain.orders import Order, OrderStatus, Shipment, Shipping, TimelineEntry, noted
from order_processing.errors import RefusedError


class Rest(Enum):
    """What becomes of the units that are not part of a shipment."""

    BACK_ORDER = "back_order"
    """They follow before the deadline."""
    CANCELLED = "cancelled"
    """There are none: they are neither sent nor charged."""


class ShipmentRefusedError(RefusedError):
    """Nothing can be shipped so; the message says why."""

    def __init__(self, order_id: str, reason: str) -> None:
        super().__init__(f"order {order_id} cannot be shipped so: {reason}")
        self.order_id = order_id
        self.reason = reason


class NotShippedError(RefusedError):
    """Goods that have not left the warehouse are not charged."""

    def __init__(self, order_id: str) -> None:
        super().__init__(f"order {order_id} has not been shipped; charge it once the warehouse has closed its shipment")
        self.order_id = order_id


def shipped_quantity(order: Order) -> int:
    """Units that have left the warehouse."""
    return sum(each.quantity for each in order.shipments if each.shipped_at is not None)


def reserved_quantity(order: Order) -> int:
    """Units that wait in the warehouse, or for it."""
    return sum(each.quantity for each in order.shipments if each.shipped_at is None)


def waits_for_warehouse(order: Order) -> bool:
    """Whether the warehouse still has something to say about the order."""
    return order.status is OrderStatus.FULFILLING and order.shipping is not None and order.shipping.closed_at is None


def patience_until(order: Order) -> float:
    """Until when nobody is expected to change the order, as a person decides or the warehouse packs; 0.0: no time."""
    if order.status is OrderStatus.IN_REVIEW and order.review is not None:
        return order.review.deadline_at
    return order.shipping.deadline_at if waits_for_warehouse(order) and order.shipping is not None else 0.0


def units_to_charge(order: Order) -> tuple[int, ...]:
    """Numbers of the units to charge, () for all of them.

    Raises:
        NotShippedError: goods that the warehouse has not shipped, or may still ship.
    """
    if order.kind is not OfferKind.SALE_ITEM:
        return ()
    count = shipped_quantity(order)
    if count == 0 or order.shipping is None or order.shipping.closed_at is None:
        raise NotShippedError(order.order_id)
    return () if count == order.quantity else tuple(range(1, count + 1))


def shipping_requested(order: Order, task_token: str, at: float, deadline_at: float) -> Order:
    """*order* whose warehouse has been asked to ship, and whom its answer continues; the first deadline stands."""
    known = order.shipping
    shipping = Shipping(requested_at=at, deadline_at=deadline_at) if known is None else known
    waiting = changed(order, shipping=changed(shipping, task_token=task_token))
    return noted(waiting, by_owner(order, at, "shipping_requested"))


def shipped(order: Order, quantity: int, entry: TimelineEntry, *, tracking: str, rest: Rest) -> Order:
    """*order* with a parcel on its way; what is left over is kept for later or cancelled.

    Args:
        quantity: units in the parcel; 0 only to cancel what is left.
        entry: who ships, and when.
        tracking: the carrier's; one parcel has one.

    Raises:
        ShipmentRefusedError: nothing is waited for, or less than that.
    """
    if order.status is not OrderStatus.FULFILLING or not reserved_quantity(order):
        raise ShipmentRefusedError(order.order_id, f"it is {order.status.value} and nothing of it is waited for")
    left = reserved_quantity(order) - quantity
    if left < 0 or quantity < 0:
        raise ShipmentRefusedError(order.order_id, f"{reserved_quantity(order)} units of it wait, not {quantity}")
    if quantity == 0 and rest is not Rest.CANCELLED:
        raise ShipmentRefusedError(order.order_id, "a parcel has one unit or more")
    kept = tuple(each for each in order.shipments if each.shipped_at is not None)
    waiting = next(each for each in order.shipments if each.shipped_at is None)
    parcel = changed(waiting, quantity=quantity, shipped_at=entry.at, tracking=tracking)
    parcels = (*kept, parcel) if quantity else kept
    if left and rest is Rest.BACK_ORDER:
        later = Shipment(
            shipment_id=f"{waiting.shipment_id.partition('.')[0]}.{len(parcels) + 1}",
            quantity=left,
            reserved_at=entry.at,
        )
        return noted(changed(order, shipments=(*parcels, later)), entry)
    return _closed(changed(order, shipments=parcels), entry)


def shipping_closed(order: Order, at: float, reason: str) -> Order:
    """*order* for which nothing more will be shipped."""
    gone = tuple(each for each in order.shipments if each.shipped_at is not None)
    return _closed(changed(order, shipments=gone), by_owner(order, at, "shipping_closed", reason))


def is_shipped(order: Order, tracking: str) -> bool:
    """Whether a parcel with this tracking is on its way already."""
    return tracking != "" and any(each.tracking == tracking for each in order.shipments)


def _closed(order: Order, entry: TimelineEntry) -> Order:
    """The lease, which lasted as long as the warehouse might take, ends with it."""
    known = order.shipping or Shipping(requested_at=entry.at, deadline_at=entry.at)
    owner = changed(order.owner, lease_until=entry.at)
    return noted(changed(order, shipping=changed(known, closed_at=entry.at), owner=owner), entry)
