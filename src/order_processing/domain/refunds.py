"""Refunds: how much may go back, for which units, and what becomes of their vouchers."""

import msgspec

from order_processing.domain.lifecycle import changed
from order_processing.domain.money import Money, allocate
from order_processing.domain.orders import DEAD, TRANSITIONS, Order, OrderStatus, TimelineEntry, moved, noted
from order_processing.domain.payments import (
    NOT_ASKED_FOR,
    PROVIDER,
    UNDO,
    Ledger,
    Outcome,
    PaymentAttempt,
    Purpose,
    attempt_key,
    captured_net_minor,
    open_authorizations,
    refund_parts,
    refundable_minor,
    total_minor,
    with_attempt,
)
from order_processing.domain.vouchers import VoucherState
from order_processing.errors import RefusedError

_DELIVERED = frozenset({OrderStatus.COMPLETED, OrderStatus.PARTIALLY_FULFILLED})
_COUNTS = frozenset({Outcome.SUCCEEDED, Outcome.UNKNOWN})


class RefundRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A wish to pay money back.

    Attributes:
        key: the same for the same wish, so that it is granted once.
        by, reason: who asks and why, for the ledger and the timeline.
        amount_minor: minor units; None: of the units, or everything that is left.
        units: numbers of units, from 1, each paid back with its share of the price; () for none in particular.
    """

    key: str
    by: str
    reason: str
    amount_minor: int | None = None
    units: tuple[int, ...] = ()


class RefundRefusedError(RefusedError):
    """This cannot be paid back; the message says why and what can."""

    def __init__(self, order_id: str, reason: str) -> None:
        super().__init__(f"order {order_id} cannot be refunded so: {reason}")
        self.order_id = order_id
        self.reason = reason


class RefundMismatchError(RefusedError):
    """The key stands for another refund of the order."""

    def __init__(self, order_id: str) -> None:
        super().__init__(f"this key was used for another refund of order {order_id}; use a new key for a new refund")
        self.order_id = order_id


def unit_shares(order: Order) -> tuple[int, ...]:
    """Minor units that each unit cost; they sum to the order's amount."""
    return tuple(share.amount_minor for share in allocate(order.amount, [1] * order.quantity))


def refunds_for(ledger: Ledger, request: str) -> tuple[PaymentAttempt, ...]:
    """The attempts made for one request."""
    return tuple(each for each in ledger if each.purpose is Purpose.REFUND and each.request == request)


def refund_begun(order: Order, request: RefundRequest, at: float) -> Order:
    """*order* with the attempts that *request* needs and the vouchers of its units revoked.

    The vouchers go before the money does, so that nobody can use one while its refund is on the way.

    Raises:
        RefundRefusedError: it is more than may be paid back, or a voucher was used.
    """
    amount_minor = _granted_minor(order, request)
    units = request.units or _remaining_units(order, amount_minor)
    begun = order
    for reference, part in refund_parts(order.payments, amount_minor):
        attempt = PaymentAttempt(
            purpose=Purpose.REFUND,
            key=attempt_key(order.order_id, Purpose.REFUND, order.owner.epoch, begun.payments),
            amount_minor=part,
            epoch=order.owner.epoch,
            at=at,
            provider_reference=reference,
            units=units,
            request=request.key,
            reason=request.reason,
        )
        begun = with_refund(begun, attempt, at, by=request.by)
    return _with_vouchers(begun, units, VoucherState.ISSUED, VoucherState.REVOKED)


def with_refund(order: Order, attempt: PaymentAttempt, at: float, by: str) -> Order:
    """*order* with a refund in its ledger as it stands now, and its amount in the timeline."""
    what = "begun" if all(known.key != attempt.key for known in order.payments) else attempt.outcome.value
    amount = Money(attempt.amount_minor, order.amount.currency)
    detail = "; ".join(each for each in (str(amount), attempt.reason, attempt.detail) if each)
    entry = TimelineEntry(at, f"refund_{what}", by, detail)
    return noted(changed(order, payments=with_attempt(order.payments, attempt)), entry)


