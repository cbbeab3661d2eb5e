"""Operations in any order, by anybody, alive or replaced, with commits and answers that get lost; then all must add up.

``SIM_EXAMPLES=500 pytest tests/simulation/test_operations_at_random.py`` looks for longer.
"""

import contextlib
import os
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from order_processing.domain import (
    AT_REST,
    DEAD,
    Act,
    HoldState,
    MerchantUser,
    OfferKind,
    Order,
    OrderStatus,
    Outcome,
    Pipeline,
    RefundRequest,
    Rest,
    Verdict,
    VoucherState,
    captured_net_minor,
    open_authorizations,
    reserved_quantity,
    shipped_quantity,
    unit_shares,
    waits_for_warehouse,
)
from order_processing.errors import OrderProcessingError
from order_processing.gateways import BuiltInWarehouse
from order_processing.gateways.sandbox_ledger import Change
from order_processing.legacy import fraud_scan, fulfilment, payment_authorization
from order_processing.legacy.batches import adopt_stalled, confirm_missed, run_job
from order_processing.operations import (
    Located,
    Services,
    claim,
    decide_review,
    give_up,
    hand_to,
    observe,
    open_payments,
    pause_order,
    perform,
    quarantine,
    record_shipment,
    redeem_voucher,
    redrive,
    refund,
    resolve_payments,
    resolve_unknown,
    resume_order,
    sweep_holds,
    take_over,
    undo_redemption,
    void_voucher,
)
from order_processing.stores import CommitUnknownError, OrderStore, Transaction

from ..integration.order_processing.worlds import Crash, World, a_world
from ..order_samples import an_offer
from .oracle import Evidence, Oracle

EXAMPLES = int(os.environ.get("SIM_EXAMPLES", "15"))
MEMORY = Path("/dev/shm")
STOCK = 16
ANN = Act("ann", "at random")
TILL = MerchantUser("Lumen Studio", "till")
FAULTS = ("dies before", "dies after", "unknown, written", "unknown, not written")
JOBS = (fraud_scan.JOB, payment_authorization.JOB, fulfilment.JOB)
STEPS: dict[OfferKind, tuple[str, ...]] = {
    OfferKind.VOUCHER: ("issue-vouchers",),
    OfferKind.SALE_ITEM: ("reserve-shipment", "request-shipment"),
}
HAND_ACTS: dict[str, Callable[[Services, str], object]] = {
    "pause": lambda services, order_id: pause_order(services, order_id, ANN),
    "resume": lambda services, order_id: resume_order(services, order_id, ANN),
    "redrive": lambda services, order_id: redrive(services, order_id, ANN),
    "to legacy": lambda services, order_id: hand_to(services, order_id, Pipeline.LEGACY, ANN),
    "to instant": lambda services, order_id: hand_to(services, order_id, Pipeline.INSTANT, ANN),
    "cancel": lambda services, order_id: give_up(services, order_id, OrderStatus.CANCELLED, ANN),
    "resolve": lambda services, order_id: resolve_payments(services, order_id, ANN),
    "take over": lambda services, order_id: take_over(services, order_id, Pipeline.LEGACY),
}
LENGTHS = st.lists(st.sampled_from((0, 2, 3, 4, 5, 6, 7, 7)), min_size=1, max_size=3)
"""How many steps of their way the first orders have behind them."""
number = st.integers(0, 7)


class FaultyStore:
    """The store; the next commit but ``left`` goes wrong as ``fault`` says. The oracle looks after each one."""

    def __init__(self, store: OrderStore, oracle: Oracle) -> None:
        self._store = store
        self._oracle = oracle
        self.fault = ""
        self.left = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, transaction: Transaction) -> "Future[None]":
        self.left -= 1
        fault, self.fault = (self.fault, "") if self.left < 0 else ("", self.fault)
        if fault == "dies before":
            raise Crash
        done: Future[None] = Future()
        if fault != "unknown, not written":
            done = self._store.commit(transaction)
            if done.exception(10) is None:
                self._oracle.committed(transaction)
        if fault == "dies after":
            raise Crash
        if not fault.startswith("unknown"):
            return done
        lost: Future[None] = Future()
        lost.set_exception(CommitUnknownError("at random"))
        return lost


