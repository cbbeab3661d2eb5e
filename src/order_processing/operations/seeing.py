"""How a payment stands at the provider, taken down in an order's ledger, whoever made it stand so."""

from collections.abc import Iterable, Iterator

from order_processing.domain import (
    Order,
    Outcome,
    PaymentAttempt,
    Purpose,
    attempt_key,
    attempt_of,
    changed,
    refunded_at_provider,
    total_minor,
)
from order_processing.gateways import Declined, ProviderPayment, ProviderStatus, Succeeded
from order_processing.operations.attempts import heard_of
from order_processing.operations.consequences import learnt
from order_processing.operations.context import Change, Services
from order_processing.stores import AddRecord, RemoveRecord, Write


def seen(services: Services, order: Order, payment: ProviderPayment) -> Change | None:
    """*order* as *payment* at the provider says it stands; None: nothing new."""
    after, writes = order, list[Write]()
    for learn in (_authorization, _capture, _given_back, _refunds):
        for heard in learn(services, after, payment):
            step = learnt(after, heard, services.clock.now())
            if step is not None:
                after, writes = step.order, [*writes, *step.writes]
    return None if after == order else Change(after, _once_each(writes))


def _authorization(services: Services, order: Order, payment: ProviderPayment) -> Iterator[PaymentAttempt]:
    attempt = attempt_of(order.payments, payment.reference)
    assert attempt is not None
    declined = payment.status is ProviderStatus.DECLINED
    yield heard_of(
        services, attempt, Declined(payment.decline_code or "declined", payment.id) if declined else Succeeded(payment)
    )


def _capture(services: Services, order: Order, payment: ProviderPayment) -> Iterator[PaymentAttempt]:
    if payment.captured_minor == 0 or total_minor(order.payments, Purpose.CAPTURE, payment.id):
        return
    asked = [
        each for each in order.payments if each.purpose is Purpose.CAPTURE and each.provider_reference == payment.id
    ]
    attempt = asked[-1] if asked else _at_provider(services, order, Purpose.CAPTURE, payment)
    yield changed(heard_of(services, attempt, Succeeded(payment)), amount_minor=payment.captured_minor)


def _given_back(services: Services, order: Order, payment: ProviderPayment) -> Iterator[PaymentAttempt]:
    if payment.status is not ProviderStatus.VOIDED:
        return
    asked = [each for each in order.payments if each.purpose is Purpose.VOID and each.provider_reference == payment.id]
    if asked:
        yield heard_of(services, asked[-1], Succeeded(payment))
        return
    attempt = attempt_of(order.payments, payment.reference)
    assert attempt is not None
    yield changed(attempt, outcome=Outcome.EXPIRED, detail=payment.decline_code or "given back at the provider")


def _refunds(services: Services, order: Order, payment: ProviderPayment) -> Iterator[PaymentAttempt]:
    made = [each for each in order.payments if each.purpose is Purpose.REFUND and each.key in payment.refund_keys]
    for attempt in made:
        if attempt.outcome is not Outcome.SUCCEEDED:
            yield heard_of(services, attempt, Succeeded(payment))
    late = sum(each.amount_minor for each in made if each.outcome is not Outcome.SUCCEEDED)
    at = services.clock.now()
    unknown_here = refunded_at_provider(order, payment.id, payment.refunded_minor - late, at)
    if unknown_here is not None:
        yield unknown_here


def _at_provider(services: Services, order: Order, purpose: Purpose, payment: ProviderPayment) -> PaymentAttempt:
    """An attempt that was made past this system."""
    return PaymentAttempt(
        purpose=purpose,
        key=attempt_key(order.order_id, purpose, order.owner.epoch, order.payments),
        amount_minor=payment.captured_minor,
        epoch=order.owner.epoch,
        at=services.clock.now(),
        provider_reference=payment.id,
    )


def _once_each(writes: Iterable[Write]) -> tuple[Write, ...]:
    """*writes* with at most one to each item: of those to the same record the last one counts."""
    last: dict[object, Write] = {}
    for write in writes:
        if isinstance(write, AddRecord):
            item: object = (write.record.kind, write.record.key)
        else:
            item = (write.kind, write.key) if isinstance(write, RemoveRecord) else write
        last[item] = write
    return tuple(last.values())
