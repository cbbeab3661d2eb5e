"""Sale items: shipped whole, in parts, later or never, and charged for exactly what was shipped."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from order_processing.domain import (
    Act,
    HoldState,
    NotShippedError,
    OfferKind,
    Order,
    OrderStatus,
    PartlyShippedError,
    Pipeline,
    Rest,
    ShipmentRefusedError,
    StaleOwnerError,
    captured_net_minor,
    open_authorizations,
)
from order_processing.experiments import Experiments
from order_processing.gateways import BuiltInWarehouse, ProviderStatus
from order_processing.legacy import fraud_scan, fulfilment, payment_authorization
from order_processing.legacy.batches import STALLED_SECONDS, confirm_missed, run_job
from order_processing.operations import (
    Services,
    authorize,
    capture_delivered,
    close_shipment,
    give_up,
    hand_over,
    observe,
    pause_order,
    record_shipment,
    redrive,
    release,
    request_shipment,
    reserve_shipment,
    resume_order,
    scan_fraud,
    send_confirmation,
    start_processing,
    take_over,
)

from ...order_samples import an_offer
from .worlds import Crash, CrashingStore, World, a_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A shop whose goods somebody packs by hand."""
    made = a_world(tmp_path, offer=an_offer(kind=OfferKind.SALE_ITEM))
    made.services = replace(made.services, warehouse=BuiltInWarehouse(at_once=False))
    yield made
    made.store.close()


def packing(world: World, quantity: int = 3) -> tuple[str, int]:
    """An order that waits for the warehouse."""
    order_id, epoch = world.claimed(quantity=quantity)
    for operation in (start_processing, scan_fraud, authorize, reserve_shipment):
        operation(world.services, order_id, epoch)
    request_shipment(world.services, order_id, epoch, "token-1")
    return order_id, epoch


def ship(world: World, order_id: str, quantity: int, tracking: str, rest: Rest = Rest.BACK_ORDER) -> Order:
    return record_shipment(world.services, order_id, quantity, tracking=tracking, rest=rest)


def pause_and_resume(services: Services, order_id: str, act: Act) -> Order:
    pause_order(services, order_id, act)
    return resume_order(services, order_id, act)


def parcels(order: Order) -> list[tuple[int, str]]:
    return [(each.quantity, each.tracking) for each in order.shipments]


def test_goods_are_charged_once_they_are_shipped_and_not_before(world: World) -> None:
    order_id, epoch = packing(world)
    with pytest.raises(NotShippedError):
        capture_delivered(world.services, order_id, epoch)
    assert world.payments.asked == ["authorize"]

    shipped = ship(world, order_id, 3, "T-1")
    order = capture_delivered(world.services, order_id, epoch)

    assert shipped.shipping is not None
    assert (shipped.shipping.task_token, shipped.shipping.closed_at) == ("token-1", world.clock.now())
    assert (order.status, captured_net_minor(order.payments)) == (OrderStatus.COMPLETED, 7_500)
    assert capture_delivered(world.services, order_id, epoch) == order


def test_back_ordered_goods_follow_and_are_charged_together(world: World) -> None:
    order_id, epoch = packing(world)

    partly = ship(world, order_id, 2, "T-1")
    with pytest.raises(NotShippedError):
        capture_delivered(world.services, order_id, epoch)
    ship(world, order_id, 1, "T-2")
    order = capture_delivered(world.services, order_id, epoch)

    assert parcels(partly) == [(2, "T-1"), (1, "")]
    assert parcels(order) == [(2, "T-1"), (1, "T-2")]
    assert len({each.shipment_id for each in order.shipments}) == 2
    assert (order.status, captured_net_minor(order.payments)) == (OrderStatus.COMPLETED, 7_500)


@pytest.mark.parametrize(("quantity", "paid"), [(1, 2_500), (2, 5_000)])
def test_only_the_shipped_share_is_taken_when_the_rest_is_cancelled(world: World, quantity: int, paid: int) -> None:
    order_id, epoch = packing(world)

    ship(world, order_id, quantity, "T-1", Rest.CANCELLED)
    order = capture_delivered(world.services, order_id, epoch)

    assert (order.status, captured_net_minor(order.payments)) == (OrderStatus.PARTIALLY_FULFILLED, paid)
    assert open_authorizations(order.payments) == ()
    (payment,) = world.payments.payments_of(order)
    assert (payment.status, payment.captured_minor) == (ProviderStatus.CAPTURED, paid)
    assert capture_delivered(world.services, order_id, epoch) == order
    mail = send_confirmation(world.services, order_id, epoch)
    text = (world.outbox / world.mails()[0]).read_text()
    assert mail.status is OrderStatus.PARTIALLY_FULFILLED
    assert "The rest could not be delivered and was not charged" in text