class Shop(RuleBasedStateMachine):
    """Some orders, everybody who ever owned one, and all that can be done."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.orders: list[str] = []
        self.owners: list[tuple[str, int]] = []
        self.placed = 0

    @initialize(kind=st.sampled_from(OfferKind), lengths=LENGTHS)
    def open(self, kind: OfferKind, lengths: list[int]) -> None:
        """A shop that sells one offer, and orders that have got so far."""
        self.world: World = a_world(Path(self.folder.name), offer=an_offer(kind=kind, stock_left=STOCK))
        evidence = Evidence(self.world.store, self.world.payments, {"spa": STOCK})
        self.store = FaultyStore(self.world.store, Oracle(evidence))
        warehouse = BuiltInWarehouse(at_once=False)
        self.services = replace(self.world.services, store=self.store, warehouse=warehouse)  # type: ignore[arg-type]
        for length in lengths:
            self.place(2, "tok_ok", f"u-{length}")
            self.notify(-1)
            self.go_on(-1, 0, length)

    def order(self, pick: int) -> Order:
        return self.world.order(self.orders[pick % len(self.orders)])

    def tries(self, act: Callable[[], object]) -> object:
        """Whoever acts may be refused, may not get through, and may die."""
        with contextlib.suppress(OrderProcessingError, Crash):
            return act()
        return None

    @rule(
        quantity=st.integers(1, 3),
        token=st.sampled_from(("tok_ok", "tok_ok", "tok_timeout_then_ok", "tok_declined")),
        user=st.sampled_from(("u-1", "u-2", "u-3", "review-1", "fraud-1")),
    )
    def place(self, quantity: int, token: str, user: str) -> None:
        self.placed += 1
        wanted = {"quantity": quantity, "payment_token": token, "user_guid": user, "key": f"key-{self.placed}"}
        world = replace(self.world, services=self.services)
        placed = self.tries(lambda: world.place(**wanted))  # type: ignore[arg-type]
        if isinstance(placed, Order):
            self.orders.append(placed.order_id)

    @precondition(lambda self: self.orders)
    @rule(pick=number)
    def notify(self, pick: int) -> None:
        claimed: Any = self.tries(lambda: claim(self.services, self.order(pick).order_id))
        if claimed is not None:
            self.owners.append((claimed.order.order_id, claimed.epoch))

    @precondition(lambda self: self.owners)
    @rule(pick=number, first=st.integers(0, 4), count=st.integers(1, 7))
    def go_on(self, pick: int, first: int, count: int) -> None:
        order_id, epoch = self.owners[pick % len(self.owners)]
        before = ("start-order-processing", "fraud-scan", "authorize-payments")
        steps = (*before, *STEPS[self.world.order(order_id).kind], "capture-payments", "send-confirmation")
        for name in steps[first : first + count]:
            event = {"order_id": order_id, "epoch": epoch, "task_token": f"token-{epoch}"}
            if self.tries(lambda name=name, event=event: perform(self.services, name, event)) is None:  # type: ignore[misc]
                return

    @precondition(lambda self: self.owners)
    @rule(
        pick=number,
        what=st.sampled_from(
            ("hand-over-order", "close-shipment", "void-payments", "release-order", "let-go-of-order")
        ),
        outcome=st.sampled_from(("declined", "failed", "rejected")),
    )
    def give_in(self, pick: int, what: str, outcome: str) -> None:
        order_id, epoch = self.owners[pick % len(self.owners)]
        if what == "release-order" and shipped_quantity(self.world.order(order_id)):
            return  # no machine releases what has been shipped, but when its money is declined
        event = {"order_id": order_id, "epoch": epoch, "outcome": outcome, "reason": "at random"}
        self.tries(lambda: perform(self.services, what, event))

    @precondition(lambda self: self.owners)
    @rule(pick=number)
    def shelve(self, pick: int) -> None:
        order_id, epoch = self.owners[pick % len(self.owners)]
        self.tries(lambda: quarantine(self.services, order_id, epoch, "poison"))

    @precondition(lambda self: self.orders)
    @rule(pick=number, name=st.sampled_from(tuple(HAND_ACTS)))
    def by_hand(self, pick: int, name: str) -> None:
        order_id = self.order(pick).order_id
        after = self.tries(lambda: HAND_ACTS[name](self.services, order_id))
        if name == "take over" and isinstance(after, Order):
            self.owners.append((order_id, after.owner.epoch))

    @precondition(lambda self: self.orders)
    @rule(pick=number, verdict=st.sampled_from((Verdict.CLEARED, Verdict.FRAUD)))
    def review(self, pick: int, verdict: Verdict) -> None:
        self.tries(lambda: decide_review(self.services, self.order(pick).order_id, verdict, by="ann"))

    @precondition(lambda self: self.orders)
    @rule(pick=number, quantity=st.integers(0, 3), rest=st.sampled_from(Rest))
    def ship(self, pick: int, quantity: int, rest: Rest) -> None:
        order = self.order(pick)
        tracking = f"T-{len(order.shipments)}-{quantity}" if quantity else ""
        self.tries(lambda: record_shipment(self.services, order.order_id, quantity, tracking=tracking, rest=rest))

    @precondition(lambda self: self.orders)
    @rule(
        pick=number,
        key=st.integers(1, 3),
        wish=st.one_of(
            st.just({}),
            st.builds(lambda units: {"units": units}, st.sampled_from([(1,), (2,), (1, 2), (3,)])),
            st.builds(lambda minor: {"amount_minor": minor}, st.integers(1, 6_000)),
        ),
    )
    def pay_back(self, pick: int, key: int, wish: dict[str, Any]) -> None:
        request = RefundRequest(key=f"r-{key}", by="ann", reason="at random", **wish)
        self.tries(lambda: refund(self.services, self.order(pick).order_id, request))

    @precondition(lambda self: self.orders)
    @rule(pick=number, unit=st.integers(1, 3), what=st.sampled_from(("redeem", "undo", "void")))
    def use(self, pick: int, unit: int, what: str) -> None:
        order = self.order(pick)
        for voucher in [each for each in order.vouchers if each.number == unit]:
            found = Located(order, voucher)
            acts: dict[str, Callable[[], object]] = {
                "redeem": lambda found=found: redeem_voucher(self.services, found, TILL),  # type: ignore[misc]
                "undo": lambda found=found: undo_redemption(self.services, found, TILL),  # type: ignore[misc]
                "void": lambda: void_voucher(self.services, order.order_id, unit, by="ann", reason="at random"),
            }
            self.tries(acts[what])

    @rule(seconds=st.sampled_from((1.0, 30.0, 130.0, 700.0, 4_000.0, 90_000.0, 4 * 86_400.0, 8 * 86_400.0)))
    def wait(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    @rule(what=st.integers(0, 6))
    def job(self, what: int) -> None:
        acts: tuple[Callable[[], object], ...] = (
            *(lambda job=job: run_job(self.services, job) for job in JOBS),
            lambda: adopt_stalled(self.services),
            lambda: resolve_unknown(self.services),
            lambda: sweep_holds(self.services),
            lambda: confirm_missed(self.services),
        )
        self.tries(acts[what])

    @precondition(lambda self: self.orders)
    @rule(pick=number, by_hand=st.integers(0, 2_000))
    def hear_of_it(self, pick: int, by_hand: int) -> None:
        """The provider's events; some of its payments were refunded at the provider itself."""
        for payment in self.world.payments.payments_of(self.order(pick)):
            if by_hand > 1_000:
                key = f"hand-{payment.id}-{by_hand}"
                self.world.payments.ledger.change(key, payment.id, "refund", Change(by_hand))
        self._hear(self.order(pick).order_id, self.services)

    def _hear(self, order_id: str, services: Services) -> None:
        for payment in self.world.payments.payments_of(self.world.order(order_id)):
            self.tries(lambda payment=payment: observe(services, order_id, payment))  # type: ignore[misc]

    @rule(fault=st.sampled_from(FAULTS), left=st.integers(0, 3))
    def fail_soon(self, fault: str, left: int) -> None:
        self.store.fault, self.store.left = fault, left

    @rule(lose=st.integers(1, 2))
    def lose_answers(self, lose: int) -> None:
        self.world.payments.lose = lose

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self._settle()
            for order_id in self.orders:
                self._add_up(self.world.order(order_id))
        finally:
            self.world.store.close()
            self.world.payments.ledger.close()
            self.folder.cleanup()

    def _settle(self) -> None:
        """Faults stop, people do their work, jobs run; nothing of it needs luck."""
        self.store.fault, self.world.payments.lose = "", 0
        for _ in range(14):
            for order_id in self.orders:
                self._attend(self.world.order(order_id))
                self._hear(order_id, self.services)
            adopt_stalled(self.services)
            for job in JOBS:
                run_job(self.services, job)
            resolve_unknown(self.services)
            sweep_holds(self.services)
            self.world.clock.advance(700)
        self.world.clock.advance(8_000)
        sweep_holds(self.services)

    def _attend(self, order: Order) -> None:
        if order.paused:
            self.tries(lambda: resume_order(self.services, order.order_id, ANN))
        if order.status is OrderStatus.IN_REVIEW:
            self.tries(lambda: decide_review(self.services, order.order_id, Verdict.CLEARED, by="ann"))
        if order.status is OrderStatus.QUARANTINED:
            self.tries(lambda: hand_to(self.services, order.order_id, Pipeline.LEGACY, ANN))
        if waits_for_warehouse(order):
            quantity = reserved_quantity(order)
            self.tries(
                lambda: record_shipment(self.services, order.order_id, quantity, tracking="last", rest=Rest.CANCELLED)
            )

    def _add_up(self, order: Order) -> None:
        story = [f"{entry.at:.0f} {entry.event} {entry.by} {entry.detail}" for entry in order.timeline]
        assert order.status in AT_REST - {OrderStatus.QUARANTINED}, (order.status, order.problem, story)
        theirs = self.world.payments.payments_of(order)
        net = sum(each.captured_minor - each.refunded_minor for each in {each.id: each for each in theirs}.values())
        assert net == captured_net_minor(order.payments), story
        assert all(each.status.value != "authorized" for each in theirs), story
        assert not open_authorizations(order.payments), story
        assert all(each.outcome is not Outcome.UNKNOWN for each in order.payments), story
        assert order.order_id not in [each.order_id for each in open_payments(self.services)], story
        self._has_its_worth(order, net, story)

    def _has_its_worth(self, order: Order, net: int, story: list[str]) -> None:
        hold = self.world.store.hold(order.order_id)
        assert hold is not None
        worth = {each.number for each in order.vouchers if each.state in (VoucherState.ISSUED, VoucherState.REDEEMED)}
        if order.status in DEAD:
            used = {each.number for each in order.vouchers if each.state is VoucherState.REDEEMED}
            assert (net, worth - used) == (0, set()), story
            was_bought = order.status is OrderStatus.REFUNDED or shipped_quantity(order) > 0
            assert hold.state is (HoldState.SETTLED if was_bought else HoldState.RELEASED), story
            return
        assert hold.state is HoldState.SETTLED, story
        assert net > 0, story
        if order.kind is OfferKind.SALE_ITEM:
            captured = sum(unit_shares(order)[: shipped_quantity(order)])
            assert 0 < net <= captured, story
        else:
            assert len(order.vouchers) == order.quantity, story


def test_whatever_is_done_in_whatever_order_money_goods_and_stock_add_up() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Shop,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        ),
    )
