"""The thirteen invariants: some are checked after every commit, the rest when everything has come to rest.

A violation says which invariant, which thing, and the seed. Source: docs on reliability, "The oracle".
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from expeditor.cli.rehearsing import Run
from order_processing.domain import (
    AT_REST,
    DEAD,
    HoldState,
    Order,
    OrderStatus,
    Outcome,
    Purpose,
    VoucherState,
    captured_net_minor,
    open_authorizations,
    total_minor,
)
from order_processing.stores import OrderStore, PutOrder, ReleaseHold, SettleHold, TakeStock, Transaction

Violations = Iterator[str]

SOMETIMES = (
    "crash before a commit",
    "crash after a commit",
    "ambiguous commit",
    "duplicate delivery",
    "lost notification",
    "lease taken over",
    "fallback used",
    "compensation run",
    "dead letter redriven",
)
"""What a long run must have met at least once (I13); a run in which one never happened proves nothing about it."""


class Provider(Protocol):
    """What the payment provider itself has, whatever we believe."""

    def payments_of(self, order: Order) -> list[Any]:
        """Every payment it has for an order."""
        ...


@dataclass(slots=True)
class Evidence:
    """What the oracle may look at.

    Attributes:
        acknowledged: ids of orders answered 201.
        stock: units per offer at the beginning.
        mails: message ids handed to the mail server, one entry per send.
        published, delivered, dead: notifications taken by the topic, handled by the dispatcher, and given up.
        dead_too_early: dead letters that had deliveries left.
        runs: executions by name.
        tokens: how often each task token was completed.
        poison: orders that may end in quarantine.
    """

    store: OrderStore
    provider: Provider
    stock: Mapping[str, int]
    acknowledged: set[str] = field(default_factory=set)
    mails: Callable[[], list[str]] = list
    published: Counter[str] = field(default_factory=Counter)
    delivered: Counter[str] = field(default_factory=Counter)
    dead: set[str] = field(default_factory=set)
    dead_too_early: set[str] = field(default_factory=set)
    runs: Mapping[str, Run] = field(default_factory=dict)
    tokens: Counter[str] = field(default_factory=Counter)
    poison: set[str] = field(default_factory=set)

    def orders(self) -> list[Order]:
        """Every order that was acknowledged and is there."""
        found = (self.store.order(order_id) for order_id in sorted(self.acknowledged))
        return [order for order in found if order is not None]


class Oracle:
    """Watches one run.

    Attributes:
        met: how often each of SOMETIMES happened.
    """

    def __init__(self, evidence: Evidence, seed: int = 0) -> None:
        self.evidence = evidence
        self.met: Counter[str] = Counter()
        self._seed = seed
        self._orders: dict[str, Order] = {}
        self._holds: dict[str, tuple[str, int, HoldState]] = {}
        self._codes: dict[str, str] = {}

    def committed(self, transaction: Transaction) -> None:
        """Checks what must hold after each commit, as far as *transaction* could have broken it."""
        violations: list[str] = []
        for write in transaction:
            if isinstance(write, PutOrder):
                order = write.order
                violations += self._order(self._orders.get(order.order_id), order)
                self._orders[order.order_id] = order
        violations += self._stock(transaction)
        self._tell(violations)

    def learn_holds(self, order_ids: Iterable[str]) -> None:
        """Takes note of holds that were opened where the oracle was not looking, such as on other threads."""
        for order_id in order_ids:
            hold = self.evidence.store.hold(order_id)
            assert hold is not None
            self._holds[order_id] = (hold.unit_id, hold.quantity, hold.state)

    def at_rest(self) -> None:
        """Checks what must hold once faults have stopped and nothing is left to do."""
        self._tell([each for check in AT_REST_CHECKS for each in check(self.evidence)])

    def met_everything(self, wanted: Iterable[str] = SOMETIMES) -> None:
        """I13: each of *wanted* happened at least once."""
        self._tell([f"I13 sometimes: {name} never happened" for name in wanted if not self.met[name]])

    def _order(self, before: Order | None, order: Order) -> Violations:
        yield from _one_owner(before, order)
        yield from _one_assignment(before, order)
        yield from _money_of(order)
        for voucher in order.vouchers:
            owner = self._codes.setdefault(voucher.code_hash, order.order_id)
            if owner != order.order_id:
                yield f"I3 voucher: a code of {order.order_id} is also {owner}'s"

    def _stock(self, transaction: Transaction) -> Violations:
        """I4: units on sale, held and sold add up to what there was, and none of them is negative."""
        store = self.evidence.store
        touched = False
        for write in transaction:
            if isinstance(write, TakeStock | SettleHold | ReleaseHold):
                hold = store.hold(write.hold_id)
                assert hold is not None
                self._holds[hold.hold_id] = (hold.unit_id, hold.quantity, hold.state)
                touched = True
        for unit_id, stock in self.evidence.stock.items() if touched else ():
            offer = store.offer(unit_id)
            assert offer is not None
            out = sum(
                n for unit, n, state in self._holds.values() if unit == unit_id and state is not HoldState.RELEASED
            )
            if offer.stock_left < 0 or offer.stock_left + out != stock:
                yield f"I4 inventory: {unit_id} has {offer.stock_left} left and {out} out, of {stock}"

    def _tell(self, violations: list[str]) -> None:
        if violations:
            raise AssertionError("\n".join([f"seed {self._seed}:", *violations]))


def _one_owner(before: Order | None, order: Order) -> Violations:
    """I5: ownership only changes by raising the epoch, and a pipeline only acts under its own."""
    if before is None:
        return
    old, new = before.owner, order.owner
    if new.epoch not in (old.epoch, old.epoch + 1):
        yield f"I5 one processor: {order.order_id} went from epoch {old.epoch} to {new.epoch}"
    if new.epoch == old.epoch and (new.pipeline, new.execution, new.release) != (
        old.pipeline,
        old.execution,
        old.release,
    ):
        yield f"I5 one processor: {order.order_id} changed hands without a new epoch"
    late = [attempt for attempt in order.payments[len(before.payments) :] if attempt.epoch != old.epoch]
    if late:
        yield f"I5 one processor: {order.order_id} began a payment under epoch {late[0].epoch}, not {old.epoch}"


def _one_assignment(before: Order | None, order: Order) -> Violations:
    """I10: a decision is made once, and stays."""
    names = [assignment.experiment for assignment in order.assignments]
    if len(set(names)) < len(names):
        yield f"I10 experiment: {order.order_id} was assigned twice: {names}"
    if before is not None and order.assignments[: len(before.assignments)] != before.assignments:
        yield f"I10 experiment: {order.order_id} lost or changed a decision"


def _money_of(order: Order) -> Violations:
    """I2 and I11, by our own ledger: never more captured than due, nor more given back than taken."""
    captured = total_minor(order.payments, Purpose.CAPTURE)
    refunded = total_minor(order.payments, Purpose.REFUND)
    if captured > order.amount.amount_minor:
        yield f"I2 charge: {order.order_id} was charged {captured} of {order.amount.amount_minor}"
    if refunded > captured:
        yield f"I11 money: {order.order_id} got {refunded} back of {captured}"
    keys = [attempt.key for attempt in order.payments]
    if len(set(keys)) < len(keys):
        yield f"I11 money: {order.order_id} has two attempts under one key"


def every_order_ends(evidence: Evidence) -> Violations:
    """I1: what was acknowledged exists and has come to rest; in quarantine only what is poison."""
    for order_id in sorted(evidence.acknowledged):
        order = evidence.store.order(order_id)
        if order is None:
            yield f"I1 order: {order_id} was acknowledged and is gone"
        elif order.status not in AT_REST:
            yield f"I1 order: {order_id} is still {order.status.value} ({order.problem})"
        elif order.status is OrderStatus.QUARANTINED and order_id not in evidence.poison:
            yield f"I1 order: {order_id} is in quarantine ({order.problem})"


def every_charge_fits(evidence: Evidence) -> Violations:
    """I2: by the provider's own book delivered is paid once, dead is paid nothing, no reservation stays open."""
    for order in evidence.orders():
        if order.status is OrderStatus.QUARANTINED:
            continue
        payments = evidence.provider.payments_of(order)
        net = sum(payment.captured_minor - payment.refunded_minor for payment in payments)
        due = 0 if order.status in DEAD else order.amount.amount_minor
        if order.status is not OrderStatus.PARTIALLY_FULFILLED and net != due:
            yield f"I2 charge: {order.order_id} is {order.status.value} and the provider has {net}, not {due}"
        still_open = [payment.id for payment in payments if payment.status.value == "authorized"]
        if still_open or open_authorizations(order.payments):
            yield f"I2 charge: {order.order_id} is {order.status.value} with open reservations {still_open}"


