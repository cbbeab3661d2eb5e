"""Failure stories of reviews, vouchers and amounts found in the wild, each on a real store and a clock that stands."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_processing.domain import (
    MerchantUser,
    Money,
    NotShippedError,
    OfferKind,
    Order,
    OrderStatus,
    RefundRefusedError,
    RefundRequest,
    ShipmentRefusedError,
    Standing,
    Verdict,
    VoucherRefusedError,
    VoucherState,
    allocate,
    captured_net_minor,
    grouped,
    unit_shares,
    voucher_code,
)
from order_processing.gateways import BuiltInWarehouse
from order_processing.operations import (
    Located,
    NoReviewError,
    PaymentDeclinedError,
    Services,
    authorize,
    capture,
    capture_delivered,
    claim_review,
    close_shipment,
    decide_review,
    issue_vouchers,
    locate_for,
    record_shipment,
    redeem_voucher,
    refund,
    release,
    request_shipment,
    reserve_shipment,
    scan_fraud,
    start_processing,
    void_voucher,
)

from ..integration.order_processing.worlds import InterruptingStore, World, a_world
from ..order_samples import an_offer

TILL = MerchantUser("Lumen Studio", "till")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = a_world(tmp_path)
    yield made
    made.store.close()


def bought(world: World, **wanted: object) -> str:
    """An order with issued vouchers."""
    order_id, epoch = world.claimed(**wanted)
    for operation in (start_processing, scan_fraud, authorize, issue_vouchers, capture):
        operation(world.services, order_id, epoch)
    return order_id


def in_review(world: World) -> tuple[str, int]:
    """An order that waits for a person."""
    order_id, epoch = world.claimed(user_guid="review-1")
    start_processing(world.services, order_id, epoch)
    assert scan_fraud(world.services, order_id, epoch).status is OrderStatus.IN_REVIEW
    return order_id, epoch


def code_of(world: World, order_id: str, number: int = 1) -> str:
    return grouped(voucher_code(world.services.voucher_secret(), order_id, number))


def redeem(services: Services, code: str) -> Located:
    return redeem_voucher(services, locate_for(services, code, TILL), TILL)


def asks(key: str) -> RefundRequest:
    return RefundRequest(key=key, by="ann", reason="the customer asked")


def at_once(acts: list[Callable[[], object]]) -> list[BaseException | None]:
    """Runs all of *acts* at the same moment, each in a thread of its own: what each raised."""
    start = threading.Barrier(len(acts))

    def one(act: Callable[[], object]) -> BaseException | None:
        start.wait(10)
        try:
            act()
        except (VoucherRefusedError, RefundRefusedError) as refused:
            return refused
        return None

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(one, acts))


def test_e14_a_review_that_never_comes_ends_at_its_deadline_with_everything_given_back(world: World) -> None:
    order_id, epoch = in_review(world)
    assert (world.stock(), world.order(order_id).review is not None) == (8, True)
    world.clock.advance(world.services.policy.review_seconds)

    order = release(world.services, order_id, epoch, OrderStatus.REJECTED, "nobody decided the fraud review in time")

    assert (order.status, world.stock()) == (OrderStatus.REJECTED, 10)
    assert world.payments.asked == []
    with pytest.raises(NoReviewError):
        decide_review(world.services, order_id, Verdict.CLEARED, by="ann")


def test_e14_the_deadline_of_a_review_lies_within_the_life_of_a_reservation_and_of_the_hold(world: World) -> None:
    order_id, _ = in_review(world)
    review, hold = world.order(order_id).review, world.store.hold(order_id)
    policy = world.services.policy

    assert review is not None
    assert hold is not None
    assert review.deadline_at - review.requested_at < policy.authorization_seconds
    assert review.deadline_at < hold.expires_at


def test_e14_a_decision_at_the_last_moment_and_the_deadline_are_one_of_the_two(world: World) -> None:
    order_id, epoch = in_review(world)
    decided_meanwhile = InterruptingStore(
        world.store, 1, lambda: decide_review(world.services, order_id, Verdict.CLEARED, by="ann")
    )
    late: Services = world.over(decided_meanwhile)  # type: ignore[arg-type]

    with pytest.raises(Exception, match="cleared and cannot become rejected"):
        release(late, order_id, epoch, OrderStatus.REJECTED, "nobody decided the fraud review in time")

    assert (world.order(order_id).status, world.stock()) == (OrderStatus.CLEARED, 8)


def test_e14_a_warehouse_that_never_answers_ends_the_order_at_its_deadline_uncharged(tmp_path: Path) -> None:
    world = a_world(tmp_path, offer=an_offer(kind=OfferKind.SALE_ITEM))
    world.services = replace(world.services, warehouse=BuiltInWarehouse(at_once=False))
    order_id, epoch = world.claimed()
    for operation in (start_processing, scan_fraud, authorize, reserve_shipment, request_shipment):
        waiting = operation(world.services, order_id, epoch)
    assert waiting.shipping is not None
    assert waiting.shipping.deadline_at - waiting.created_at < world.services.policy.authorization_seconds
    world.clock.advance(world.services.policy.shipping_seconds)

    close_shipment(world.services, order_id, epoch, "the warehouse did not ship in time")
    with pytest.raises(NotShippedError):
        capture_delivered(world.services, order_id, epoch)
    order = release(world.services, order_id, epoch, OrderStatus.FAILED, "the warehouse could not ship it")

    assert (order.status, captured_net_minor(order.payments), world.stock()) == (OrderStatus.FAILED, 0, 10)
    with pytest.raises(ShipmentRefusedError):
        record_shipment(world.services, order_id, 2, tracking="late")
    world.store.close()


def test_e16_approve_clicked_twice_is_one_decision(world: World) -> None:
    order_id, _ = in_review(world)

    first = decide_review(world.services, order_id, Verdict.CLEARED, by="ann", note="known customer")
    second = decide_review(world.services, order_id, Verdict.CLEARED, by="ann", note="known customer")

    assert first == second
    assert [entry.event for entry in first.timeline].count("cleared") == 1
    assert len(world.store.audits(order_id)) == 1


@pytest.mark.parametrize("first", [Verdict.CLEARED, Verdict.FRAUD])
def test_e16_of_two_reviewers_who_disagree_the_first_stands(world: World, first: Verdict) -> None:
    order_id, _ = in_review(world)
    second = Verdict.FRAUD if first is Verdict.CLEARED else Verdict.CLEARED

    decide_review(world.services, order_id, first, by="ann", note="sure")
    order = decide_review(world.services, order_id, second, by="bob", note="sure too")

    assert order.review is not None
    assert (order.review.decision, order.review.decided_by) == (first, "ann")
    assert world.stock() == (8 if first is Verdict.CLEARED else 10)


def test_e16_two_reviewers_at_the_same_moment_are_one_decision(world: World) -> None:
    order_id, _ = in_review(world)
    interrupted = InterruptingStore(
        world.store, 1, lambda: decide_review(world.services, order_id, Verdict.FRAUD, by="bob", note="stolen")
    )
    late: Services = world.over(interrupted)  # type: ignore[arg-type]

    order = decide_review(late, order_id, Verdict.CLEARED, by="ann", note="fine")

    assert (order.status, order.review and order.review.decided_by) == (OrderStatus.REJECTED, "bob")
    assert [entry.actor for entry in world.store.audits(order_id)] == ["bob"]


def test_e16_who_claimed_a_review_is_left_to_it(world: World) -> None:
    order_id, _ = in_review(world)
    claim_review(world.services, order_id, "ann")

    with pytest.raises(Exception, match="ann is reviewing"):
        decide_review(world.services, order_id, Verdict.FRAUD, by="bob", note="stolen")

    assert decide_review(world.services, order_id, Verdict.CLEARED, by="ann").status is OrderStatus.CLEARED


def assert_one_won(order: Order) -> None:
    """Either the voucher was used and the money stayed, or it was revoked and the money went back."""
    (voucher,) = order.vouchers
    outcomes = {(VoucherState.REDEEMED, OrderStatus.COMPLETED, 2_500), (VoucherState.REVOKED, OrderStatus.REFUNDED, 0)}
    assert (voucher.state, order.status, captured_net_minor(order.payments)) in outcomes


def test_e18_a_refund_that_comes_while_a_voucher_is_redeemed_wins_or_is_refused(world: World) -> None:
    order_id = bought(world, quantity=1)
    code = code_of(world, order_id)
    refunded_meanwhile = InterruptingStore(world.store, 1, lambda: refund(world.services, order_id, asks("r-1")))
    late: Services = world.over(refunded_meanwhile)  # type: ignore[arg-type]

    with pytest.raises(VoucherRefusedError) as refused:
        redeem(late, code)

    assert refused.value.standing is Standing.REVOKED
    assert_one_won(world.order(order_id))


def test_e18_a_redemption_that_comes_while_an_order_is_refunded_wins_or_is_refused(world: World) -> None:
    order_id = bought(world, quantity=1)
    code = code_of(world, order_id)
    redeemed_meanwhile = InterruptingStore(world.store, 1, lambda: redeem(world.services, code))
    late: Services = world.over(redeemed_meanwhile)  # type: ignore[arg-type]

    with pytest.raises(RefundRefusedError):
        refund(late, order_id, asks("r-1"))

    assert_one_won(world.order(order_id))


@pytest.mark.parametrize("turn", range(5))
def test_e18_redeem_and_refund_at_the_same_moment_have_one_winner(world: World, turn: int) -> None:
    order_id = bought(world, quantity=1)
    code = code_of(world, order_id)
    acts = [lambda: redeem(world.services, code), lambda: refund(world.services, order_id, asks("r-1"))]

    refused = at_once(acts if turn % 2 else acts[::-1])

    assert sum(each is None for each in refused) == 1
    assert_one_won(world.order(order_id))


def test_e18_a_used_voucher_blocks_the_refund_of_its_unit_only(world: World) -> None:
    order_id = bought(world, quantity=2)
    redeem(world.services, code_of(world, order_id, 1))

    with pytest.raises(RefundRefusedError):
        refund(world.services, order_id, asks("all"))
    second = RefundRequest(key="second", by="ann", reason="the customer asked", units=(2,))
    order = refund(world.services, order_id, second)

    assert [voucher.state for voucher in order.vouchers] == [VoucherState.REDEEMED, VoucherState.REVOKED]
    assert captured_net_minor(order.payments) == 2_500
    with pytest.raises(VoucherRefusedError):
        redeem(world.services, code_of(world, order_id, 2))


def test_e18_a_hundred_tills_redeem_one_voucher_once(world: World) -> None:
    order_id = bought(world, quantity=1)
    code = code_of(world, order_id)

    refused = at_once([lambda: redeem(world.services, code)] * 100)

    assert sum(each is None for each in refused) == 1
    assert [entry.event for entry in world.order(order_id).timeline].count("voucher_redeemed") == 1


def test_e18_a_revoked_voucher_is_never_redeemed(world: World) -> None:
    order_id = bought(world, quantity=1)
    void_voucher(world.services, order_id, 1, by="ann", reason="lost phone")

    with pytest.raises(VoucherRefusedError):
        redeem(world.services, code_of(world, order_id))
    assert [entry.action for entry in world.store.audits(order_id)] == ["void-voucher"]


def test_e18_a_voucher_revoked_by_hand_stays_so_when_its_refund_is_refused(world: World) -> None:
    order_id = bought(world, quantity=2)
    void_voucher(world.services, order_id, 1, by="ann", reason="lost phone")
    (payment,) = world.payments.payments_of(world.order(order_id))[:1]
    world.payments.refund(payment.id, payment.captured_minor, "made elsewhere, so that ours is refused")

    with pytest.raises(PaymentDeclinedError):
        refund(world.services, order_id, asks("r-1"))

    states = [voucher.state for voucher in world.order(order_id).vouchers]
    assert states[0] is VoucherState.REVOKED


CHICAGO = ZoneInfo("America/Chicago")


@pytest.mark.parametrize(
    ("bought_on", "last_day"),
    [
        ("2026-02-20T23:59:59", "2026-03-08"),  # 23 hours long: clocks go forward at 2:00
        ("2026-10-16T00:00:00", "2026-11-01"),  # 25 hours long: clocks go back at 2:00
        ("2026-06-14T12:00:00", "2026-06-30"),
        ("2027-12-15T23:59:59", "2027-12-31"),
        ("2028-02-13T00:00:01", "2028-02-29"),
    ],
)
def test_e19_a_voucher_is_good_to_the_last_moment_of_its_day_in_its_city(
    tmp_path: Path, bought_on: str, last_day: str
) -> None:
    world = a_world(tmp_path, offer=an_offer(valid_days=16))
    world.clock.advance(datetime.fromisoformat(bought_on).replace(tzinfo=CHICAGO).timestamp() - world.clock.now())
    codes = [code_of(world, bought(world, quantity=1)) for _ in range(2)]
    year, month, day = map(int, last_day.split("-"))
    midnight = datetime(year, month, day, 23, 59, 59, tzinfo=CHICAGO).timestamp() + 1

    world.clock.advance(midnight - 0.001 - world.clock.now())
    assert redeem(world.services, codes[0]).voucher.state is VoucherState.REDEEMED
    world.clock.advance(0.001)
    with pytest.raises(VoucherRefusedError) as refused:
        redeem(world.services, codes[1])

    assert refused.value.standing is Standing.EXPIRED
    world.store.close()


def test_e19_the_same_instant_is_another_day_in_another_city(tmp_path: Path) -> None:
    """Half past midnight in New York is still yesterday in Seattle: bought together, they end 21 hours apart."""
    world = a_world(tmp_path, offer=an_offer(city="New York", valid_days=0))
    at = datetime(2026, 7, 2, 0, 30, tzinfo=ZoneInfo("America/New_York")).timestamp()
    world.clock.advance(at - world.clock.now())
    new_york = world.order(bought(world, quantity=1)).vouchers[0]
    elsewhere = a_world(tmp_path / "west", offer=an_offer(city="Seattle", valid_days=0))
    elsewhere.clock.advance(at - elsewhere.clock.now())
    seattle = elsewhere.order(bought(elsewhere, quantity=1)).vouchers[0]

    assert new_york.expires_at - seattle.expires_at == (24 - 3) * 3_600
    world.store.close()
    elsewhere.store.close()


def test_e20_a_two_unit_order_is_charged_once_for_each_of_them(world: World) -> None:
    order = world.order(bought(world, quantity=2))

    assert unit_shares(order) == (2_500, 2_500)
    assert captured_net_minor(order.payments) == 5_000
    assert [payment.captured_minor for payment in world.payments.payments_of(order)][:1] == [5_000]


@settings(max_examples=200)
@given(st.integers(1, 10_000_000), st.lists(st.integers(1, 50), min_size=1, max_size=12))
def test_e20_shares_sum_to_the_whole_and_differ_by_no_more_than_they_must(amount: int, weights: list[int]) -> None:
    """10.285 is neither 10.28 nor 10.29: the cent goes to one share, never to two or to none."""
    shares = [share.amount_minor for share in allocate(Money(amount), weights)]

    assert sum(shares) == amount
    for share, weight in zip(shares, weights, strict=True):
        exact = amount * weight / sum(weights)
        assert abs(share - exact) < 1


def test_e20_units_refunded_one_by_one_are_the_whole_to_the_cent(tmp_path: Path) -> None:
    world = a_world(tmp_path, offer=an_offer(price=Money(1_029)))
    order_id = bought(world, quantity=3)

    for unit in (2, 1, 3):
        order = refund(world.services, order_id, RefundRequest(key=f"u{unit}", by="ann", reason="asked", units=(unit,)))

    assert (captured_net_minor(order.payments), order.status) == (0, OrderStatus.REFUNDED)
    world.store.close()
