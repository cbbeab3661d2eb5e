"""What follows for an order from the end of a payment attempt; pure, and the same whoever learnt of it."""

from collections.abc import Callable, Mapping

import msgspec

from order_processing.domain import (
    DEAD,
    UNDO,
    AlertKind,
    Order,
    OrderStatus,
    Outcome,
    PaymentAttempt,
    Purpose,
    advanced,
    an_alert,
    attempt_of,
    charged_units,
    completed,
    ended,
    is_news,
    is_waiting,
    must_be_undone,
    partly_delivered,
    refund_settled,
    shipped_quantity,
    waits_for_warehouse,
    with_payment,
    with_refund,
)
from order_processing.operations.alerting import raised
from order_processing.operations.context import Change
from order_processing.stores import AddRecord, Record, ReleaseHold, RemoveRecord, SettleHold, Write

QUEUE = "open_payment"
QUEUE_GROUP = "payments/open"

_S = OrderStatus


def learnt(order: Order, heard: PaymentAttempt, at: float) -> Change | None:
    """*order* after *heard* became known of one of its attempts, or of one that only the provider knew of.

    None: the ledger has it already, or knows better.
    """
    known = attempt_of(order.payments, heard.key)
    if known is not None and not is_news(known, heard):
        return None
    paid = _in_ledger(order, heard, at)
    change = _CONSEQUENCES[heard.purpose](paid, heard, at)
    to_undo = must_be_undone(change.order)
    writes = (*change.writes, *_alerts(change.order, heard, at, to_undo=to_undo))
    if to_undo or _concerns_queue(known, heard):
        writes = (*writes, _queued(change.order, heard.at))
    return Change(change.order, writes)


def _concerns_queue(known: PaymentAttempt | None, heard: PaymentAttempt) -> bool:
    """Whether the order may stand in the queue, or must from now on; one that is answered at once never does."""
    return known is None or bool(known.detail) or heard.outcome is Outcome.UNKNOWN or heard.purpose is Purpose.REFUND


def queued(order: Order, at: float) -> AddRecord:
    """The write that puts an order into the queue of those whose payments are to be looked at."""
    document = msgspec.json.encode({"order_id": order.order_id})
    return AddRecord(Record(kind=QUEUE, key=order.order_id, group=QUEUE_GROUP, at=at, document=document))


def is_open_question(order: Order) -> bool:
    """Whether something about its payments is still to be found out or given back."""
    return any(each.outcome is Outcome.UNKNOWN for each in order.payments) or must_be_undone(order)


def _queued(order: Order, at: float) -> Write:
    return queued(order, at) if is_open_question(order) else RemoveRecord(QUEUE, order.order_id)


def _in_ledger(order: Order, attempt: PaymentAttempt, at: float) -> Order:
    if attempt.purpose is Purpose.REFUND:
        return with_refund(order, attempt, at, by=order.owner.pipeline.value)
    return with_payment(order, attempt, at)


def _after_authorize(order: Order, attempt: PaymentAttempt, at: float) -> Change:
    """A reservation that runs out while the warehouse packs is made again once it has shipped: it is not held up."""
    if attempt.outcome is Outcome.DECLINED and order.status in _ASKS_FOR_MONEY:
        declined = ended(order, _S.DECLINED, at, f"payment declined: {attempt.detail}")
        return Change(declined, (stock_back(order),))
    if attempt.outcome is Outcome.EXPIRED:
        asks_again = order.status in _HAS_RESERVATION and not waits_for_warehouse(order)
        return Change(_in_status(order, _S.CLEARED, at) if asks_again else order)
    if order.status not in _ASKS_FOR_MONEY:
        return Change(order)
    moved = _in_status(order, _AFTER_AUTHORIZE.get(attempt.outcome, order.status), at)
    is_prepared = moved.status is _S.AUTHORIZED and (order.vouchers or order.shipments)
    return Change(_in_status(moved, _S.FULFILLING, at) if is_prepared else moved)


def stock_back(order: Order) -> Write:
    """What becomes of the units of an order that is given up; those that left the warehouse are not sold again."""
    shipped = shipped_quantity(order)
    return SettleHold(order.order_id, shipped) if shipped else ReleaseHold(order.order_id)


