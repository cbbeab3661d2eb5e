"""What the provider says about an order's payments, learnt without owning the order, and what must go back for it.

An owner finds out about its own attempts. This is for all others: late answers, events, refunds, money that came in for
an order that is dead. Nothing here moves an order on; recording a fact and giving back what is not ours need no epoch.
"""

import msgspec

from order_processing.domain import (
    AT_REST,
    UNDO,
    Order,
    OrderStatus,
    Outcome,
    PaymentAttempt,
    Purpose,
    attempt_key,
    attempt_of,
    due_back_minor,
    must_be_undone,
    open_authorizations,
    refunds_for,
    undo_begun,
    unresolved,
    with_payment,
)
from order_processing.errors import RefusedError
from order_processing.gateways import Absent, Declined, ProviderPayment, Succeeded, Unknown
from order_processing.operations.attempts import (
    PaymentUnknownError,
    find,
    heard_of,
    learning,
    look_up,
    send,
)
from order_processing.operations.breaking import demand_not_held
from order_processing.operations.consequences import QUEUE, QUEUE_GROUP, is_open_question, queued
from order_processing.operations.context import Change, Services, change, load, readable
from order_processing.operations.refunding import pursue
from order_processing.operations.seeing import seen
from order_processing.stores import OrderFilter, RemoveRecord


class UnknownPaymentError(RefusedError):
    """The provider's payment belongs to no attempt of the order."""

    def __init__(self, order_id: str, key: str) -> None:
        super().__init__(f"order {order_id} has no attempt {key!r}; the payment is not ours to act on")
        self.order_id = order_id
        self.key = key


def observe(services: Services, order_id: str, payment: ProviderPayment) -> Order:
    """Takes down how *payment* stands at the provider, and gives back what nobody is owed.

    Raises:
        UnknownOrderError, UnknownPaymentError: it is not ours.
        PaymentUnknownError, PaymentHeldError: what must go back has not gone yet; the queue has it.
    """
    if attempt_of(load(services, order_id).payments, payment.reference) is None:
        raise UnknownPaymentError(order_id, payment.reference)
    order = change(services, order_id, lambda current: seen(services, current, payment))
    return undo(services, order_id) if must_be_undone(order) else order


def resolve(services: Services, order_id: str, *, insist: bool = False) -> Order:
    """Looks up every attempt of an order whose outcome is unknown, and gives back what nobody is owed.

    Args:
        insist: tries to give back also what was refused as often as the policy allows; for an operator.

    Raises:
        PaymentUnknownError: the provider still does not say.
        PaymentHeldError: it is not asked at present.
    """
    order, silent = load(services, order_id), []
    for attempt in order.payments:
        if attempt.outcome is Outcome.UNKNOWN:
            order, answer = _resolved(services, order, attempt)
            silent += [answer] if isinstance(answer, Unknown) else []
    if must_be_undone(order):
        order = undo(services, order_id, insist=insist)
    if silent:
        raise PaymentUnknownError(order_id, Purpose.AUTHORIZE, silent[0].reason)
    if not is_open_question(order):
        services.store.commit((RemoveRecord(QUEUE, order_id),)).result()
    return order


def undo(services: Services, order_id: str, *, insist: bool = False) -> Order:
    """Voids and refunds what nobody is owed: everything of a dead order, what was taken twice of a delivered one.

    Refused as often as the policy allows, it is left to a person: the alert stands, the order stays in the queue.

    Raises:
        PaymentUnknownError, PaymentHeldError: it has not gone back yet; the queue has it.
    """
    order = load(services, order_id)
    while must_be_undone(order) and (insist or _refusals(order) < services.policy.undo_attempts_max):
        before, insist = _refusals(order), False
        demand_not_held(services)
        order = _void_one(services, order) if open_authorizations(order.payments) else _pay_back(services, order)
        still_open = next((each for each in order.payments if each.outcome is Outcome.UNKNOWN), None)
        if still_open is not None:
            raise PaymentUnknownError(order_id, still_open.purpose, still_open.detail)
        if _refusals(order) > before:
            break
    return order


def open_payments(services: Services, limit: int = 100) -> list[Order]:
    """Orders whose payments are to be found out about or given back, those asked about longest ago first."""
    ids = [_order_id(record.document) for record in services.store.records(QUEUE_GROUP, limit)]
    waiting = services.store.orders(OrderFilter(status=OrderStatus.PAYMENT_UNKNOWN, limit=limit))
    found = {order.order_id: order for order in waiting}
    queue = [found.get(order_id) or readable(services, order_id) for order_id in ids]
    rest = [order for order in waiting if order.order_id not in ids]
    return [order for order in (*queue, *rest) if order is not None][:limit]


