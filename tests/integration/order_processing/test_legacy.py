"""The batch jobs: they carry orders from beginning to end, and catch what the instant pipeline lets fall."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from order_processing.domain import Act, OfferKind, Order, OrderStatus, Pipeline, Verdict
from order_processing.experiments import Experiments
from order_processing.gateways import Authorization, Result
from order_processing.legacy import fraud_scan, fulfilment, payment_authorization
from order_processing.legacy.batches import STALLED_SECONDS, Job, Report, adopt_stalled, run_job
from order_processing.operations import (
    Services,
    authorize,
    close_breaker,
    decide_review,
    give_up,
    hand_over,
    hand_to,
    open_breaker,
    scan_fraud,
    start_processing,
    take_over,
)

from ...order_samples import an_offer
from .worlds import LedgerPayments, World, a_world

JOBS = (fraud_scan.JOB, payment_authorization.JOB, fulfilment.JOB)


def legacy_world(tmp_path: Path, kind: OfferKind = OfferKind.VOUCHER) -> World:
    weights = tmp_path / "weights.json"
    weights.write_text('{"pipeline": {"legacy": 1}}')
    world = a_world(tmp_path, offer=an_offer(kind=kind))
    world.services = replace(world.services, experiments=Experiments(weights))
    return world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = legacy_world(tmp_path)
    yield made
    made.store.close()


def run_all(services: Services) -> list[Report]:
    return [run_job(services, job) for job in JOBS]


@pytest.mark.parametrize("kind", OfferKind)
def test_three_jobs_carry_an_order_from_beginning_to_end(tmp_path: Path, kind: OfferKind) -> None:
    world = legacy_world(tmp_path, kind)
    order_id = world.place().order_id

    reports = run_all(world.services)

    order = world.order(order_id)
    assert [report.done for report in reports] == [1, 1, 1]
    assert (order.status, len(world.mails())) == (OrderStatus.COMPLETED, 1)
    assert len(order.vouchers) == (2 if kind is OfferKind.VOUCHER else 0)
    assert [report.done for report in run_all(world.services)] == [0, 0, 0]
    world.store.close()


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({"user_guid": "fraud-1"}, OrderStatus.REJECTED),
        ({"payment_token": "tok_declined"}, OrderStatus.DECLINED),
    ],
)
def test_orders_that_come_to_nothing_give_their_stock_back(
    world: World, wanted: dict[str, object], status: OrderStatus
) -> None:
    order_id = world.place(**wanted).order_id

    run_all(world.services)

    assert (world.order(order_id).status, world.stock()) == (status, 10)


@pytest.mark.parametrize("step", [start_processing, scan_fraud, authorize], ids=lambda each: each.__name__)
def test_an_instant_order_that_stalled_is_taken_in_and_finished(tmp_path: Path, step: object) -> None:
    world = a_world(tmp_path)
    order_id, epoch = world.claimed()
    for operation in (start_processing, scan_fraud, authorize):
        operation(world.services, order_id, epoch)
        if operation is step:
            break

    assert adopt_stalled(world.services) == 0
    world.clock.advance(STALLED_SECONDS + 1)
    assert adopt_stalled(world.services) == 1
    run_all(world.services)

    order = world.order(order_id)
    assert (order.status, order.pipeline) == (OrderStatus.COMPLETED, Pipeline.LEGACY)
    assert world.payments.asked == ["authorize", "capture"]
    world.store.close()


def test_an_order_nobody_ever_started_is_taken_in(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    order_id = world.place().order_id
    world.clock.advance(STALLED_SECONDS + 1)

    adopt_stalled(world.services)
    run_all(world.services)

    assert world.order(order_id).status is OrderStatus.COMPLETED
    world.store.close()


def test_an_order_handed_over_is_finished(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    order_id, epoch = world.claimed()
    start_processing(world.services, order_id, epoch)
    hand_over(world.services, order_id, epoch, "States.Timeout: too slow")

    run_all(world.services)

    assert world.order(order_id).status is OrderStatus.COMPLETED
    world.store.close()


def test_an_order_that_another_job_is_working_on_is_left_alone(world: World) -> None:
    order_id = world.place().order_id
    owned = take_over(world.services, order_id, Pipeline.LEGACY)

    report = run_job(world.services, fraud_scan.JOB)

    assert (report.done, report.skipped) == (0, 0)
    assert world.order(order_id) == owned


class BrokenPayments(LedgerPayments):
    """Fails on one order's card in a way nobody foresaw."""

    def authorize(self, request: Authorization) -> Result:
        if request.token == "tok_poison":
            raise ZeroDivisionError("a bug")
        return super().authorize(request)