def refund_settled(order: Order, attempt: PaymentAttempt, at: float) -> Order:
    """*order* after one of its refunds came to an end: refunded when nothing is left, its vouchers good again if not.

    Args:
        attempt: as it is in the order's ledger by now.
    """
    if attempt.outcome in (Outcome.DECLINED, Outcome.ABSENT):
        kept = not any(each.outcome in _COUNTS for each in refunds_for(order.payments, attempt.request))
        return _with_vouchers(order, attempt.units, VoucherState.REVOKED, VoucherState.ISSUED) if kept else order
    order = _with_vouchers(order, attempt.units, VoucherState.ISSUED, VoucherState.REVOKED)
    if captured_net_minor(order.payments) > 0 or OrderStatus.REFUNDED not in TRANSITIONS[order.status]:
        return order
    every = tuple(range(1, order.quantity + 1))
    revoked = _with_vouchers(order, every, VoucherState.ISSUED, VoucherState.REVOKED)
    entry = TimelineEntry(at, OrderStatus.REFUNDED.value, order.owner.pipeline.value)
    return moved(revoked, OrderStatus.REFUNDED, entry)


def is_same_refund(order: Order, request: RefundRequest) -> bool:
    """Whether the attempts known under the request's key are for what it asks."""
    every = refunds_for(order.payments, request.key)
    known = tuple(each for each in every if each.outcome is not Outcome.ABSENT) or every
    asked = sum(attempt.amount_minor for attempt in known)
    return request.amount_minor in (None, asked) and request.units in ((), known[0].units)


def due_back_minor(order: Order) -> int:
    """What must go back though nobody asks: all of it for a dead order, what was taken twice for a delivered one."""
    left = refundable_minor(order.payments)
    if order.status in DEAD:
        return max(0, left)
    if order.status not in _DELIVERED:
        return 0
    undone = sum(each.amount_minor for each in refunds_for(order.payments, UNDO) if each.outcome in _COUNTS)
    taken_twice = total_minor(order.payments, Purpose.CAPTURE) - order.amount.amount_minor - undone
    return max(0, min(left, taken_twice))


def must_be_undone(order: Order) -> bool:
    """Whether money or a reservation stays with us that has no order to be for."""
    at_rest = order.status in DEAD or order.status in _DELIVERED
    return at_rest and bool(open_authorizations(order.payments) or due_back_minor(order))


def undo_begun(order: Order, at: float) -> Order:
    """*order* with the attempts that pay back what is due."""
    request = RefundRequest(key=UNDO, by="payments", reason="nothing is owed for it")
    begun = order
    for reference, part in _undo_parts(order):
        attempt = PaymentAttempt(
            purpose=Purpose.REFUND,
            key=attempt_key(order.order_id, Purpose.REFUND, order.owner.epoch, begun.payments),
            amount_minor=part,
            epoch=order.owner.epoch,
            at=at,
            provider_reference=reference,
            request=UNDO,
            reason=request.reason,
        )
        begun = with_refund(begun, attempt, at, by=request.by)
    return begun


def refunded_at_provider(
    order: Order, provider_reference: str, refunded_minor: int, at: float
) -> PaymentAttempt | None:
    """The refund that the provider knows of and the ledger does not; None: they agree.

    Args:
        refunded_minor: all that the provider has paid back of this payment.
    """
    ours = total_minor(order.payments, Purpose.REFUND, provider_reference)
    if refunded_minor <= ours:
        return None
    return PaymentAttempt(
        purpose=Purpose.REFUND,
        key=attempt_key(order.order_id, Purpose.REFUND, order.owner.epoch, order.payments),
        amount_minor=refunded_minor - ours,
        epoch=order.owner.epoch,
        at=at,
        outcome=Outcome.SUCCEEDED,
        settled_at=at,
        provider_reference=provider_reference,
        request=PROVIDER,
        reason="made at the provider",
    )


