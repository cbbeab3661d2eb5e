"""Expired stock holds: given back for dead orders, kept for those at work, sold for those delivered."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from order_processing.domain import HoldState, OrderStatus, Outcome, PaymentAttempt, Purpose, changed
from order_processing.legacy import batches
from order_processing.legacy.batches import STALLED_SECONDS, confirm_missed
from order_processing.operations import (
    authorize,
    capture,
    issue_vouchers,
    quarantine,
    release,
    scan_fraud,
    start_processing,
    sweep_holds,
)
from order_processing.stores import PutOrder, ReleaseHold, TakeStock

from .worlds import World, a_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = a_world(tmp_path)
    yield made
    made.store.close()


def test_a_hold_that_has_not_expired_is_left_alone(world: World) -> None:
    world.place()

    sweep = sweep_holds(world.services)

    assert sweep.as_json() == {"released": [], "settled": [], "extended": 0, "orphaned": []}


@pytest.mark.parametrize("in_quarantine", [False, True])
def test_an_order_at_work_keeps_its_units_for_another_term(world: World, in_quarantine: bool) -> None:
    order_id, epoch = world.claimed()
    if in_quarantine:
        quarantine(world.services, order_id, epoch, "tried 5 times")
    world.clock.advance(world.services.policy.hold_seconds + 1)

    assert sweep_holds(world.services).extended == [order_id]

    assert sweep_holds(world.services).extended == []
    assert world.stock() == 8


def test_a_dead_order_whose_units_were_kept_gives_them_back_once(world: World) -> None:
    order_id, _ = world.claimed()
    order = world.order(order_id)
    dead = changed(order, status=OrderStatus.FAILED, version=order.version + 1)
    world.store.commit((PutOrder(dead, order.version),)).result(10)
    world.clock.advance(world.services.policy.hold_seconds + 1)

    assert sweep_holds(world.services).released == [order_id]
    assert sweep_holds(world.services).released == []

    assert world.stock() == 10


def test_of_a_part_delivered_only_that_is_sold(world: World) -> None:
    order_id, epoch = world.claimed()
    order = world.order(order_id)
    taken = PaymentAttempt(
        purpose=Purpose.CAPTURE,
        key="capture",
        amount_minor=1,
        epoch=epoch,
        at=0.0,
        outcome=Outcome.SUCCEEDED,
        units=(1,),
    )
    partial = changed(order, status=OrderStatus.PARTIALLY_FULFILLED, payments=(taken,), version=order.version + 1)
    world.store.commit((PutOrder(partial, order.version),)).result(10)
    world.clock.advance(world.services.policy.hold_seconds + 1)

    assert sweep_holds(world.services).settled == [order_id]

    assert world.stock() == 9


def test_an_order_of_a_newer_release_keeps_no_other_from_being_swept(world: World) -> None:
    order_id, _ = world.claimed()
    order = world.order(order_id)
    newer = changed(order, schema=order.schema + 1, version=order.version + 1)
    world.store.commit((PutOrder(newer, order.version),)).result(10)
    world.clock.advance(world.services.policy.hold_seconds + 1)
    world.store.commit((TakeStock("spa", "o-never", 3, world.clock.now() - 0.5),)).result(10)

    assert sweep_holds(world.services).as_json() == {
        "released": [],
        "settled": [],
        "extended": 0,
        "orphaned": ["o-never"],
    }


def test_units_held_for_nobody_go_back_on_sale(world: World) -> None:
    world.store.commit((TakeStock("spa", "o-never", 3, world.clock.now() - 1),)).result(10)

    assert sweep_holds(world.services).orphaned == ["o-never"]

    assert world.stock() == 10


def test_a_released_order_has_nothing_left_to_sweep(world: World) -> None:
    order_id, epoch = world.claimed()
    release(world.services, order_id, epoch, OrderStatus.FAILED, "a test")
    world.store.commit((ReleaseHold(order_id),)).result(10)
    world.clock.advance(world.services.policy.hold_seconds + 1)

    assert sweep_holds(world.services).released == []

    hold = world.store.hold(order_id)
    assert hold is not None
    assert (hold.state, world.stock()) == (HoldState.RELEASED, 10)


def test_a_customer_whose_confirmation_was_missed_is_written_to_once(world: World) -> None:
    order_id, epoch = world.claimed()
    for step in (start_processing, scan_fraud, authorize, issue_vouchers, capture):
        step(world.services, order_id, epoch)
    assert confirm_missed(world.services) == 0
    world.clock.advance(STALLED_SECONDS + 1)

    assert (confirm_missed(world.services), confirm_missed(world.services)) == (1, 0)

    assert len(world.mails()) == 1
    assert world.order(order_id).pipeline.value == "instant"


def test_a_run_that_is_short_of_time_leaves_the_rest(world: World) -> None:
    assert batches.has_time(None) is None

    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return batches.RESERVE_MS

    may_go_on = batches.has_time(Context())
    assert may_go_on is not None
    assert not may_go_on()
