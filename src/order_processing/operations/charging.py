"""Money: authorise, capture, void. An attempt is recorded before it is made, and an unknown one is looked up first."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from order_processing.domain import (
    IllegalTransitionError,
    Order,
    OrderStatus,
    Outcome,
    PaymentAttempt,
    Purpose,
    advanced,
    attempt_key,
    changed,
    completed,
    ended,
    is_waiting,
    open_authorizations,
    total_minor,
    unresolved,
    with_payment,
)
from order_processing.errors import RefusedError, TransientError
from order_processing.gateways import (
    Absent,
    Authorization,
    Declined,
    ProviderStatus,
    Result,
    Succeeded,
    Unknown,
)
from order_processing.operations.context import Change, Services, Step, change_owned
from order_processing.stores import ReleaseHold, SettleHold


class PaymentDeclinedError(RefusedError):
    """The provider said no."""

    def __init__(self, order_id: str, purpose: Purpose, code: str) -> None:
        super().__init__(f"{purpose.value} of order {order_id} was declined ({code}); the customer may pay otherwise")
        self.order_id = order_id
        self.purpose = purpose
        self.code = code


class PaymentUnknownError(TransientError):
    """The provider has not said what became of an attempt; the next call looks it up first."""

    def __init__(self, order_id: str, purpose: Purpose, reason: str) -> None:
        super().__init__(f"{purpose.value} of order {order_id} has an unknown outcome ({reason}); try again later")
        self.order_id = order_id
        self.purpose = purpose
        self.reason = reason


class PaymentMissingError(RefusedError):
    """There is no open authorisation to take money from."""

    def __init__(self, order_id: str) -> None:
        super().__init__(f"order {order_id} has no open authorisation; authorise its payment first")
        self.order_id = order_id


def authorize(services: Services, order_id: str, epoch: int) -> Order:
    """Reserves the order's amount on the customer's card, once.

    Raises:
        PaymentDeclinedError: the order is declined, its stock given back.
        PaymentUnknownError: nothing is known yet.
        IllegalTransitionError: the order is not cleared.
    """
    order = settle_unknown(services, order_id, epoch, Purpose.AUTHORIZE)
    if order.status is OrderStatus.DECLINED:
        raise PaymentDeclinedError(order_id, Purpose.AUTHORIZE, order.problem)
    if open_authorizations(order.payments) or total_minor(order.payments, Purpose.CAPTURE):
        return order
    _demand_status(order, OrderStatus.CLEARED, OrderStatus.AUTHORIZED)
    return _attempt(services, order, epoch, Purpose.AUTHORIZE)


def capture(services: Services, order_id: str, epoch: int) -> Order:
    """Takes the money for what was prepared; with it, in one transaction, vouchers are issued and the order completes.

    Raises:
        PaymentDeclinedError: the money could not be taken; release the order.
        PaymentUnknownError: nothing is known yet.
        PaymentMissingError: it was not authorised.
        IllegalTransitionError: nothing was prepared.
    """
    order = settle_unknown(services, order_id, epoch, Purpose.CAPTURE)
    if total_minor(order.payments, Purpose.CAPTURE):
        return order
    _demand_status(order, OrderStatus.FULFILLING, OrderStatus.COMPLETED)
    if not open_authorizations(order.payments):
        raise PaymentMissingError(order_id)
    return _attempt(services, order, epoch, Purpose.CAPTURE)


def void(services: Services, order_id: str, epoch: int) -> Order:
    """Gives back every reservation that is open, also one of which we had not heard; money taken is not touched.

    Raises:
        PaymentUnknownError: nothing is known yet.
        PaymentDeclinedError: the provider refuses to give it back, which is for a person to solve.
    """
    for purpose in (Purpose.AUTHORIZE, Purpose.CAPTURE):
        with suppress(PaymentDeclinedError):  # what was declined need not be given back
            settle_unknown(services, order_id, epoch, purpose, send_again=False)
    order = settle_unknown(services, order_id, epoch, Purpose.VOID)
    while open_authorizations(order.payments):
        order = _attempt(services, order, epoch, Purpose.VOID)
    return order


def settle_unknown(
    services: Services, order_id: str, epoch: int, purpose: Purpose, *, send_again: bool = True
) -> Order:
    """Finds out what became of an attempt that was begun and not heard of.

    Args:
        send_again: whether one that had no effect so far is sent once more, under its key; else it is given up.

    Raises:
        StaleOwnerError: the order has another owner.
        PaymentDeclinedError, PaymentUnknownError: as for the attempt itself.
    """
    order = change_owned(services, order_id, epoch, lambda _: None)
    attempt = unresolved(order.payments, purpose)
    if attempt is None:
        return order
    found = _look_up(services, order, attempt)
    if isinstance(found, Absent) and send_again and not attempt.answered:
        found = _send(services, order, attempt)
    return _settle(services, order, epoch, attempt, found)


def _demand_status(order: Order, status: OrderStatus, to: OrderStatus) -> None:
    """Money is never asked for out of turn: the table would refuse the result only when it is too late."""
    if order.status is not status:
        raise IllegalTransitionError(order.order_id, order.status, to)


def _attempt(services: Services, order: Order, epoch: int, purpose: Purpose) -> Order:
    """Records what is about to be asked, asks, records the answer."""
    begun = _begin(services, order, epoch, purpose)
    attempt = unresolved(begun.payments, purpose)
    assert attempt is not None
    return _settle(services, begun, epoch, attempt, _send(services, begun, attempt))


def _begin(services: Services, order: Order, epoch: int, purpose: Purpose) -> Order:
    """Records the attempt, so that a crash after it was sent leaves a trace to look up."""

    def step(current: Order) -> Order | None:
        if unresolved(current.payments, purpose) is not None:
            return None
        at = services.clock.now()
        about = None if purpose is Purpose.AUTHORIZE else open_authorizations(current.payments)[0]
        attempt = PaymentAttempt(
            purpose=purpose,
            key=attempt_key(current.order_id, purpose, epoch, current.payments),
            amount_minor=current.amount.amount_minor if about is None else about.amount_minor,
            epoch=epoch,
            at=at,
            provider_reference="" if about is None else about.provider_reference,
        )
        return with_payment(current, attempt, at)

    return change_owned(services, order.order_id, epoch, step, known=order)


def _send(services: Services, order: Order, attempt: PaymentAttempt) -> Result:
    """Asks the provider; the same attempt may be sent any number of times, as its key stays."""
    payments = services.payments
    if attempt.purpose is Purpose.AUTHORIZE:
        return payments.authorize(Authorization(order.amount, order.payment_token, attempt.key))
    if attempt.purpose is Purpose.CAPTURE:
        return payments.capture(attempt.provider_reference, attempt.amount_minor, attempt.key)
    return payments.void(attempt.provider_reference, attempt.key)


_DONE: Mapping[Purpose, frozenset[ProviderStatus]] = {
    Purpose.AUTHORIZE: frozenset(ProviderStatus) - {ProviderStatus.DECLINED},
    Purpose.CAPTURE: frozenset({ProviderStatus.CAPTURED, ProviderStatus.REFUNDED}),
    Purpose.VOID: frozenset({ProviderStatus.VOIDED}),
}
"""How a payment stands at the provider once an attempt of this purpose has succeeded."""


def _look_up(services: Services, order: Order, attempt: PaymentAttempt) -> Result | Absent:
    """What the provider says about *attempt*; Absent: it has had no effect so far."""
    found = services.payments.lookup(_reference(order, attempt))
    if not isinstance(found, Succeeded):
        return found
    payment = found.payment
    if payment.status is ProviderStatus.DECLINED:
        return Declined(payment.decline_code or "declined", payment.id)
    return found if payment.status in _DONE[attempt.purpose] else Absent()


def _reference(order: Order, attempt: PaymentAttempt) -> str:
    """The key of the authorisation that *attempt* is about: the provider's payments are found by it."""
    if attempt.purpose is Purpose.AUTHORIZE:
        return attempt.key
    about = attempt.provider_reference
    return next(
        known.key
        for known in order.payments
        if known.purpose is Purpose.AUTHORIZE and known.provider_reference == about
    )


