"""Goods on their way: the warehouse is asked, ships in its own time, and money is taken for what it shipped."""

from order_processing.domain import (
    Order,
    Rest,
    TimelineEntry,
    is_shipped,
    patience_until,
    shipped,
    shipping_closed,
    shipping_requested,
    units_to_charge,
    waits_for_warehouse,
)
from order_processing.gateways import ShipmentRequest
from order_processing.operations.charging import capture
from order_processing.operations.context import Services, change, change_owned, load

WAREHOUSE = "warehouse"


def request_shipment(services: Services, order_id: str, epoch: int, task_token: str = "") -> Order:
    """Asks the warehouse to ship, and notes which execution waits for its answer.

    A warehouse that ships at once has done so when this returns: the order then waits for nothing any more, and
    whoever asked goes on by itself.

    Raises:
        StaleOwnerError: the order has another owner.
    """

    def step(order: Order) -> Order | None:
        if order.shipping is not None and (order.shipping.closed_at is not None or _waits_for(order, task_token)):
            return None
        at = services.clock.now()
        return shipping_requested(order, task_token, at, at + services.policy.shipping_seconds)

    order = change_owned(services, order_id, epoch, step)
    if not waits_for_warehouse(order):
        return order
    parcel = services.warehouse.ship(ShipmentRequest(order_id, order.unit_id, order.quantity))
    if parcel is None:
        return order
    return record_shipment(services, order_id, parcel.quantity, tracking=parcel.tracking, rest=parcel.rest)


def _waits_for(order: Order, task_token: str) -> bool:
    """Whether this owner waits already; one who took the order over meanwhile needs a lease as long as the wait."""
    is_known = order.shipping is not None and order.shipping.task_token == task_token
    return is_known and order.owner.lease_until >= patience_until(order)


def record_shipment(
    services: Services,
    order_id: str,
    quantity: int,
    *,
    tracking: str,
    rest: Rest = Rest.BACK_ORDER,
    by: str = WAREHOUSE,
) -> Order:
    """Notes a parcel that left the warehouse; a tracking number that is known changes nothing.

    Whoever calls it continues the execution with ``order.shipping.task_token`` once nothing more is waited for.

    Raises:
        UnknownOrderError: there is no such order.
        ShipmentRefusedError: nothing is waited for, or less.
    """

    def step(order: Order) -> Order | None:
        if is_shipped(order, tracking):
            return None
        left = f"the rest is {'cancelled' if rest is Rest.CANCELLED else 'back-ordered'}"
        detail = f"{quantity} as {tracking}" if tracking else left
        entry = TimelineEntry(services.clock.now(), "shipped" if quantity else "shipping_closed", by, detail)
        return shipped(order, quantity, entry, tracking=tracking, rest=rest)

    return change(services, order_id, step)


def close_shipment(services: Services, order_id: str, epoch: int, reason: str) -> Order:
    """Cancels what the warehouse has not shipped by now; does nothing when nothing is waited for.

    Raises:
        StaleOwnerError: the order has another owner.
    """

    def step(order: Order) -> Order | None:
        return shipping_closed(order, services.clock.now(), reason) if waits_for_warehouse(order) else None

    return change_owned(services, order_id, epoch, step)


def capture_delivered(services: Services, order_id: str, epoch: int) -> Order:
    """Takes the money for what was delivered: all of a voucher order, of goods those that were shipped.

    The provider takes one part of a reservation and gives the rest back; the order is partially fulfilled then.

    Raises:
        NotShippedError: the warehouse has not shipped, or is not done.
        PaymentDeclinedError, PaymentUnknownError, PaymentMissingError, IllegalTransitionError: see ``capture``.
    """
    order = load(services, order_id)
    return capture(services, order_id, epoch, units=units_to_charge(order), known=order)
