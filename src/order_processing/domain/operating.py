"""What operators make of an order by hand: hand it over, pause it, resume it."""

from order_processing.domain.fraud import Verdict
from order_processing.domain.lifecycle import changed, is_waiting
from order_processing.domain.orders import (
    TRANSITIONS,
    IllegalTransitionError,
    Order,
    OrderStatus,
    TimelineEntry,
    moved,
    noted,
)
from order_processing.domain.ownership import OrderPausedError, Owner, Pipeline
from order_processing.domain.payments import captured_net_minor, open_authorizations
from order_processing.domain.shipping import shipped_quantity
from order_processing.errors import RefusedError


class NothingToDoError(RefusedError):
    """No pipeline has anything left to do for the order."""

    def __init__(self, order: Order) -> None:
        super().__init__(f"order {order.order_id} is {order.status.value}; no pipeline has anything to do for it")
        self.order_id = order.order_id


class PartlyShippedError(RefusedError):
    """What has left the warehouse is not called off; it is charged."""

    def __init__(self, order: Order) -> None:
        super().__init__(
            f"{shipped_quantity(order)} units of order {order.order_id} have left the warehouse; close its shipment "
            "(a notice of 0 units, the rest cancelled), then refund what comes back"
        )
        self.order_id = order.order_id


def handed_to(order: Order, pipeline: Pipeline, entry: TimelineEntry, release: str = "") -> Order:
    """*order* free to be taken by *pipeline*, its budget of attempts whole; whoever owned it is fenced off.

    An order in quarantine goes back to where it stood.

    Args:
        release: state machine to carry it from now on; "" leaves the one assigned.

    Raises:
        NothingToDoError: it is at rest.
        OrderPausedError: it has been stopped.
    """
    if order.paused:
        raise OrderPausedError(order.order_id, order.paused)
    _demand_work(order)
    free = changed(
        order,
        pipeline=pipeline,
        owner=Owner(pipeline=pipeline, epoch=order.owner.epoch + 1),
        release=release or order.release,
        attempts={},
    )
    if order.status is OrderStatus.QUARANTINED:
        return moved(free, status_before_quarantine(order), entry)
    return noted(free, entry)


def paused(order: Order, entry: TimelineEntry) -> Order:
    """*order* out of reach of both pipelines; whoever owned it is fenced off.

    Raises:
        NothingToDoError: it is at rest.
    """
    _demand_work(order)
    owner = Owner(pipeline=order.pipeline, epoch=order.owner.epoch + 1)
    return noted(changed(order, owner=owner, paused=entry.detail), entry)


def resumed(order: Order, entry: TimelineEntry) -> Order:
    """*order* free again for the pipeline it was in."""
    owner = Owner(pipeline=order.pipeline, epoch=order.owner.epoch + 1)
    return noted(changed(order, owner=owner, paused=""), entry)


def seized(order: Order, at: float, lease_seconds: float, entry: TimelineEntry) -> Order:
    """*order* owned by the operator who acts on it now; whoever owned it is fenced off."""
    owner = Owner(pipeline=order.pipeline, epoch=order.owner.epoch + 1, lease_until=at + lease_seconds)
    return noted(changed(order, owner=owner), entry)


def demand_can_end(order: Order, outcome: OrderStatus) -> None:
    """Whether a person may call *order* off.

    Raises:
        IllegalTransitionError: it was delivered, or has ended already.
        PartlyShippedError: a part of it is on its way.
    """
    if outcome not in TRANSITIONS[order.status]:
        raise IllegalTransitionError(order.order_id, order.status, outcome)
    if shipped_quantity(order):
        raise PartlyShippedError(order)


def status_before_quarantine(order: Order) -> OrderStatus:
    """How far an order in quarantine had come, as its own records tell."""
    is_paid = bool(open_authorizations(order.payments)) or captured_net_minor(order.payments) > 0
    if is_paid and (order.vouchers or order.shipments):
        return OrderStatus.FULFILLING
    if is_paid:
        return OrderStatus.AUTHORIZED
    if order.fraud is None:
        return OrderStatus.PROCESSING
    decision = order.review.decision if order.review is not None else None
    return OrderStatus.CLEARED if Verdict.CLEARED in (order.fraud.verdict, decision) else OrderStatus.IN_REVIEW


def _demand_work(order: Order) -> None:
    if not is_waiting(order) and order.status is not OrderStatus.QUARANTINED:
        raise NothingToDoError(order)