def _settle(services: Services, order: Order, epoch: int, attempt: PaymentAttempt, result: Result | Absent) -> Order:
    """Records how *attempt* ended and what follows from it; raises when it did not succeed."""
    known = _ended(attempt, result, services.clock.now())
    after = change_owned(services, order.order_id, epoch, _record(services, known), known=order)
    if known.outcome is Outcome.UNKNOWN:
        raise PaymentUnknownError(order.order_id, attempt.purpose, known.detail)
    if known.outcome is Outcome.DECLINED:
        raise PaymentDeclinedError(order.order_id, attempt.purpose, known.detail)
    return after


def _ended(attempt: PaymentAttempt, result: Result | Absent, at: float) -> PaymentAttempt:
    match result:
        case Succeeded(payment):
            return changed(attempt, outcome=Outcome.SUCCEEDED, provider_reference=payment.id, settled_at=at, detail="")
        case Declined(code, payment_id):
            about = payment_id or attempt.provider_reference
            return changed(attempt, outcome=Outcome.DECLINED, provider_reference=about, settled_at=at, detail=code)
        case Unknown(reason, answered):
            return changed(attempt, answered=answered, detail=reason)
        case Absent():
            return changed(attempt, outcome=Outcome.ABSENT, settled_at=at, detail="it had no effect at the provider")