def test_units_that_were_not_delivered_go_back_on_sale_once(world: World) -> None:
    order_id, epoch = packing(world)
    ship(world, order_id, 1, "T-1", Rest.CANCELLED)

    for _ in range(2):
        capture_delivered(world.services, order_id, epoch)

    hold = world.store.hold(order_id)
    assert hold is not None
    assert (hold.state, hold.quantity, world.stock()) == (HoldState.SETTLED, 1, 9)


def test_units_that_never_left_go_back_on_sale_when_those_that_did_cannot_be_charged(world: World) -> None:
    order_id, epoch = packing(world)
    ship(world, order_id, 1, "T-1", Rest.CANCELLED)

    release(world.services, order_id, epoch, OrderStatus.DECLINED, "the payment was declined")

    assert world.stock() == 9


def test_a_warehouse_that_has_nothing_ends_the_order_uncharged(world: World) -> None:
    order_id, epoch = packing(world)

    ship(world, order_id, 0, "", Rest.CANCELLED)
    with pytest.raises(NotShippedError):
        capture_delivered(world.services, order_id, epoch)
    order = release(world.services, order_id, epoch, OrderStatus.FAILED, "the warehouse could not ship it")

    hold = world.store.hold(order_id)
    assert hold is not None
    assert (order.status, hold.state, world.stock()) == (OrderStatus.FAILED, HoldState.RELEASED, 10)
    assert [payment.status for payment in world.payments.payments_of(order)] == [ProviderStatus.VOIDED]


@pytest.mark.parametrize("quantity", [0, 2])
def test_the_deadline_cancels_what_was_not_shipped(world: World, quantity: int) -> None:
    order_id, epoch = packing(world)
    if quantity:
        ship(world, order_id, quantity, "T-1")
    world.clock.advance(world.services.policy.shipping_seconds)

    closed = close_shipment(world.services, order_id, epoch, "late")

    assert close_shipment(world.services, order_id, epoch, "late") == closed
    assert sum(each.quantity for each in closed.shipments) == quantity
    with pytest.raises(ShipmentRefusedError):
        ship(world, order_id, 1, "T-late")


def test_goods_shipped_after_their_reservation_ran_out_are_noted_and_paid(world: World) -> None:
    """The bank gave it back early, and the provider said so while the warehouse was packing."""
    order_id, epoch = packing(world)
    world.clock.advance(8 * 86_400)
    (ran_out,) = world.payments.payments_of(world.order(order_id))
    assert ran_out.status is ProviderStatus.VOIDED
    observe(world.services, order_id, ran_out)

    ship(world, order_id, 3, "T-1")
    order = capture_delivered(world.services, order_id, epoch)

    assert order.status is OrderStatus.COMPLETED
    assert captured_net_minor(order.payments) == order.amount.amount_minor


def test_an_order_redriven_while_the_warehouse_packs_gets_a_new_reservation(world: World) -> None:
    order_id, epoch = packing(world)
    world.clock.advance(8 * 86_400)

    order = authorize(world.services, order_id, epoch)

    assert order.status is OrderStatus.FULFILLING
    assert len(open_authorizations(order.payments)) == 1


def test_an_order_of_which_a_part_is_on_its_way_is_not_called_off(world: World) -> None:
    order_id, epoch = packing(world)
    ship(world, order_id, 1, "T-1")

    with pytest.raises(PartlyShippedError, match=r"1 units of order .* have left the warehouse; close its shipment"):
        give_up(world.services, order_id, OrderStatus.CANCELLED, Act("ann", "the customer called"))

    ship(world, order_id, 0, "", Rest.CANCELLED)
    assert capture_delivered(world.services, order_id, epoch).status is OrderStatus.PARTIALLY_FULFILLED


def test_goods_that_left_and_cannot_be_charged_are_not_sold_again(world: World) -> None:
    order_id, epoch = packing(world)
    ship(world, order_id, 3, "T-1")

    release(world.services, order_id, epoch, OrderStatus.DECLINED, "the payment was declined")

    assert world.stock() == 7


def test_a_parcel_told_of_twice_is_one_parcel(world: World) -> None:
    order_id, _ = packing(world)

    first = ship(world, order_id, 2, "T-1")

    assert ship(world, order_id, 2, "T-1") == first


@pytest.mark.parametrize(
    ("quantity", "rest"), [(4, Rest.BACK_ORDER), (-1, Rest.BACK_ORDER), (0, Rest.BACK_ORDER), (4, Rest.CANCELLED)]
)
def test_parcels_that_cannot_be_are_refused(world: World, quantity: int, rest: Rest) -> None:
    order_id, _ = packing(world)

    with pytest.raises(ShipmentRefusedError):
        ship(world, order_id, quantity, "T-1", rest)


