"""Failure stories of the two pipelines, each by its number; the oracle watches every one of them."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from expeditor.asl import DefinitionError, compile_definition
from expeditor.cli.rehearsing import Agenda, Done, Executions
from order_processing.domain import (
    AT_REST,
    TRANSITIONS,
    Act,
    HoldState,
    IllegalTransitionError,
    Order,
    OrderSchemaError,
    OrderStatus,
    Pipeline,
    SoldOutError,
    StaleOwnerError,
    Verdict,
    advanced,
    by_owner,
    changed,
    decode_order,
    encode_order,
    moved,
)
from order_processing.errors import OrderProcessingError
from order_processing.experiments import Experiments
from order_processing.functions.order_notification_dispatcher import OrderNotification
from order_processing.legacy import batches
from order_processing.legacy.batches import STALLED_SECONDS, adopt_stalled, run_job
from order_processing.operations import (
    Services,
    authorize,
    capture,
    give_up,
    hand_over,
    hand_to,
    issue_vouchers,
    notification_of,
    release,
    scan_fraud,
    send_confirmation,
    start_processing,
    sweep_holds,
)
from order_processing.stores import PutOrder, ReleaseHold
from tests.integration.order_processing.worlds import InterruptingStore
from tests.order_samples import an_offer, an_order

from .region import JOBS, RELEASE, Faults, Region, machine

Step = Callable[..., Order]
STEPS: tuple[Step, ...] = (start_processing, scan_fraud, authorize, issue_vouchers, capture, send_confirmation)


@pytest.fixture
def region(tmp_path: Path) -> Iterator[Region]:
    made = Region(tmp_path, Faults(seed=11))
    yield made
    made.close()


def test_e1_a_notification_that_was_lost_is_found_by_the_sweep(region: Region) -> None:
    region.without_notifications = True
    order_id = region.place()
    region.run(5)
    assert region.order(order_id).status is OrderStatus.RECEIVED
    region.without_notifications = False

    region.run(20)

    assert (region.order(order_id).status, region.order(order_id).pipeline) == (OrderStatus.COMPLETED, Pipeline.INSTANT)
    region.settle()


def test_e1_a_topic_that_stays_silent_leaves_the_order_to_the_jobs(region: Region) -> None:
    region.without_notifications = True
    order_id = region.place()

    region.settle()

    assert (region.order(order_id).status, region.order(order_id).pipeline) == (OrderStatus.COMPLETED, Pipeline.LEGACY)


@pytest.mark.parametrize("pause", [0.0, 0.05, 30.0])
def test_e2_the_same_notification_three_times_gives_one_execution(region: Region, pause: float) -> None:
    order_id = region.place()

    started = []
    for _ in range(3):
        started.append(region.dispatch(order_id))
        region.run(pause)

    region.settle()
    assert (sum(started), list(region.executions.runs)) == (1, [order_id])


@pytest.mark.parametrize("status", OrderStatus, ids=lambda each: each.value)
@pytest.mark.parametrize("step", STEPS, ids=lambda each: each.__name__)
def test_e3_what_comes_out_of_turn_changes_nothing_the_table_does_not_have(
    region: Region, status: OrderStatus, step: Step
) -> None:
    order = region.order(region.place())
    forced = changed(order, status=status, version=order.version + 1)
    region.world.store.commit((PutOrder(forced, order.version),)).result(10)

    try:
        after = step(region.world.services, order.order_id, 0)
    except (OrderProcessingError, AssertionError):
        after = region.order(order.order_id)

    assert after.status is status or _is_reachable(status, after.status)
    if status in AT_REST and status is not OrderStatus.QUARANTINED:
        assert after.status is status


def test_e3_cancelled_before_it_was_begun_and_shipped_before_it_was_paid(region: Region) -> None:
    order_id = region.place()
    give_up(region.services, order_id, OrderStatus.CANCELLED, Act("ann", "the customer called"))
    region.settle()
    assert region.order(order_id).status is OrderStatus.CANCELLED

    unpaid = an_order(status=OrderStatus.CLEARED)
    with pytest.raises(IllegalTransitionError):
        advanced(unpaid, OrderStatus.COMPLETED, 0.0)
    with pytest.raises(IllegalTransitionError):
        moved(region.order(order_id), OrderStatus.AUTHORIZED, by_owner(unpaid, 0.0, "late"))


def test_e9_five_hundred_buyers_of_ten_vouchers_buy_ten(tmp_path: Path) -> None:
    region = Region(tmp_path, Faults(seed=11), offers=[an_offer(stock_left=10)])
    world = region.world

    def buys(number: int) -> str | None:
        try:
            return world.place(key=f"buyer-{number}", user_guid=f"u-{number}", quantity=1).order_id
        except SoldOutError:
            return None

    with ThreadPoolExecutor(16) as buyers:
        sold = [order_id for order_id in buyers.map(buys, range(500)) if order_id is not None]

    region.evidence.acknowledged.update(sold)
    region.oracle.learn_holds(sold)
    assert len(sold) == 10
    assert world.stock() == 0
    region.settle()
    assert {region.order(order_id).status for order_id in sold} == {OrderStatus.COMPLETED}
    region.close()


def test_e10_stock_released_twice_comes_back_once(region: Region) -> None:
    order_id = region.place(quantity=3)
    region.dispatch(order_id)
    epoch = region.order(order_id).owner.epoch

    for _ in range(2):
        release(region.services, order_id, epoch, OrderStatus.FAILED, "a test")
        region.world.store.commit((ReleaseHold(order_id),)).result(10)
    region.run(region.services.policy.hold_seconds + 600)
    sweep_holds(region.services)

    assert region.world.stock() == 1_000
    region.settle()


@pytest.mark.parametrize("commit", range(1, 8))
@pytest.mark.parametrize("winner", Pipeline, ids=lambda each: each.value)
def test_e11_both_pipelines_at_the_same_moment_one_wins(tmp_path: Path, commit: int, winner: Pipeline) -> None:
    """At each commit of the execution, up to its last, the order is handed over and the other side works at once."""
    region = Region(tmp_path, Faults(seed=11))
    order_id = region.place()
    region.dispatch(order_id)
    epoch = region.order(order_id).owner.epoch

    def meanwhile() -> None:
        hand_to(region.services, order_id, winner, Act("ann", "at the same moment"))
        if winner is Pipeline.LEGACY:
            run_job(region.services, JOBS[0][0])
        else:
            region.dispatch(order_id)

    interrupted = replace(region.services, store=InterruptingStore(region.services.store, commit, meanwhile))  # type: ignore[arg-type]
    with pytest.raises(StaleOwnerError):
        take_all(interrupted, order_id, epoch)
    region.settle()

    order = region.order(order_id)
    assert order.status is OrderStatus.COMPLETED
    assert order.pipeline is winner
    assert region.world.payments.asked.count("capture") == 1
    region.close()


@pytest.mark.parametrize("steps_before", range(len(STEPS)))
def test_e12_a_process_that_slept_through_its_lease_is_fenced_at_each_effect(tmp_path: Path, steps_before: int) -> None:
    region = Region(tmp_path, Faults(seed=11))
    order_id = region.place()
    region.agenda.at(region.agenda.now, lambda: None)
    sleeper = region.services
    assert region.dispatch(order_id)
    epoch = region.order(order_id).owner.epoch
    for step in STEPS[:steps_before]:
        step(sleeper, order_id, epoch)
    region.executions.runs.clear()  # the process sleeps: what its execution would do next, it does not do now
    region.agenda.now += STALLED_SECONDS + 1
    assert adopt_stalled(region.services) == (steps_before < 5)

    if steps_before < 5:
        for step in STEPS:
            with pytest.raises(StaleOwnerError):
                step(sleeper, order_id, epoch)
    region.executions._tokens.clear()
    for job, _ in JOBS:
        run_job(region.services, job)
    batches.confirm_missed(region.services)

    order = region.order(order_id)
    assert order.status is OrderStatus.COMPLETED
    assert region.world.payments.asked.count("capture") == 1
    assert len(list(region.mail.taken.elements())) == 1
    region.close()


def test_e13_an_order_that_always_crashes_its_function_is_set_aside_and_others_flow(region: Region) -> None:
    region.breaks = {"fraud-scan": frozenset({"u-poison"})}
    poison = region.place(user_guid="u-poison")
    good = [region.place(user_guid=f"u-{number}", quantity=1) for number in range(5)]
    region.run(60)
    assert {region.order(order_id).status for order_id in good} == {OrderStatus.COMPLETED}

    region.settle()

    order = region.order(poison)
    assert (order.status, order.pipeline) == (OrderStatus.COMPLETED, Pipeline.LEGACY)
    assert any(entry.event == "handed_over" and "Runtime.ExitError" in entry.detail for entry in order.timeline)


def test_e13_an_order_that_crashes_the_jobs_as_well_ends_in_quarantine(region: Region) -> None:
    """Its payment token makes the provider fail in a way that is never heard of again."""
    poison = region.place(payment_token="tok_timeout")
    region.evidence.poison.add(poison)
    region.run(1)
    good = [region.place(user_guid=f"u-{number}", quantity=1) for number in range(5)]

    region.settle(24 * 3_600.0)

    order = region.order(poison)
    assert order.status is OrderStatus.QUARANTINED
    assert "unknown outcome" in order.problem
    assert {region.order(order_id).status for order_id in good} == {OrderStatus.COMPLETED}
    hold = region.world.store.hold(poison)
    assert hold is not None
    assert hold.state is HoldState.HELD


@pytest.mark.parametrize("stolen", [False, True])
def test_e14_a_review_nobody_decides_ends_at_its_deadline(region: Region, stolen: bool) -> None:
    region.reviewer = None
    order_id = region.place(user_guid="review-1")
    region.run(30)
    assert region.order(order_id).status is OrderStatus.IN_REVIEW
    if stolen:
        hand_over(region.services, order_id, region.order(order_id).owner.epoch, "a test")

    region.settle()

    assert region.order(order_id).status is OrderStatus.REJECTED


def test_e14_a_decision_continues_the_execution_once(region: Region) -> None:
    region.reviewer = None
    order_id = region.place(user_guid="review-1")
    region.run(30)

    went_on = [region.decide(order_id, Verdict.CLEARED, by) for by in ("ann", "ann", "ben")]

    assert went_on == [True, False, False]
    region.settle()
    assert region.order(order_id).status is OrderStatus.COMPLETED


def test_e21_running_executions_finish_on_their_own_release(tmp_path: Path) -> None:
    region = Region(tmp_path, Faults(seed=11))
    new = "order-processing-v1.1.0"
    region.executions._machines = {RELEASE: machine(), new: machine()}
    flags = tmp_path / "flags.json"
    region.services = replace(region.services, experiments=Experiments(flags))
    flipped = [RELEASE, new, RELEASE, new, RELEASE]
    expected = {}
    for release_name in flipped:
        flags.write_text(json.dumps(weights(release_name)))
        for _ in range(5):
            order_id = region.place(quantity=1)
            region.dispatch(order_id)
            expected[order_id] = release_name
        region.run(0.004)

    region.settle()

    ran = {name: run.execution.context.state_machine_name for name, run in region.executions.runs.items()}
    assert ran == expected
    assert {region.order(order_id).release for order_id in expected} == {RELEASE, new}
    region.close()


def test_e22_events_and_orders_of_other_releases_are_understood(region: Region) -> None:
    order = region.order(region.place())
    told = json.loads(notification_of(order).body)
    for body in ({"order_id": order.order_id}, {**told, "schema": 99, "loyalty_tier": "gold"}):
        assert msgspec.json.decode(json.dumps(body), type=OrderNotification).order_id == order.order_id

    newer = json.loads(encode_order(order)) | {"loyalty_tier": "gold"}
    assert decode_order(json.dumps(newer).encode()) == order
    older = {name: value for name, value in newer.items() if name not in ("paused", "problem", "attempts", "mails")}
    assert decode_order(json.dumps(older).encode()).order_id == order.order_id
    with pytest.raises(OrderSchemaError):
        decode_order(json.dumps(newer | {"schema": 99}).encode())
    region.settle()


def test_e23_a_lower_weight_moves_nobody_who_was_assigned(tmp_path: Path) -> None:
    region = Region(tmp_path, Faults(seed=11))
    flags = tmp_path / "flags.json"
    region.services = replace(region.services, experiments=Experiments(flags))
    region.without_notifications = True
    flags.write_text(json.dumps(shares(instant=50)))
    before = {order_id: region.order(order_id).pipeline for order_id in (region.place(quantity=1) for _ in range(60))}
    flags.write_text(json.dumps(shares(instant=10)))

    later = [region.order(region.place(quantity=1)).pipeline for _ in range(60)]
    for order_id in before:
        region.dispatch(order_id)

    assert {order_id: region.order(order_id).assignments[0].variant for order_id in before} == {
        order_id: pipeline.value for order_id, pipeline in before.items()
    }
    assert list(before.values()).count(Pipeline.INSTANT) > 15
    assert later.count(Pipeline.INSTANT) < 15
    region.without_notifications = False
    region.executions._machines = {RELEASE: machine()}
    region.settle()
    region.close()


def test_e25_a_dispatcher_that_is_down_for_long_loses_nothing(region: Region) -> None:
    region.down = True
    orders = [region.place(quantity=1) for _ in range(5)]
    region.run(120)
    assert {letter.order_id for letter in region.dead} == set(orders)
    assert {letter.deliveries for letter in region.dead} == {6}
    region.down = False

    region.redrive_dead_letters()
    region.run(5)

    assert {region.order(order_id).status for order_id in orders} == {OrderStatus.COMPLETED}
    assert {region.order(order_id).pipeline for order_id in orders} == {Pipeline.INSTANT}
    region.settle()
    assert region.evidence.dead == set()


@pytest.mark.parametrize(
    "definition",
    [
        '{"StartAt": "Nowhere", "States": {"A": {"Type": "Succeed"}}}',
        '{"StartAt": "A", "States": {"A": {"Type": "Pass"}}}',
        '{"StartAt": "A", "States": {"A": {"Type": "Choice", "Choices": []}}}',
    ],
)
def test_e26_a_machine_that_cannot_end_is_refused(definition: str) -> None:
    with pytest.raises(DefinitionError):
        compile_definition(definition)


def test_e26_a_loop_ends_with_its_history_and_a_large_payload_is_a_failure() -> None:
    loop = compile_definition(
        '{"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 1, "Next": "B"},'
        ' "B": {"Type": "Choice", "Choices": [{"Variable": "$.go", "BooleanEquals": true, "Next": "A"}],'
        ' "Default": "C"}, "C": {"Type": "Succeed"}}}'
    )
    task = "arn:aws:lambda:us-east-1:000000000000:function:grow:1"
    large = compile_definition(
        f'{{"StartAt": "A", "States": {{"A": {{"Type": "Task", "Resource": "{task}", "End": true}}}}}}'
    )
    agenda = Agenda(0.0)
    executions = Executions(agenda, {"loop": loop, "large": large}, lambda _f, _e, reply: reply(Done("x" * 300_000)))

    executions.start("loop", "e-loop", {"go": True})
    executions.start("large", "e-large", {})
    agenda.run()

    ended = {name: run.closed for name, run in executions.runs.items()}
    assert all(closed is not None and closed.status == "FAILED" for closed in ended.values())
    assert ended["e-large"].error == "States.DataLimitExceeded"  # type: ignore[union-attr]
    assert len(executions.runs["e-loop"].history) <= 25_000


def take_all(services: Services, order_id: str, epoch: int) -> None:
    """Every step of the execution, in order."""
    for step in STEPS:
        step(services, order_id, epoch)


def _is_reachable(status: OrderStatus, to: OrderStatus) -> bool:
    """Whether the table leads from one to the other in a few steps, as an operation that records two of them takes."""
    reached = {status}
    for _ in range(3):
        reached |= {after for each in reached for after in TRANSITIONS[each]}
    return to in reached


def weights(release_name: str) -> dict[str, object]:
    """Flags: everybody instant, on one release."""
    return {
        "flags": {
            "pipeline": {"state": "ENABLED", "variants": {"instant": "instant"}, "defaultVariant": "instant"},
            "release": {"state": "ENABLED", "variants": {"one": release_name}, "defaultVariant": "one"},
        }
    }


def shares(instant: int) -> dict[str, object]:
    """Flags: a share of orders instant, by order id, the rest legacy."""
    split = {
        "fractional": [
            {"cat": ["salt/", {"var": "targetingKey"}]},
            ["instant", instant],
            ["legacy", 100 - instant],
        ]
    }
    flags = weights(RELEASE)
    assert isinstance(flags["flags"], dict)
    flags["flags"]["pipeline"] = {
        "state": "ENABLED",
        "variants": {"instant": "instant", "legacy": "legacy"},
        "defaultVariant": "legacy",
        "targeting": split,
    }
    return flags