def test_a_poison_order_is_quarantined_with_its_reason_while_others_flow(world: World, tmp_path: Path) -> None:
    payments = BrokenPayments(tmp_path / "other.db")
    services = replace(world.services, payments=payments)
    poison = world.place(payment_token="tok_poison").order_id
    attempts = world.services.policy.attempts_max
    for _ in range(attempts + 1):
        good = world.place(quantity=1).order_id
        run_all(services)
        assert world.order(good).status is OrderStatus.COMPLETED

    order = world.order(poison)
    assert order.status is OrderStatus.QUARANTINED
    assert "ZeroDivisionError: a bug" in order.problem
    assert sum(entry.event == "attempt_failed" for entry in order.timeline) == attempts


def test_a_payment_that_stays_unknown_ends_in_quarantine_not_in_failure(world: World) -> None:
    order_id = world.place(payment_token="tok_timeout").order_id

    for _ in range(world.services.policy.attempts_max + 1):
        run_all(world.services)

    order = world.order(order_id)
    assert order.status is OrderStatus.QUARANTINED
    assert world.stock() == 8


def test_an_order_with_a_broken_past_gets_its_whole_budget_again_once_it_gets_further(world: World) -> None:
    order_id = world.place(payment_token="tok_timeout_then_ok").order_id

    run_all(world.services)
    failed = world.order(order_id)
    run_all(world.services)

    assert failed.attempts == {"legacy": 1}
    assert world.order(order_id).status is OrderStatus.COMPLETED


def test_a_review_waits_for_its_person_and_goes_on_after(world: World) -> None:
    order_id = world.place(user_guid="review-1").order_id
    run_all(world.services)
    run_all(world.services)
    waiting = world.order(order_id)
    assert waiting.status is OrderStatus.IN_REVIEW

    decide_review(world.services, order_id, Verdict.CLEARED, by="ann")
    world.clock.advance(1)
    run_all(world.services)

    assert world.order(order_id).status is OrderStatus.COMPLETED


def test_a_review_nobody_decides_in_time_is_a_rejection(world: World) -> None:
    order_id = world.place(user_guid="review-1").order_id
    run_all(world.services)
    world.clock.advance(world.services.policy.review_seconds + world.services.policy.lease_seconds + 1)

    run_all(world.services)

    order = world.order(order_id)
    assert (order.status, world.stock()) == (OrderStatus.REJECTED, 10)
    assert "in time" in order.problem


def test_an_order_that_ended_while_the_batch_ran_stays_as_it_ended(world: World) -> None:
    first, second = (world.place(user_guid=f"u-{number}").order_id for number in range(2))
    for order_id in (first, second):
        hand_to(world.services, order_id, Pipeline.LEGACY, Act("ann", "a test"))
        world.clock.advance(1)

    def slow(services: Services, order_id: str, epoch: int) -> Order:
        if order_id == first:
            give_up(services, second, OrderStatus.CANCELLED, Act("ann", "the customer called"))
            world.clock.advance(2 * services.policy.lease_seconds)
        return fraud_scan.JOB.work(services, order_id, epoch)

    report = run_job(world.services, replace(fraud_scan.JOB, work=slow))

    assert (report.done, report.skipped, report.failed) == (1, 1, {})
    assert world.order(second).problem == "the customer called"
    assert world.order(second).timeline[-1].event == "cancelled"


def test_a_batch_is_bounded_and_takes_who_waited_longest_first(world: World) -> None:
    orders = []
    for _ in range(3):
        orders.append(world.place(quantity=1).order_id)
        world.clock.advance(1)
    seen: list[str] = []

    def watch(_services: Services, order_id: str, _epoch: int) -> Order:
        seen.append(order_id)
        return world.order(order_id)

    job = Job("watching", fraud_scan.JOB.statuses, watch)

    run_job(world.services, job, limit=2)

    assert seen == orders[:2]


def test_a_review_in_the_legacy_pipeline_costs_no_attempts_while_its_person_has_time(world: World) -> None:
    order_id = world.place(user_guid="review-1").order_id
    run_all(world.services)
    for _ in range(world.services.policy.attempts_max + 3):
        world.clock.advance(world.services.policy.lease_seconds + 1)
        run_all(world.services)

    assert world.order(order_id).status is OrderStatus.IN_REVIEW
    assert world.order(order_id).attempts == {"legacy": 1}


def test_an_order_that_waits_for_its_provider_does_not_use_up_its_attempts(world: World) -> None:
    order_id = world.place().order_id
    run_job(world.services, fraud_scan.JOB)
    open_breaker(world.services, by="ann", reason="the provider is down")

    for _ in range(2 * world.services.policy.attempts_max):
        world.clock.advance(600)
        assert run_job(world.services, payment_authorization.JOB).skipped == 1
    close_breaker(world.services, by="ann", reason="it is back")
    run_all(world.services)

    assert world.order(order_id).status is OrderStatus.COMPLETED