def test_an_order_that_waits_for_no_parcel_takes_none(world: World) -> None:
    order_id, epoch = world.claimed()
    start_processing(world.services, order_id, epoch)

    with pytest.raises(ShipmentRefusedError):
        ship(world, order_id, 1, "T-1")


def test_nobody_takes_over_while_the_warehouse_packs(world: World) -> None:
    order_id, epoch = packing(world)
    world.clock.advance(world.services.policy.shipping_seconds - 1)
    with pytest.raises(Exception, match="leased until"):
        take_over(world.services, order_id, Pipeline.LEGACY)

    ship(world, order_id, 3, "T-1")
    world.clock.advance(1)

    assert take_over(world.services, order_id, Pipeline.LEGACY).owner.epoch == epoch + 1


def test_a_replaced_owner_ships_and_charges_nothing(world: World) -> None:
    order_id, epoch = packing(world)
    hand_over(world.services, order_id, epoch, "the operator said so")

    for operation in (request_shipment, capture_delivered, lambda s, o, e: close_shipment(s, o, e, "late")):
        with pytest.raises((StaleOwnerError, NotShippedError)):
            operation(world.services, order_id, epoch)
    assert world.payments.asked == ["authorize"]


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("at", [1, 2])
def test_a_crash_at_either_commit_of_a_request_ships_once(world: World, at: int, after: bool) -> None:
    services = replace(world.services, warehouse=BuiltInWarehouse())
    order_id, epoch = world.claimed()
    for operation in (start_processing, scan_fraud, authorize, reserve_shipment):
        operation(services, order_id, epoch)
    crashing = replace(services, store=CrashingStore(world.store, at, after=after))  # type: ignore[arg-type]

    with pytest.raises(Crash):
        request_shipment(crashing, order_id, epoch, "token-1")
    order = request_shipment(services, order_id, epoch, "token-2")

    assert [quantity for quantity, _ in parcels(order)] == [2]
    assert [entry.event for entry in order.timeline].count("shipped") == 1
    assert capture_delivered(services, order_id, epoch).status is OrderStatus.COMPLETED


def legacy_world(world: World, tmp_path: Path) -> str:
    """An order of the legacy pipeline, paid for."""
    weights = tmp_path / "weights.json"
    weights.write_text('{"pipeline": {"legacy": 1}}')
    world.services = replace(world.services, experiments=Experiments(weights))
    order_id = world.place(quantity=3).order_id
    for job in (fraud_scan.JOB, payment_authorization.JOB):
        run_job(world.services, job)
    return order_id


def test_the_legacy_job_waits_for_the_warehouse_and_charges_what_it_shipped(world: World, tmp_path: Path) -> None:
    order_id = legacy_world(world, tmp_path)
    run_job(world.services, fulfilment.JOB)
    assert run_job(world.services, fulfilment.JOB).done == 0

    ship(world, order_id, 2, "T-1", Rest.CANCELLED)
    run_job(world.services, fulfilment.JOB)

    order = world.order(order_id)
    assert (order.status, captured_net_minor(order.payments)) == (OrderStatus.PARTIALLY_FULFILLED, 5_000)


def test_the_customer_of_a_part_is_written_to_by_the_job_when_nobody_else_did(world: World) -> None:
    order_id, epoch = packing(world)
    ship(world, order_id, 1, "T-1", Rest.CANCELLED)
    capture_delivered(world.services, order_id, epoch)
    world.clock.advance(world.services.policy.lease_seconds + STALLED_SECONDS + 1)

    assert confirm_missed(world.services) == 1
    assert confirm_missed(world.services) == 0
    assert len(world.mails()) == 1


@pytest.mark.parametrize("act", [redrive, pause_and_resume], ids=["redriven", "resumed"])
def test_waiting_for_the_warehouse_costs_no_attempts_whoever_let_the_order_go_meanwhile(
    world: World, act: Callable[[Services, str, Act], Order]
) -> None:
    order_id, epoch = packing(world)
    hand_over(world.services, order_id, epoch, "a test")
    run_job(world.services, fulfilment.JOB)

    act(world.services, order_id, Act("ann", "why not"))
    for _ in range(world.services.policy.attempts_max + 2):
        run_job(world.services, fulfilment.JOB)
        world.clock.advance(600)

    assert world.order(order_id).status is OrderStatus.FULFILLING
    assert world.order(order_id).attempts["legacy"] <= 2


def test_the_legacy_job_gives_up_on_a_warehouse_that_is_late(world: World, tmp_path: Path) -> None:
    order_id = legacy_world(world, tmp_path)
    run_job(world.services, fulfilment.JOB)
    world.clock.advance(world.services.policy.shipping_seconds + world.services.policy.lease_seconds + 1)

    run_job(world.services, fulfilment.JOB)

    assert (world.order(order_id).status, world.stock()) == (OrderStatus.FAILED, 10)