def _record(services: Services, attempt: PaymentAttempt) -> Step:
    def step(order: Order) -> Change | None:
        at = services.clock.now()
        before = next((known for known in order.payments if known.key == attempt.key), None)
        if before == attempt:
            return None
        return _CONSEQUENCES[attempt.purpose](with_payment(order, attempt, at), attempt, at)

    return step


def _after_authorize(order: Order, attempt: PaymentAttempt, at: float) -> Change:
    if attempt.outcome is Outcome.DECLINED and is_waiting(order):
        declined = ended(order, OrderStatus.DECLINED, at, f"payment declined: {attempt.detail}")
        return Change(declined, (ReleaseHold(order.order_id),))
    return Change(_in_status(order, _AFTER_AUTHORIZE.get(attempt.outcome, order.status), at))


def _after_capture(order: Order, attempt: PaymentAttempt, at: float) -> Change:
    if attempt.outcome is Outcome.SUCCEEDED and is_waiting(order):
        return Change(completed(order, at), (SettleHold(order.order_id),))
    return Change(_in_status(order, _AFTER_CAPTURE.get(attempt.outcome, order.status), at))


def _after_void(order: Order, _attempt: PaymentAttempt, _at: float) -> Change:
    return Change(order)


_CONSEQUENCES: Mapping[Purpose, Callable[[Order, PaymentAttempt, float], Change]] = {
    Purpose.AUTHORIZE: _after_authorize,
    Purpose.CAPTURE: _after_capture,
    Purpose.VOID: _after_void,
}

_AFTER_AUTHORIZE = {
    Outcome.SUCCEEDED: OrderStatus.AUTHORIZED,
    Outcome.UNKNOWN: OrderStatus.PAYMENT_UNKNOWN,
    Outcome.ABSENT: OrderStatus.CLEARED,
}

_AFTER_CAPTURE = {
    Outcome.UNKNOWN: OrderStatus.PAYMENT_UNKNOWN,
    Outcome.ABSENT: OrderStatus.FULFILLING,
    Outcome.DECLINED: OrderStatus.FULFILLING,
}


def _in_status(order: Order, to: OrderStatus, at: float) -> Order:
    """*order* in status *to*, if it is not there and has not come to rest meanwhile."""
    return order if order.status is to or not is_waiting(order) else advanced(order, to, at)
