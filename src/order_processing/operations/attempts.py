"""Payment attempts: recorded before they are made, sent under a key that stays, looked up when nothing was heard."""

from collections.abc import Mapping

from order_processing.domain import (
    Order,
    Outcome,
    PaymentAttempt,
    Purpose,
    attempt_of,
    changed,
)
from order_processing.errors import RefusedError, TransientError
from order_processing.gateways import (
    Absent,
    Authorization,
    Declined,
    PaymentGateway,
    ProviderPayment,
    ProviderStatus,
    Result,
    Succeeded,
    Unknown,
)
from order_processing.operations.breaking import ask
from order_processing.operations.consequences import learnt
from order_processing.operations.context import Change, Services, Step


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


def send(services: Services, order: Order, attempt: PaymentAttempt) -> Result:
    """Asks the provider; the same attempt may be sent any number of times, as its key stays.

    Raises:
        PaymentHeldError: the provider was not asked.
    """
    return ask(services, order.order_id, lambda payments: _sent(payments, order, attempt))


def _sent(payments: PaymentGateway, order: Order, attempt: PaymentAttempt) -> Result:
    if attempt.purpose is Purpose.AUTHORIZE:
        return payments.authorize(Authorization(order.amount, order.payment_token, attempt.key))
    if attempt.purpose is Purpose.CAPTURE:
        return payments.capture(attempt.provider_reference, attempt.amount_minor, attempt.key)
    if attempt.purpose is Purpose.REFUND:
        return payments.refund(attempt.provider_reference, attempt.amount_minor, attempt.key)
    return payments.void(attempt.provider_reference, attempt.key)


def look_up(services: Services, order: Order, attempt: PaymentAttempt) -> Result | Absent:
    """What the provider says about *attempt*; Absent: it has had no effect so far.

    Raises:
        PaymentHeldError: the provider was not asked.
    """
    found = find(services, order, attempt)
    if not isinstance(found, Succeeded):
        return found
    payment = found.payment
    if payment.status is ProviderStatus.DECLINED:
        return Declined(payment.decline_code or "declined", payment.id)
    return found if _is_done(attempt, payment) else Absent()


def find(services: Services, order: Order, attempt: PaymentAttempt) -> Succeeded | Unknown | Absent:
    """The provider's payment that *attempt* is about: by the provider's id where it is known, else by our key.

    Raises:
        PaymentHeldError: the provider was not asked.
    """
    about = attempt.provider_reference
    if about:
        return ask(services, order.order_id, lambda payments: payments.fetch(about))
    return ask(services, order.order_id, lambda payments: payments.lookup(attempt.key))


_DONE: Mapping[Purpose, frozenset[ProviderStatus]] = {
    Purpose.AUTHORIZE: frozenset(ProviderStatus) - {ProviderStatus.DECLINED},
    Purpose.CAPTURE: frozenset({ProviderStatus.CAPTURED, ProviderStatus.REFUNDED}),
    Purpose.VOID: frozenset({ProviderStatus.VOIDED}),
}
"""How a payment stands at the provider once an attempt of this purpose has succeeded."""


def _is_done(attempt: PaymentAttempt, payment: ProviderPayment) -> bool:
    if attempt.purpose is Purpose.REFUND:
        return attempt.key in payment.refund_keys
    return payment.status in _DONE[attempt.purpose]


def heard_of(services: Services, attempt: PaymentAttempt, result: Result | Absent) -> PaymentAttempt:
    """*attempt* as *result* leaves it."""
    at = services.clock.now()
    match result:
        case Succeeded(payment):
            done = changed(attempt, outcome=Outcome.SUCCEEDED, provider_reference=payment.id, settled_at=at, detail="")
            return _reserved(services, done, payment) if attempt.purpose is Purpose.AUTHORIZE else done
        case Declined(code, payment_id):
            about = payment_id or attempt.provider_reference
            return changed(attempt, outcome=Outcome.DECLINED, provider_reference=about, settled_at=at, detail=code)
        case Unknown(reason, answered):
            return changed(attempt, answered=answered, detail=reason)
        case Absent():
            return changed(attempt, outcome=Outcome.ABSENT, settled_at=at, detail="it had no effect at the provider")


def _reserved(services: Services, attempt: PaymentAttempt, payment: ProviderPayment) -> PaymentAttempt:
    """A reservation lasts as long as the provider says, else as long as cards usually allow."""
    if payment.expires_at is not None:
        return changed(attempt, expires_at=payment.expires_at)
    return changed(attempt, expires_at=services.clock.now() + services.policy.authorization_seconds)


def learning(services: Services, heard: PaymentAttempt) -> Step:
    """The step that makes of an order what follows from *heard*."""

    def step(order: Order) -> Change | None:
        return learnt(order, heard, services.clock.now())

    return step


def demand_success(order: Order, attempt: PaymentAttempt) -> Order:
    """*order* when the attempt has succeeded, by whoever's word.

    Raises:
        PaymentUnknownError, PaymentDeclinedError: it has not.
    """
    known = attempt_of(order.payments, attempt.key)
    assert known is not None
    if known.outcome is Outcome.UNKNOWN:
        raise PaymentUnknownError(order.order_id, attempt.purpose, known.detail)
    if known.outcome is Outcome.DECLINED:
        raise PaymentDeclinedError(order.order_id, attempt.purpose, known.detail)
    return order