def every_voucher_is_paid(evidence: Evidence) -> Violations:
    """I3: as many vouchers are worth something as units were paid; a dead order has none."""
    for order in evidence.orders():
        worth = [v for v in order.vouchers if v.state in (VoucherState.ISSUED, VoucherState.REDEEMED)]
        due = order.quantity if order.status is OrderStatus.COMPLETED and not order.shipments else 0
        if order.status is not OrderStatus.PARTIALLY_FULFILLED and len(worth) != due:
            yield f"I3 voucher: {order.order_id} is {order.status.value} with {len(worth)} vouchers, not {due}"


def every_unit_is_somewhere(evidence: Evidence) -> Violations:
    """I4: at rest nothing is held any more but by orders in quarantine."""
    for order in evidence.orders():
        hold = evidence.store.hold(order.order_id)
        assert hold is not None
        wanted = HoldState.RELEASED if order.status in DEAD else HoldState.SETTLED
        if order.status is not OrderStatus.QUARANTINED and hold.state is not wanted:
            yield f"I4 inventory: {order.order_id} is {order.status.value} and its hold {hold.state.value}"


def every_customer_is_told_once(evidence: Evidence) -> Violations:
    """I3, for mails: one confirmation for each completed order, none for others."""
    sent = Counter(evidence.mails())
    for order in evidence.orders():
        due = 1 if order.status is OrderStatus.COMPLETED else 0
        found = sum(number for name, number in sent.items() if name.startswith(f"{order.order_id}.confirmation"))
        if found != due:
            yield f"I3 voucher: {order.order_id} is {order.status.value} with {found} confirmations"


