"""Orders handed over both ways, paused, resumed, resolved and given up by hand, each act in the audit log."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from order_processing.domain import (
    Act,
    ActError,
    IllegalTransitionError,
    LeaseHeldError,
    MerchantUser,
    NothingToDoError,
    Order,
    OrderPausedError,
    OrderStatus,
    Outcome,
    Pipeline,
    StaleOwnerError,
    VoucherState,
)
from order_processing.legacy import fraud_scan, fulfilment, payment_authorization
from order_processing.legacy.batches import STALLED_SECONDS, adopt_stalled, run_job
from order_processing.operations import (
    Claim,
    ContendedError,
    Located,
    NotPausedError,
    PaymentUnknownError,
    Services,
    authorize,
    capture,
    claim,
    give_up,
    hand_to,
    issue_vouchers,
    pause_order,
    quarantine,
    redeem_voucher,
    redrive,
    resolve_payments,
    resume_order,
    scan_fraud,
    send_confirmation,
    start_processing,
    take_over,
)
from order_processing.stores import CommitUnknownError, Transaction

from .worlds import World, a_world

ACT = Act("ann", "the customer called")
STEPS: tuple[Callable[[Services, str, int], Order], ...] = (
    start_processing,
    scan_fraud,
    authorize,
    issue_vouchers,
    capture,
    send_confirmation,
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = a_world(tmp_path)
    yield made
    made.store.close()


def begun(world: World, steps: int, **wanted: object) -> tuple[str, int]:
    """An order claimed by its execution, which has done its first *steps*."""
    order_id, epoch = world.claimed(**wanted)
    for step in STEPS[:steps]:
        step(world.services, order_id, epoch)
    return order_id, epoch


def claimed_again(world: World, order_id: str) -> Claim:
    found = claim(world.services, order_id)
    assert found is not None
    return found


def finish(world: World, order_id: str, epoch: int) -> Order:
    """The whole machine from its start, as a new execution runs it."""
    for step in STEPS:
        step(world.services, order_id, epoch)
    return world.order(order_id)


def run_jobs(world: World) -> None:
    for job in (fraud_scan.JOB, payment_authorization.JOB, fulfilment.JOB):
        run_job(world.services, job)


@pytest.mark.parametrize("steps", range(5))
def test_an_order_handed_to_legacy_is_finished_there_and_its_execution_has_no_effect(world: World, steps: int) -> None:
    order_id, epoch = begun(world, steps)

    hand_to(world.services, order_id, Pipeline.LEGACY, ACT)

    for step in STEPS:
        with pytest.raises(StaleOwnerError):
            step(world.services, order_id, epoch)
    run_jobs(world)
    order = world.order(order_id)
    assert (order.status, order.pipeline, len(world.mails())) == (OrderStatus.COMPLETED, Pipeline.LEGACY, 1)
    assert world.payments.asked == ["authorize", "capture"]


@pytest.mark.parametrize("steps", range(5))
def test_an_order_taken_back_goes_on_in_a_new_execution_where_it_stood(world: World, steps: int) -> None:
    order_id, epoch = begun(world, steps)
    hand_to(world.services, order_id, Pipeline.LEGACY, ACT)
    legacy = take_over(world.services, order_id, Pipeline.LEGACY)

    hand_to(world.services, order_id, Pipeline.INSTANT, Act("ben", "legacy is slow today"))
    claimed = claimed_again(world, order_id)

    assert [each.order_id for each in world.store.unpublished()] == [order_id]
    assert claimed.order.owner.execution == f"{order_id}-{claimed.epoch}"
    assert claimed_again(world, order_id).epoch == claimed.epoch
    for stale in (epoch, legacy.owner.epoch):
        with pytest.raises(StaleOwnerError):
            start_processing(world.services, order_id, stale)
    order = finish(world, order_id, claimed.epoch)
    assert (order.status, order.pipeline) == (OrderStatus.COMPLETED, Pipeline.INSTANT)
    assert [each.experiment for each in order.assignments] == ["pipeline", "release"]
    assert world.payments.asked == ["authorize", "capture"]


def test_an_order_may_be_redriven_on_another_release(world: World) -> None:
    order_id, _ = begun(world, 2)

    redrive(world.services, order_id, ACT, to_release="order-processing-v1.0.1")

    assert claimed_again(world, order_id).release == "order-processing-v1.0.1"


@pytest.mark.parametrize("steps", range(5))
def test_an_order_in_quarantine_goes_back_to_where_it_stood(world: World, steps: int) -> None:
    order_id, epoch = begun(world, steps)
    before = world.order(order_id).status
    quarantine(world.services, order_id, epoch, "tried 5 times")

    order = hand_to(world.services, order_id, Pipeline.LEGACY, ACT)

    expected = OrderStatus.PROCESSING if before is OrderStatus.RECEIVED else before
    assert (order.status, order.attempts) == (expected, {})
    run_jobs(world)
    assert world.order(order_id).status is OrderStatus.COMPLETED


def test_a_finished_order_is_handed_to_nobody(world: World) -> None:
    order_id, _ = begun(world, 6)

    for pipeline in Pipeline:
        with pytest.raises(NothingToDoError):
            hand_to(world.services, order_id, pipeline, ACT)


def test_a_paused_order_is_out_of_reach_until_it_is_resumed(world: World) -> None:
    order_id, epoch = begun(world, 2)
    pause_order(world.services, order_id, ACT)
    world.clock.advance(STALLED_SECONDS + 1)

    with pytest.raises(StaleOwnerError):
        authorize(world.services, order_id, epoch)
    with pytest.raises(OrderPausedError):
        hand_to(world.services, order_id, Pipeline.LEGACY, ACT)
    with pytest.raises(OrderPausedError):
        take_over(world.services, order_id, Pipeline.LEGACY)
    assert adopt_stalled(world.services) == 0
    assert claim(world.services, order_id) is None
    assert world.order(order_id).paused == ACT.reason

    resume_order(world.services, order_id, ACT)
    order = finish(world, order_id, claimed_again(world, order_id).epoch)
    assert (order.status, order.paused) == (OrderStatus.COMPLETED, "")
    with pytest.raises(NotPausedError):
        resume_order(world.services, order_id, ACT)


def test_paused_orders_do_not_keep_a_job_from_the_others(world: World) -> None:
    stopped = [world.place(quantity=1).order_id for _ in range(3)]
    for order_id in stopped:
        hand_to(world.services, order_id, Pipeline.LEGACY, ACT)
        pause_order(world.services, order_id, ACT)
    world.clock.advance(1)
    order_id = world.place(quantity=1).order_id
    hand_to(world.services, order_id, Pipeline.LEGACY, ACT)

    run_job(world.services, fraud_scan.JOB, limit=1)

    assert world.order(order_id).status is OrderStatus.CLEARED
    assert {world.order(each).status for each in stopped} == {OrderStatus.RECEIVED}


def test_an_unknown_payment_is_resolved_by_asking_and_never_sent_again(world: World) -> None:
    order_id, epoch = begun(world, 2, payment_token="tok_timeout_then_ok")
    with pytest.raises(PaymentUnknownError):
        authorize(world.services, order_id, epoch)

    order = resolve_payments(world.services, order_id, ACT)

    assert order.payments[0].outcome is Outcome.SUCCEEDED
    assert (order.status, world.payments.asked) == (OrderStatus.AUTHORIZED, ["authorize", "lookup"])


def test_a_payment_that_stays_unknown_is_told_and_the_order_left_free(world: World) -> None:
    order_id, epoch = begun(world, 2, payment_token="tok_timeout")
    with pytest.raises(PaymentUnknownError):
        authorize(world.services, order_id, epoch)

    with pytest.raises(PaymentUnknownError):
        resolve_payments(world.services, order_id, ACT)

    assert world.order(order_id).owner.lease_until == 0.0


def test_an_order_given_up_gives_everything_back(world: World) -> None:
    order_id, epoch = begun(world, 4)

    order = give_up(world.services, order_id, OrderStatus.CANCELLED, ACT)

    assert (order.status, order.problem, world.stock()) == (OrderStatus.CANCELLED, ACT.reason, 10)
    assert world.payments.asked == ["authorize", "void"]
    with pytest.raises(StaleOwnerError):
        capture(world.services, order_id, epoch)


@pytest.mark.parametrize("steps", [5, 6])
def test_a_delivered_order_is_not_given_up_and_its_owner_goes_on(world: World, steps: int) -> None:
    order_id, epoch = begun(world, steps)

    with pytest.raises(IllegalTransitionError, match="is completed and cannot become cancelled"):
        give_up(world.services, order_id, OrderStatus.CANCELLED, ACT)

    assert world.order(order_id).owner.epoch == epoch
    assert world.store.audits() == []


def test_an_order_that_has_ended_stays_as_it_ended(world: World) -> None:
    order_id, _ = begun(world, 2)
    give_up(world.services, order_id, OrderStatus.CANCELLED, ACT)

    with pytest.raises(IllegalTransitionError):
        give_up(world.services, order_id, OrderStatus.FAILED, ACT)

    assert len(world.store.audits(order_id)) == 1


def test_an_order_that_a_person_acts_on_is_not_claimed_from_under_them(world: World) -> None:
    """A notification that comes a second time while the provider is being asked."""
    order_id, epoch = begun(world, 3)
    silent = _Meanwhile(world, lambda: claim(world.services, order_id))

    order = give_up(replace(world.services, payments=silent), order_id, OrderStatus.CANCELLED, ACT)  # type: ignore[arg-type]

    assert (order.status, order.owner.epoch) == (OrderStatus.CANCELLED, epoch + 1)
    assert silent.answers == [None]


class _Meanwhile:
    """The payment gateway; something happens while it gives a reservation back."""

    def __init__(self, world: World, act: Callable[[], object]) -> None:
        self._world = world
        self._act = act
        self.answers: list[object] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._world.payments, name)

    def void(self, payment_id: str, key: str) -> object:
        self.answers.append(self._act())
        return self._world.payments.void(payment_id, key)


def test_every_act_is_audited_with_what_it_changed(world: World) -> None:
    order_id, epoch = begun(world, 1)

    hand_to(world.services, order_id, Pipeline.LEGACY, Act(" ann ", " why not "))

    (entry,) = world.store.audits(order_id)
    assert (entry.actor, entry.reason, entry.action) == ("ann", "why not", "hand-over-to-legacy")
    assert (entry.before["pipeline"], entry.after["pipeline"]) == ("instant", "legacy")
    assert (entry.before["epoch"], entry.after["epoch"]) == (epoch, epoch + 1)


@pytest.mark.parametrize("act", [Act("", "why"), Act("ann", "  "), Act("ann", "x" * 501), Act("x" * 129, "why")])
def test_an_act_without_name_or_reason_is_refused(world: World, act: Act) -> None:
    order_id, _ = begun(world, 0)

    with pytest.raises(ActError):
        pause_order(world.services, order_id, act)

    assert world.store.audits() == []


def test_an_act_whose_commit_is_unknown_happens_once(world: World) -> None:
    order_id, epoch = begun(world, 1)

    order = hand_to(world.over(AmbiguousStore(world.store)), order_id, Pipeline.LEGACY, ACT)  # type: ignore[arg-type]

    assert order.owner.epoch == epoch + 1
    assert len(world.store.audits(order_id)) == 1


def test_an_order_is_resumed_once_though_nobody_can_say_whether_it_was_written(world: World) -> None:
    order_id, _ = begun(world, 1)
    pause_order(world.services, order_id, ACT)

    order = resume_order(world.over(AmbiguousStore(world.store)), order_id, ACT)  # type: ignore[arg-type]

    assert not order.paused
    assert [entry.action for entry in world.store.audits(order_id)] == ["resume", "pause"]


def test_whoever_took_an_order_over_is_told_so_though_nobody_can_say_whether_it_was_written(world: World) -> None:
    order = world.place()

    taken = take_over(world.over(AmbiguousStore(world.store)), order.order_id, Pipeline.LEGACY)  # type: ignore[arg-type]

    assert taken == world.order(order.order_id)
    assert taken.attempts == {"legacy": 1}


def test_a_voucher_redeemed_by_a_commit_nobody_knows_of_is_not_called_used(world: World) -> None:
    order_id, _ = begun(world, 5)
    till = MerchantUser("Lumen Studio", "till")
    bought = world.order(order_id)

    found = redeem_voucher(
        world.over(AmbiguousStore(world.store)),  # type: ignore[arg-type]
        Located(bought, bought.vouchers[0]),
        till,
    )

    assert found.voucher.state is VoucherState.REDEEMED
    assert [each.event for each in found.order.timeline].count("voucher_redeemed") == 1


class AmbiguousStore:
    """Says of its first commit that nobody knows, though it was written."""

    def __init__(self, store: object) -> None:
        self._store = store
        self._told = False

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def commit(self, transaction: Transaction) -> object:
        done = self._store.commit(transaction)  # type: ignore[attr-defined]
        if not self._told:
            self._told = True
            done.result(10)
            done = type(done)()
            done.set_exception(CommitUnknownError("a test"))
        return done


def test_leases_of_living_owners_are_respected_unless_a_person_says_otherwise(world: World) -> None:
    order_id, _ = begun(world, 1)

    with pytest.raises((LeaseHeldError, ContendedError)):
        take_over(world.services, order_id, Pipeline.LEGACY)

    assert hand_to(world.services, order_id, Pipeline.LEGACY, ACT).pipeline is Pipeline.LEGACY
