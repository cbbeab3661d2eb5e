"""Refunds that somebody asks for: whole, in part, by unit, as often as anything is left."""

from order_processing.domain import (
    Act,
    AuditEntry,
    Order,
    Outcome,
    PaymentAttempt,
    Purpose,
    RefundMismatchError,
    RefundRequest,
    captured_net_minor,
    checked,
    is_same_refund,
    refund_begun,
    refunds_for,
)
from order_processing.gateways import Absent
from order_processing.operations.attempts import PaymentUnknownError, demand_success, heard_of, learning, look_up, send
from order_processing.operations.breaking import demand_not_held
from order_processing.operations.consequences import queued
from order_processing.operations.context import Change, Services, change, load
from order_processing.stores import PutAudit


def refund(services: Services, order_id: str, request: RefundRequest) -> Order:
    """Pays back what *request* asks for, once; the same request again finds out what became of it.

    The vouchers of the units go first. While the outcome is unknown the order stands in the queue of open payments.

    Raises:
        RefundRefusedError: it is more than may be paid back, or a voucher was used.
        RefundMismatchError: the key stands for another refund.
        PaymentDeclinedError: the provider refuses; the vouchers are good again and an alert says so.
        PaymentUnknownError, PaymentHeldError: nothing is known yet; ask again with the same request.
        ActError: it names nobody or no reason.
    """
    act = checked(Act(request.by, request.reason))
    begun_here = False

    def step(order: Order) -> Change | None:
        nonlocal begun_here
        known = refunds_for(order.payments, request.key)
        if known and not is_same_refund(order, request):
            raise RefundMismatchError(order_id)
        begun_here = all(attempt.outcome is Outcome.ABSENT for attempt in known)
        return _begun(services, order, request, act) if begun_here else None

    if not refunds_for(load(services, order_id).payments, request.key):
        demand_not_held(services)
    order = change(services, order_id, step)
    for attempt in refunds_for(order.payments, request.key):
        if attempt.outcome is Outcome.UNKNOWN:
            order = pursue(services, order, attempt, is_new=begun_here)
        _demand_made(order, attempt, request.key)
    return order


def _demand_made(order: Order, attempt: PaymentAttempt, request: str) -> None:
    """Raises when *attempt* did not pay back; one without effect that was made again meanwhile does not count."""
    known = demand_success(order, attempt)
    outcomes = [each.outcome for each in refunds_for(known.payments, request)]
    if all(outcome is Outcome.ABSENT for outcome in outcomes):
        raise PaymentUnknownError(order.order_id, Purpose.REFUND, attempt.detail or "it had no effect at the provider")


def pursue(services: Services, order: Order, attempt: PaymentAttempt, *, is_new: bool = False) -> Order:
    """Brings a refund to its end as far as that is possible now: looked up unless it is new, sent under its key.

    Raises:
        PaymentHeldError: the provider is not asked at present.
    """
    found = Absent() if is_new else look_up(services, order, attempt)
    result = send(services, order, attempt) if isinstance(found, Absent) and not attempt.answered else found
    return change(services, order.order_id, learning(services, heard_of(services, attempt, result)), known=order)


def _begun(services: Services, order: Order, request: RefundRequest, act: Act) -> Change:
    at = services.clock.now()
    begun = refund_begun(order, request, at)
    entry = AuditEntry(
        audit_id=services.ids.order_id(),
        at=at,
        actor=act.actor,
        action="refund",
        subject=order.order_id,
        reason=act.reason,
        before={"status": order.status.value, "paid_minor": captured_net_minor(order.payments)},
        after={
            "refund_minor": sum(
                each.amount_minor
                for each in refunds_for(begun.payments, request.key)
                if each.outcome is Outcome.UNKNOWN
            ),
            "units": list(request.units),
        },
    )
    return Change(begun, (queued(begun, at), PutAudit(entry)))