def stock_sold(order: Order) -> Write:
    """What becomes of the units of a delivered order; of a part delivered, the others go back on sale."""
    is_partial = order.status is OrderStatus.PARTIALLY_FULFILLED
    return SettleHold(order.order_id, len(charged_units(order)) if is_partial else None)


def _after_capture(order: Order, attempt: PaymentAttempt, at: float) -> Change:
    if order.status not in _TAKES_MONEY:
        return Change(order)
    if attempt.outcome is Outcome.SUCCEEDED:
        after = delivered(order, attempt, at)
        return Change(after, (stock_sold(after),))
    return Change(_in_status(order, _AFTER_CAPTURE.get(attempt.outcome, order.status), at))


def delivered(order: Order, attempt: PaymentAttempt, at: float) -> Order:
    """*order* paid by *attempt*: all of it, or the units that were delivered."""
    return partly_delivered(order, attempt.units, at) if attempt.units else completed(order, at)


def _after_void(order: Order, _attempt: PaymentAttempt, _at: float) -> Change:
    return Change(order)


def _after_refund(order: Order, attempt: PaymentAttempt, at: float) -> Change:
    return Change(order if attempt.outcome is Outcome.UNKNOWN else refund_settled(order, attempt, at))


_CONSEQUENCES: Mapping[Purpose, Callable[[Order, PaymentAttempt, float], Change]] = {
    Purpose.AUTHORIZE: _after_authorize,
    Purpose.CAPTURE: _after_capture,
    Purpose.VOID: _after_void,
    Purpose.REFUND: _after_refund,
}

_ASKS_FOR_MONEY = frozenset({_S.CLEARED, _S.PAYMENT_UNKNOWN})
_TAKES_MONEY = frozenset({_S.FULFILLING, _S.PAYMENT_UNKNOWN})
_HAS_RESERVATION = frozenset({_S.AUTHORIZED, _S.FULFILLING, _S.PAYMENT_UNKNOWN})

_AFTER_AUTHORIZE = {
    Outcome.SUCCEEDED: _S.AUTHORIZED,
    Outcome.UNKNOWN: _S.PAYMENT_UNKNOWN,
    Outcome.ABSENT: _S.CLEARED,
}

_AFTER_CAPTURE = {
    Outcome.UNKNOWN: _S.PAYMENT_UNKNOWN,
    Outcome.ABSENT: _S.FULFILLING,
    Outcome.DECLINED: _S.FULFILLING,
}


def _in_status(order: Order, to: OrderStatus, at: float) -> Order:
    """*order* in status *to*, if it is not there and has not come to rest meanwhile."""
    return order if order.status is to or not is_waiting(order) else advanced(order, to, at)


def _alerts(order: Order, attempt: PaymentAttempt, at: float, *, to_undo: bool) -> tuple[Write, ...]:
    """Whom to call because of *attempt*, which is in the order's ledger."""
    if attempt.outcome is Outcome.SUCCEEDED and attempt.purpose in (Purpose.AUTHORIZE, Purpose.CAPTURE):
        if not to_undo:
            return ()
        why = "it was given up" if order.status in DEAD else "it is paid already"
        text = f"{attempt.purpose.value} succeeded late: {why}; the money goes back by itself, check that it did"
        return (_alert(AlertKind.LATE_PAYMENT, order, attempt, at, text),)
    if attempt.outcome is not Outcome.DECLINED or attempt.purpose not in (Purpose.VOID, Purpose.REFUND):
        return ()
    asked_for = attempt.purpose is Purpose.REFUND and attempt.request != UNDO
    kind = AlertKind.REFUND_FAILED if asked_for else AlertKind.UNDO_FAILED
    text = f"{attempt.purpose.value} was refused ({attempt.detail}); settle it with the provider, then resolve this"
    return (_alert(kind, order, attempt, at, text),)


def _alert(kind: AlertKind, order: Order, attempt: PaymentAttempt, at: float, text: str) -> Write:
    number = 1 + [each.key for each in order.payments].index(attempt.key)
    return raised(an_alert(kind, order.order_id, number, at=at, text=text))