def every_execution_is_one(evidence: Evidence) -> Violations:
    """I6: at most one execution per order and epoch, on the machine the order was assigned."""
    for name, run in evidence.runs.items():
        order = evidence.store.order(name.partition("-")[0])
        machine = run.execution.context.state_machine_name
        if order is None:
            yield f"I6 execution: {name} is of no order"
            continue
        assigned = [each.variant for each in order.assignments if each.experiment == "release"]
        if name == order.order_id and [machine] != assigned:
            yield f"I6 execution: {name} ran on {machine}, assigned was {assigned}"


def every_history_is_whole(evidence: Evidence) -> Violations:
    """I7: events are numbered without gaps, link backwards, and the last one, once, is the end."""
    for name, run in evidence.runs.items():
        ids = [event.id for event in run.history]
        if ids != list(range(1, len(ids) + 1)):
            yield f"I7 history: {name} has events {ids}"
        if any(not 0 <= event.previous_event_id < event.id for event in run.history):
            yield f"I7 history: {name} links forward"
        ends = [event.type for event in run.history if event.type in _ENDS]
        if run.closed is not None and (len(ends) != 1 or run.history[-1].type != ends[0]):
            yield f"I7 history: {name} ended {ends}"


def every_token_is_used_once(evidence: Evidence) -> Violations:
    """I8."""
    for token, number in evidence.tokens.items():
        if number > 1:
            yield f"I8 tokens: {token} was completed {number} times"


def every_event_is_handled(evidence: Evidence) -> Violations:
    """I9: every order was published, nothing else was; each event was handled, or is dead after all its chances."""
    orders = {order.order_id for order in evidence.orders()}
    for order_id in sorted(orders ^ set(evidence.published)):
        yield f"I9 topic: {order_id} is {'not published' if order_id in orders else 'published, but no order'}"
    for order_id in sorted(set(evidence.published) - set(evidence.delivered) - evidence.dead):
        yield f"I9 topic: {order_id} was neither handled nor given up"
    for order_id in sorted(evidence.dead_too_early):
        yield f"I9 topic: {order_id} was given up too early"


def every_book_agrees(evidence: Evidence) -> Violations:
    """I11: what we believe to have taken and given back is what the provider has."""
    for order in evidence.orders():
        if order.status is OrderStatus.QUARANTINED:
            continue
        payments = evidence.provider.payments_of(order)
        theirs = sum(payment.captured_minor - payment.refunded_minor for payment in payments)
        if theirs != captured_net_minor(order.payments):
            yield f"I11 money: {order.order_id}: ours {captured_net_minor(order.payments)}, theirs {theirs}"
        lost = [attempt.key for attempt in order.payments if attempt.outcome is Outcome.UNKNOWN]
        if lost:
            yield f"I11 money: {order.order_id} rests with unknown attempts {lost}"


def everything_is_quiet(evidence: Evidence) -> Violations:
    """I12: no execution runs, nothing waits in the outbox."""
    for name, run in evidence.runs.items():
        if run.closed is None:
            yield f"I12 quiet: execution {name} still runs"
    for notification in evidence.store.unpublished():
        yield f"I12 quiet: {notification.order_id} is still in the outbox"


AT_REST_CHECKS: tuple[Callable[[Evidence], Violations], ...] = (
    every_order_ends,
    every_charge_fits,
    every_voucher_is_paid,
    every_unit_is_somewhere,
    every_customer_is_told_once,
    every_execution_is_one,
    every_history_is_whole,
    every_token_is_used_once,
    every_event_is_handled,
    every_book_agrees,
    everything_is_quiet,
)

_ENDS = frozenset({"ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"})
