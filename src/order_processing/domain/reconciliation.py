"""What must agree about one order: itself, its executions, payments, vouchers and stock; and how to mend it."""

from collections.abc import Callable, Iterator, Mapping
from enum import Enum

import msgspec

from order_processing.domain.inventory import Hold, HoldState
from order_processing.domain.lifecycle import is_waiting
from order_processing.domain.orders import DEAD, Order, OrderStatus
from order_processing.domain.ownership import Pipeline
from order_processing.domain.payments import Outcome, Purpose, captured_net_minor, total_minor
from order_processing.domain.refunds import must_be_undone
from order_processing.domain.vouchers import VoucherState

PATIENCE_SECONDS = 600.0
"""What is younger may still be on its way; it is not a difference yet."""

_DELIVERED = frozenset({OrderStatus.COMPLETED, OrderStatus.PARTIALLY_FULFILLED})


class Repair(Enum):
    """What would mend a difference; each may be tried any number of times."""

    ANNOUNCE = "announce the order again"
    HAND_TO_LEGACY = "hand the order to the legacy pipeline"
    STOP_EXECUTION = "stop the execution"
    RESOLVE_PAYMENTS = "ask the provider and take down what it says"
    GIVE_MONEY_BACK = "void or refund what nobody is owed"
    RELEASE_HOLD = "give the units back to the stock"
    SETTLE_HOLD = "mark the units as sold"
    REGISTER_CODES = "make the vouchers findable by their codes"
    CONFIRM = "write to the customer"
    PERSON = "nothing automatic; a person has to look"


class DifferenceKind(Enum):
    """What does not agree."""

    NEVER_STARTED = "never_started"
    EXECUTION_LOST = "execution_lost"
    EXECUTION_LEFT_OVER = "execution_left_over"
    PAYMENT_UNKNOWN = "payment_unknown"
    PAYMENT_DIFFERS = "payment_differs"
    MONEY_KEPT = "money_kept"
    NOT_PAID = "not_paid"
    HOLD_LEFT = "hold_left"
    HOLD_MISSING = "hold_missing"
    VOUCHERS_MISSING = "vouchers_missing"
    VOUCHERS_TOO_MANY = "vouchers_too_many"
    CODE_LOST = "code_lost"
    CONFIRMATION_MISSING = "confirmation_missing"


