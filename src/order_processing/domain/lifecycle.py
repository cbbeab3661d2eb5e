"""What each step makes of an order: the next version of the document, nothing else."""

from collections.abc import Mapping

import msgspec

from order_processing.domain.fraud import FraudAssessment, FraudReview, Verdict
from order_processing.domain.offers import CITIES, Offer, price_of
from order_processing.domain.orders import (
    AT_REST,
    SCHEMA,
    Assignment,
    NewOrder,
    Order,
    OrderStatus,
    Shipment,
    TimelineEntry,
    moved,
    noted,
)
from order_processing.domain.ownership import LeaseHeldError, OrderPausedError, Owner, Pipeline, StaleOwnerError
from order_processing.domain.payments import PaymentAttempt, with_attempt
from order_processing.domain.vouchers import Voucher, VoucherState

changed = msgspec.structs.replace


def placed(request: NewOrder, offer: Offer, order_id: str, assignment: Assignment) -> Order:
    """A new order, received at the instant of its assignment.

    Raises:
        OfferClosedError, QuantityError: it cannot be bought so.
    """
    at = assignment.at
    pipeline = Pipeline(assignment.variant)
    return Order(
        schema=SCHEMA,
        order_id=order_id,
        user_guid=request.user_guid,
        unit_id=offer.unit_id,
        quantity=request.quantity,
        payment_token=request.payment_token,
        amount=price_of(offer, request.quantity, at),
        title=offer.title,
        merchant=offer.merchant,
        city=offer.city,
        time_zone=CITIES[offer.city],
        kind=offer.kind,
        valid_days=offer.valid_days,
        status=OrderStatus.RECEIVED,
        pipeline=pipeline,
        owner=Owner(pipeline=pipeline),
        created_at=at,
        updated_at=at,
        version=1,
        timeline=(TimelineEntry(at, OrderStatus.RECEIVED.value, "order-service"),),
        assignments=(assignment,),
    )


def demand_owner(order: Order, epoch: int) -> None:
    """Raises StaleOwnerError unless *epoch* is the order's."""
    if order.owner.epoch != epoch:
        raise StaleOwnerError(order.order_id, epoch, order.owner.epoch)


def by_owner(order: Order, at: float, event: str, detail: str = "") -> TimelineEntry:
    """A timeline entry of whoever owns the order."""
    return TimelineEntry(at, event, order.owner.pipeline.value, detail)


def advanced(order: Order, to: OrderStatus, at: float, detail: str = "") -> Order:
    """*order* in the next status, by its owner."""
    return moved(order, to, by_owner(order, at, to.value, detail))


def is_claimable(order: Order) -> bool:
    """Whether an execution may begin with the order: none has it, and it is the instant pipeline's."""
    is_free = order.pipeline is Pipeline.INSTANT and not order.owner.execution and not order.paused
    return is_free and is_waiting(order)


def assigned(order: Order, assignment: Assignment) -> Order:
    """*order* with the release it will be carried out on; made once, then obeyed."""
    assert not order.release
    return changed(order, release=assignment.variant, assignments=(*order.assignments, assignment))


def claimed(order: Order, at: float, lease_seconds: float) -> Order:
    """*order* owned by the execution named after it, on the release assigned.

    An order that comes back to the instant pipeline gets an execution of another name, as names stay taken.
    """
    epoch = order.owner.epoch + 1
    owner = Owner(
        pipeline=Pipeline.INSTANT,
        release=order.release,
        execution=order.order_id if epoch == 1 else f"{order.order_id}-{epoch}",
        epoch=epoch,
        lease_until=at + lease_seconds,
    )
    owned = changed(order, owner=owner, attempts=_one_more(order.attempts, Pipeline.INSTANT))
    return noted(owned, by_owner(owned, at, "claimed", order.release))


def handed_over(order: Order, at: float, reason: str) -> Order:
    """*order* in the legacy pipeline, free to be taken; whoever owned it before is fenced off."""
    owner = Owner(pipeline=Pipeline.LEGACY, epoch=order.owner.epoch + 1)
    entry = by_owner(order, at, "handed_over", reason)
    return noted(changed(order, pipeline=Pipeline.LEGACY, owner=owner, problem=reason), entry)


def taken_over(order: Order, pipeline: Pipeline, at: float, lease_seconds: float) -> Order:
    """*order* owned by *pipeline* under the next epoch.

    Raises:
        LeaseHeldError: its owner is alive.
        OrderPausedError: an operator has stopped it.
    """
    if order.paused:
        raise OrderPausedError(order.order_id, order.paused)
    if order.owner.lease_until > at:
        raise LeaseHeldError(order.order_id, order.owner.lease_until)
    owner = Owner(pipeline=pipeline, epoch=order.owner.epoch + 1, lease_until=at + lease_seconds)
    attempts = _one_more(order.attempts, pipeline)
    owned = changed(order, pipeline=pipeline, owner=owner, attempts=attempts)
    return noted(owned, by_owner(owned, at, "taken_over"))


