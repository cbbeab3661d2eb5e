"""Giving an order up: money back, stock back, vouchers void."""

from order_processing.domain import DEAD, Order, OrderStatus, ended, must_be_undone
from order_processing.operations.charging import void
from order_processing.operations.consequences import stock_back
from order_processing.operations.context import Change, Services, change_owned
from order_processing.operations.settling import undo

_KEPT = DEAD | {OrderStatus.COMPLETED, OrderStatus.PARTIALLY_FULFILLED}


def release(services: Services, order_id: str, epoch: int, outcome: OrderStatus, reason: str) -> Order:
    """Undoes what is undone only for an order that will not be delivered, and ends it as *outcome*.

    The reservation goes first: an order never looks ended while one on a card is open. Money that was taken already,
    as for an order that got stuck after it, goes back once the order has ended. An order that ended already, or was
    paid and delivered, keeps its status.

    Args:
        outcome: one of ``DEAD`` that the order's status allows.

    Raises:
        PaymentUnknownError, PaymentDeclinedError: a reservation could not be given back; nothing ended.
        IllegalTransitionError: the table has no such step.
    """
    assert outcome in DEAD
    void(services, order_id, epoch)

    def step(order: Order) -> Change | None:
        if order.status in _KEPT:
            return None
        return Change(ended(order, outcome, services.clock.now(), reason), (stock_back(order),))

    order = change_owned(services, order_id, epoch, step)
    return undo(services, order_id) if must_be_undone(order) else order