def _resolved(services: Services, order: Order, attempt: PaymentAttempt) -> tuple[Order, object]:
    """The order after *attempt* was looked up, and the answer."""
    found = find(services, order, attempt)
    if isinstance(found, Unknown):
        heard = heard_of(services, attempt, found)
        return change(services, order.order_id, learning(services, heard)), found
    if isinstance(found, Succeeded):
        payment = found.payment
        order = change(services, order.order_id, lambda current: seen(services, current, payment))
    known = attempt_of(order.payments, attempt.key)
    assert known is not None
    return (order, found) if known.outcome is not Outcome.UNKNOWN else _without_effect(services, order, known)


def _without_effect(services: Services, order: Order, attempt: PaymentAttempt) -> tuple[Order, object]:
    """*attempt* has had no effect so far: an owner's is left to it, a refund or a late void is sent again."""
    if order.status not in AT_REST or order.status is OrderStatus.QUARANTINED:
        return order, Absent()
    if attempt.purpose is Purpose.REFUND:
        order = pursue(services, order, attempt)
        return order, _answer_on(order, attempt)
    if attempt.purpose is Purpose.VOID and not attempt.answered:
        order = _heard(services, order, attempt)
        return order, _answer_on(order, attempt)
    if services.clock.now() - attempt.at < services.policy.absent_seconds:
        return order, Unknown("it may still arrive at the provider")
    gone = heard_of(services, attempt, Absent())
    return change(services, order.order_id, learning(services, gone)), Absent()


def _answer_on(order: Order, attempt: PaymentAttempt) -> object:
    known = attempt_of(order.payments, attempt.key)
    assert known is not None
    return Unknown(known.detail) if known.outcome is Outcome.UNKNOWN else Absent()


def _refusals(order: Order) -> int:
    """How often the provider refused to give back what is due for this order."""
    undone = (*refunds_for(order.payments, UNDO), *(each for each in order.payments if each.purpose is Purpose.VOID))
    return sum(1 for each in undone if each.outcome is Outcome.DECLINED)


def _void_one(services: Services, order: Order) -> Order:
    def step(current: Order) -> Change | None:
        reserved = open_authorizations(current.payments)
        if unresolved(current.payments, Purpose.VOID) is not None or not reserved or not must_be_undone(current):
            return None
        at = services.clock.now()
        attempt = PaymentAttempt(
            purpose=Purpose.VOID,
            key=attempt_key(current.order_id, Purpose.VOID, current.owner.epoch, current.payments),
            amount_minor=reserved[0].amount_minor,
            epoch=current.owner.epoch,
            at=at,
            provider_reference=reserved[0].provider_reference,
        )
        begun = with_payment(current, attempt, at)
        return Change(begun, (queued(begun, at),))

    begun = change(services, order.order_id, step, known=order)
    attempt = unresolved(begun.payments, Purpose.VOID)
    return begun if attempt is None else _heard(services, begun, attempt)


def _heard(services: Services, order: Order, attempt: PaymentAttempt) -> Order:
    """*order* after a void was sent; one that is refused may have been given back already."""
    result = send(services, order, attempt)
    if isinstance(result, Declined):
        found = look_up(services, order, attempt)
        taken = find(services, order, attempt) if isinstance(found, Absent) else found
        if isinstance(taken, Succeeded) and taken.payment.captured_minor:
            order = change(services, order.order_id, lambda current: seen(services, current, taken.payment))
        result = found if isinstance(found, Succeeded | Unknown) else result
    return change(services, order.order_id, learning(services, heard_of(services, attempt, result)))


def _pay_back(services: Services, order: Order) -> Order:
    def step(current: Order) -> Change | None:
        if due_back_minor(current) == 0:
            return None
        begun = undo_begun(current, services.clock.now())
        return Change(begun, (queued(begun, services.clock.now()),))

    order = change(services, order.order_id, step, known=order)
    for attempt in refunds_for(order.payments, UNDO):
        if attempt.outcome is Outcome.UNKNOWN:
            order = pursue(services, order, attempt, is_new=not attempt.detail)
    return order


def _order_id(document: bytes) -> str:
    return str(msgspec.json.decode(document)["order_id"])