def let_go(order: Order, at: float, problem: str) -> Order:
    """*order* with its lease ended, so that whoever is next need not wait for it to run out.

    Args:
        problem: why the owner got nowhere; "" when it did, which gives the order its full budget of attempts again.
    """
    free = changed(order, owner=changed(order.owner, lease_until=0.0), problem=problem)
    if problem:
        return noted(free, by_owner(order, at, "attempt_failed", problem))
    attempts = {**order.attempts, order.owner.pipeline.value: 0}
    return noted(changed(free, attempts=attempts), by_owner(order, at, "let_go"))


def screened(order: Order, assessment: FraudAssessment, at: float, review_seconds: float) -> Order:
    """*order* with its fraud verdict: cleared, waiting for a review, or rejected."""
    detail = f"score {assessment.score}" + "".join(f"; {reason}" for reason in assessment.reasons)
    scanned = changed(order, fraud=assessment)
    if assessment.verdict is Verdict.REVIEW:
        scanned = changed(scanned, review=FraudReview(requested_at=at, deadline_at=at + review_seconds))
    return advanced(scanned, _AFTER_VERDICT[assessment.verdict], at, detail)


def review_requested(order: Order, task_token: str, at: float) -> Order:
    """*order* that remembers whom its review continues."""
    assert order.review is not None
    waiting = changed(order, review=changed(order.review, task_token=task_token))
    return noted(waiting, by_owner(order, at, "review_requested"))


def reviewed(order: Order, verdict: Verdict, at: float, *, by: str, note: str) -> Order:
    """*order* as a person decided; its lease, which lasted for the review, is over."""
    assert order.review is not None
    assert verdict is not Verdict.REVIEW
    review = changed(order.review, decision=verdict, decided_by=by, decided_at=at, note=note)
    to = _AFTER_VERDICT[verdict]
    decided = changed(order, review=review, owner=changed(order.owner, lease_until=at))
    return moved(decided, to, TimelineEntry(at, to.value, by, note))


def with_payment(order: Order, attempt: PaymentAttempt, at: float) -> Order:
    """*order* with *attempt* in its ledger."""
    is_new = all(known.key != attempt.key for known in order.payments)
    what = "begun" if is_new else attempt.outcome.value
    entry = by_owner(order, at, f"{attempt.purpose.value}_{what}", attempt.detail)
    return noted(changed(order, payments=with_attempt(order.payments, attempt)), entry)


def with_vouchers(order: Order, vouchers: tuple[Voucher, ...], at: float) -> Order:
    """*order* with vouchers that wait for its payment."""
    return advanced(changed(order, vouchers=vouchers), OrderStatus.FULFILLING, at, f"{len(vouchers)} vouchers prepared")


def with_shipment(order: Order, shipment: Shipment, at: float) -> Order:
    """*order* with goods put aside for it."""
    fulfilling = changed(order, shipments=(*order.shipments, shipment))
    return advanced(fulfilling, OrderStatus.FULFILLING, at, f"{shipment.quantity} reserved as {shipment.shipment_id}")


def completed(order: Order, at: float) -> Order:
    """*order* paid and delivered: its vouchers may be shown now."""
    issued = tuple(changed(each, state=VoucherState.ISSUED, issued_at=at) for each in order.vouchers)
    return advanced(changed(order, vouchers=issued, problem=""), OrderStatus.COMPLETED, at)


def partly_delivered(order: Order, units: tuple[int, ...], at: float) -> Order:
    """*order* of which only *units* were delivered and paid."""
    detail = f"{len(units)} of {order.quantity} units"
    return advanced(changed(order, problem=""), OrderStatus.PARTIALLY_FULFILLED, at, detail)


def ended(order: Order, outcome: OrderStatus, at: float, reason: str) -> Order:
    """*order* given up: none of its vouchers will ever be shown."""
    revoked = tuple(changed(each, state=VoucherState.REVOKED) for each in order.vouchers)
    return advanced(changed(order, vouchers=revoked, problem=reason), outcome, at, reason)


def mailed(order: Order, message_id: str, at: float) -> Order:
    """*order* whose customer has been written to."""
    return noted(changed(order, mails=(*order.mails, message_id)), by_owner(order, at, "confirmation_sent"))


def is_waiting(order: Order) -> bool:
    """Whether somebody still has something to do for the order."""
    return order.status not in AT_REST


_AFTER_VERDICT: Mapping[Verdict, OrderStatus] = {
    Verdict.CLEARED: OrderStatus.CLEARED,
    Verdict.REVIEW: OrderStatus.IN_REVIEW,
    Verdict.FRAUD: OrderStatus.REJECTED,
}


def _one_more(attempts: Mapping[str, int], pipeline: Pipeline) -> dict[str, int]:
    return {**attempts, pipeline.value: attempts.get(pipeline.value, 0) + 1}