class ProviderFact(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as the provider has it; amounts in minor units.

    Attributes:
        reference: key of the authorisation that made it.
        is_reserved: a reservation stands on the card.
    """

    payment_id: str
    reference: str
    is_reserved: bool
    captured_minor: int
    refunded_minor: int


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known about one order at one instant.

    Attributes:
        execution: how the execution that the order names stands, such as ``RUNNING``; "" there is none, None: unknown.
        payments: None when the provider did not say.
        code_owners: by the hash of each of its vouchers' codes, the order it leads to, None: to none.
    """

    order: Order
    now: float
    hold: Hold | None
    execution: str | None
    payments: tuple[ProviderFact, ...] | None
    code_owners: Mapping[str, str | None]

    @property
    def age_seconds(self) -> float:
        """Since the order last changed."""
        return self.now - self.order.updated_at


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Two records that do not agree.

    Attributes:
        detail: both sides, for people.
    """

    order_id: str
    kind: DifferenceKind
    repair: Repair
    detail: str


def differences(facts: Facts, patience_seconds: float = PATIENCE_SECONDS) -> tuple[Difference, ...]:
    """Everything about an order that does not agree; empty when all is well, or too young to tell."""
    if facts.age_seconds < patience_seconds:
        return ()
    found = (each for compare in _COMPARISONS for each in compare(facts))
    return tuple(
        Difference(order_id=facts.order.order_id, kind=kind, repair=repair, detail=detail)
        for kind, repair, detail in found
    )


Finding = tuple[DifferenceKind, Repair, str]


def _executions(facts: Facts) -> Iterator[Finding]:
    """An instant order that waits has a running execution; one at rest, or of the other pipeline, has none.

    An execution that is not there cannot be the living owner that a lease protects.
    """
    order, owner = facts.order, facts.order.owner
    if order.pipeline is Pipeline.INSTANT and is_waiting(order) and not order.paused:
        if not owner.execution and owner.lease_until <= facts.now:
            detail = f"{order.status.value} for {facts.age_seconds:.0f} s, never claimed"
            yield DifferenceKind.NEVER_STARTED, Repair.ANNOUNCE, detail
        elif owner.execution and facts.execution not in (None, "RUNNING"):
            said = (facts.execution or "not there").lower()
            yield DifferenceKind.EXECUTION_LOST, Repair.HAND_TO_LEGACY, f"{order.status.value}, its execution is {said}"
    elif facts.execution == "RUNNING":
        yield (
            DifferenceKind.EXECUTION_LEFT_OVER,
            Repair.STOP_EXECUTION,
            f"{order.status.value}, its execution still runs",
        )


def _ledger(facts: Facts) -> Iterator[Finding]:
    """No attempt stays unknown, and our ledger says what the provider's does."""
    order = facts.order
    lost = [attempt for attempt in order.payments if attempt.outcome is Outcome.UNKNOWN]
    if lost:
        yield DifferenceKind.PAYMENT_UNKNOWN, Repair.RESOLVE_PAYMENTS, f"outcome of {lost[0].key} is unknown"
    if facts.payments is None:
        return
    theirs = sum(each.captured_minor - each.refunded_minor for each in facts.payments)
    ours = captured_net_minor(order.payments)
    if theirs != ours:
        yield DifferenceKind.PAYMENT_DIFFERS, Repair.RESOLVE_PAYMENTS, f"we hold {ours}, the provider says {theirs}"
    reserved = [each.payment_id for each in facts.payments if each.is_reserved]
    if reserved and not is_waiting(order) and order.status is not OrderStatus.QUARANTINED:
        yield (
            DifferenceKind.MONEY_KEPT,
            Repair.GIVE_MONEY_BACK,
            f"{order.status.value}, still reserved: {', '.join(reserved)}",
        )


def _owed(facts: Facts) -> Iterator[Finding]:
    """Money of a dead order goes back; a delivered one was paid."""
    order = facts.order
    net = captured_net_minor(order.payments)
    if must_be_undone(order):
        yield (
            DifferenceKind.MONEY_KEPT,
            Repair.GIVE_MONEY_BACK,
            f"{order.status.value}, {net} are still ours or reserved",
        )
    captured = total_minor(order.payments, Purpose.CAPTURE)
    if order.status is OrderStatus.COMPLETED and captured < order.amount.amount_minor:
        yield DifferenceKind.NOT_PAID, Repair.PERSON, f"completed, {captured} of {order.amount.amount_minor} captured"


def _stock(facts: Facts) -> Iterator[Finding]:
    """A dead order holds nothing, a delivered one has bought, any other one holds."""
    order, hold = facts.order, facts.hold
    state = None if hold is None else hold.state
    if order.status in DEAD and order.status is not OrderStatus.REFUNDED:
        if state is HoldState.HELD:
            yield (
                DifferenceKind.HOLD_LEFT,
                Repair.RELEASE_HOLD,
                f"{order.status.value}, {order.quantity} units still held",
            )
    elif order.status in _DELIVERED:
        if state is HoldState.HELD:
            yield (
                DifferenceKind.HOLD_LEFT,
                Repair.SETTLE_HOLD,
                f"{order.status.value}, {order.quantity} units not marked as sold",
            )
        elif state is not HoldState.SETTLED:
            yield DifferenceKind.HOLD_MISSING, Repair.PERSON, f"{order.status.value}, its units are {_said(state)}"
    elif order.status is not OrderStatus.REFUNDED and state not in (HoldState.HELD, HoldState.SETTLED):
        yield DifferenceKind.HOLD_MISSING, Repair.PERSON, f"{order.status.value}, its units are {_said(state)}"


def _vouchers(facts: Facts) -> Iterator[Finding]:
    """Vouchers worth something are as many as were delivered, and each is found by its code."""
    order = facts.order
    shown = [each for each in order.vouchers if each.state in (VoucherState.ISSUED, VoucherState.REDEEMED)]
    if order.status is OrderStatus.COMPLETED and not order.shipments and len(order.vouchers) < order.quantity:
        detail = f"completed, {len(order.vouchers)} of {order.quantity} vouchers"
        yield DifferenceKind.VOUCHERS_MISSING, Repair.PERSON, detail
    unredeemed = [each for each in shown if each.state is VoucherState.ISSUED]
    if order.status in DEAD and unredeemed:
        yield (
            DifferenceKind.VOUCHERS_TOO_MANY,
            Repair.PERSON,
            f"{order.status.value}, {len(unredeemed)} vouchers still worth it",
        )
    lost = [each for each in shown if facts.code_owners.get(each.code_hash) is None]
    if lost:
        yield DifferenceKind.CODE_LOST, Repair.REGISTER_CODES, f"{len(lost)} vouchers are not found by their codes"
    foreign = [each for each in shown if facts.code_owners.get(each.code_hash) not in (None, order.order_id)]
    if foreign:
        yield DifferenceKind.CODE_LOST, Repair.PERSON, f"{len(foreign)} codes lead to another order"


def _confirmation(facts: Facts) -> Iterator[Finding]:
    status = facts.order.status
    if status in _DELIVERED and not facts.order.mails:
        yield DifferenceKind.CONFIRMATION_MISSING, Repair.CONFIRM, f"{status.value}, the customer was not written to"


_COMPARISONS: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    _executions,
    _ledger,
    _owed,
    _stock,
    _vouchers,
    _confirmation,
)


def _said(state: HoldState | None) -> str:
    return "not held at all" if state is None else state.value