def _granted_minor(order: Order, request: RefundRequest) -> int:
    """Minor units to pay back for *request*."""
    assert request.amount_minor is None or not request.units
    if request.key in NOT_ASKED_FOR:
        raise RefundRefusedError(order.order_id, f"the key {request.key!r} means a refund that nobody asked for")
    if order.status not in _DELIVERED and order.status not in DEAD:
        raise RefundRefusedError(order.order_id, f"it is {order.status.value}; cancel it instead")
    left = refundable_minor(order.payments)
    if left <= 0:
        raise RefundRefusedError(order.order_id, "nothing that was paid is left")
    if request.units:
        return _of_units(order, request.units, left)
    amount_minor = left if request.amount_minor is None else request.amount_minor
    _demand_left(order, amount_minor, left)
    if amount_minor < 1:
        raise RefundRefusedError(order.order_id, "the amount must be at least 1 minor unit")
    return amount_minor


def _of_units(order: Order, units: tuple[int, ...], left: int) -> int:
    if len(set(units)) != len(units) or not all(1 <= unit <= order.quantity for unit in units):
        raise RefundRefusedError(order.order_id, f"units are different numbers from 1 to {order.quantity}")
    gone = sorted(set(units) & _refunded_units(order))
    if gone:
        raise RefundRefusedError(order.order_id, f"unit {gone[0]} is refunded already")
    unpaid = sorted(set(units) - charged_units(order))
    if unpaid:
        raise RefundRefusedError(order.order_id, f"unit {unpaid[0]} was not delivered, and nothing was paid for it")
    used = sorted(set(units) & _used_units(order))
    if used:
        raise RefundRefusedError(order.order_id, f"the voucher of unit {used[0]} was used")
    shares = unit_shares(order)
    amount_minor = sum(shares[unit - 1] for unit in units)
    _demand_left(order, amount_minor, left)
    return amount_minor


def _demand_left(order: Order, amount_minor: int, left: int) -> None:
    if amount_minor > left:
        raise RefundRefusedError(order.order_id, f"at most {Money(left, order.amount.currency)} is left")
    used = _used_minor(order)
    if amount_minor > left - used:
        most = Money(max(0, left - used), order.amount.currency)
        raise RefundRefusedError(order.order_id, f"a voucher was used; at most {most} can go back")


def charged_units(order: Order) -> set[int]:
    """Numbers of the units that money was taken for; a capture that names none was for all of them."""
    taken = [each for each in order.payments if each.purpose is Purpose.CAPTURE and each.outcome is Outcome.SUCCEEDED]
    every = tuple(range(1, order.quantity + 1))
    return {unit for each in taken for unit in each.units or every}


def _used_units(order: Order) -> set[int]:
    return {voucher.number for voucher in order.vouchers if voucher.state is VoucherState.REDEEMED}


def _used_minor(order: Order) -> int:
    shares = unit_shares(order)
    return sum(shares[unit - 1] for unit in _used_units(order))


def _refunded_units(order: Order) -> set[int]:
    refunds = (each for each in order.payments if each.purpose is Purpose.REFUND and each.outcome in _COUNTS)
    return {unit for each in refunds for unit in each.units}


def _remaining_units(order: Order, amount_minor: int) -> tuple[int, ...]:
    """The units of a refund that names none: all that are left when everything goes back, else none."""
    if amount_minor < refundable_minor(order.payments) - _used_minor(order):
        return ()
    kept = _refunded_units(order) | _used_units(order)
    return tuple(unit for unit in range(1, order.quantity + 1) if unit not in kept)


def _undo_parts(order: Order) -> tuple[tuple[str, int], ...]:
    """From which payments what is due goes back: the ones captured last first, as the first one was meant."""
    due = due_back_minor(order)
    if due == 0:
        return ()
    if order.status in DEAD:
        return refund_parts(order.payments, due)
    parts = []
    for reference in reversed(
        dict.fromkeys(each.provider_reference for each in order.payments if each.purpose is Purpose.CAPTURE)
    ):
        part = min(due, refundable_minor(order.payments, reference))
        if part > 0:
            parts.append((reference, part))
            due -= part
    return tuple(parts)


def _with_vouchers(order: Order, units: tuple[int, ...], was: VoucherState, now: VoucherState) -> Order:
    """What a person revoked by hand stays so, whatever becomes of its refund."""
    vouchers = tuple(
        changed(each, state=now) if each.number in units and each.state is was and not each.revoked_by else each
        for each in order.vouchers
    )
    return order if vouchers == order.vouchers else changed(order, vouchers=vouchers)
