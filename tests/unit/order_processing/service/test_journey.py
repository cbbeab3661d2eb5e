"""What a customer is told in each status."""

import pytest

from order_processing.domain import AT_REST, OfferKind, Order, OrderStatus, TimelineEntry
from order_processing.service.journey import SLOW_AFTER_SECONDS, StepState, journey, slow_at
from tests.order_samples import an_order

CREATED = 1_700_000_000.0
S = OrderStatus

PATHS = {
    S.RECEIVED: [],
    S.PROCESSING: [S.PROCESSING],
    S.IN_REVIEW: [S.PROCESSING, S.IN_REVIEW],
    S.CLEARED: [S.PROCESSING, S.CLEARED],
    S.PAYMENT_UNKNOWN: [S.PROCESSING, S.CLEARED, S.PAYMENT_UNKNOWN],
    S.AUTHORIZED: [S.PROCESSING, S.CLEARED, S.AUTHORIZED],
    S.FULFILLING: [S.PROCESSING, S.CLEARED, S.AUTHORIZED, S.FULFILLING],
    S.PARTIALLY_FULFILLED: [S.PROCESSING, S.CLEARED, S.AUTHORIZED, S.FULFILLING, S.PARTIALLY_FULFILLED],
    S.COMPLETED: [S.PROCESSING, S.CLEARED, S.AUTHORIZED, S.FULFILLING, S.COMPLETED],
    S.REFUNDED: [S.PROCESSING, S.CLEARED, S.AUTHORIZED, S.FULFILLING, S.COMPLETED, S.REFUNDED],
    S.REJECTED: [S.PROCESSING, S.REJECTED],
    S.DECLINED: [S.PROCESSING, S.CLEARED, S.DECLINED],
    S.CANCELLED: [S.CANCELLED],
    S.FAILED: [S.PROCESSING, S.CLEARED, S.AUTHORIZED, S.FAILED],
    S.QUARANTINED: [S.PROCESSING, S.CLEARED, S.QUARANTINED],
}

STATES = {
    S.RECEIVED: "dc...",
    S.PROCESSING: "dc...",
    S.IN_REVIEW: "dc...",
    S.CLEARED: "ddc..",
    S.PAYMENT_UNKNOWN: "ddc..",
    S.AUTHORIZED: "dddc.",
    S.FULFILLING: "ddddc",
    S.PARTIALLY_FULFILLED: "ddddd",
    S.COMPLETED: "ddddd",
    S.REFUNDED: "ddddd",
    S.REJECTED: "ds...",
    S.DECLINED: "dds..",
    S.CANCELLED: "ds...",
    S.FAILED: "ddds.",
    S.QUARANTINED: "ddc..",
}
LETTERS = {StepState.DONE: "d", StepState.CURRENT: "c", StepState.WAITING: ".", StepState.STOPPED: "s"}


def arrived(status: OrderStatus, kind: OfferKind = OfferKind.VOUCHER, problem: str = "") -> Order:
    """An order that took 10 ms for each status on its way."""
    path = [S.RECEIVED, *PATHS[status]]
    timeline = tuple(TimelineEntry(CREATED + at / 100, each.value, "test") for at, each in enumerate(path))
    return an_order(status=status, kind=kind, timeline=timeline, problem=problem)


def test_every_status_is_covered() -> None:
    assert PATHS.keys() == STATES.keys() == set(OrderStatus)


@pytest.mark.parametrize("status", OrderStatus)
def test_each_status_shows_how_far_the_order_came(status: OrderStatus) -> None:
    shown = journey(arrived(status), CREATED + 1)

    assert "".join(LETTERS[step.state] for step in shown.steps) == STATES[status]


@pytest.mark.parametrize("status", [status for status, states in STATES.items() if "s" in states])
def test_whoever_gets_nothing_is_told_about_the_money(status: OrderStatus) -> None:
    notice = journey(arrived(status), CREATED + 1).notice

    assert notice is not None
    assert "not been charged" in notice.text or "hold on your card" in notice.text


@pytest.mark.parametrize("status", OrderStatus)
def test_an_order_under_way_becomes_slow_and_one_at_rest_does_not(status: OrderStatus) -> None:
    order = arrived(status)
    late = journey(order, CREATED + SLOW_AFTER_SECONDS)

    assert (slow_at(order) is None) == (status in AT_REST)
    if status not in AT_REST:
        assert late.notice is not None
        assert late.moving


def test_done_steps_tell_when_in_milliseconds() -> None:
    shown = journey(arrived(S.COMPLETED), CREATED + 1)

    assert [step.after_ms for step in shown.steps] == [0, 20, 30, 40, 50]
    assert shown.total_ms == 50
    assert shown.headline == "Your voucher is ready"


def test_steps_to_come_have_no_time() -> None:
    shown = journey(arrived(S.CLEARED), CREATED + 1)

    assert [step.after_ms for step in shown.steps] == [0, 20, None, None, None]
    assert shown.headline == "Payment …"


def test_an_end_is_its_own_headline() -> None:
    assert journey(arrived(S.DECLINED), CREATED + 1).headline == "Your card was declined"


def test_sold_out_is_told_as_such() -> None:
    notice = journey(arrived(S.FAILED, problem="the offer is sold out"), CREATED + 1).notice

    assert notice is not None
    assert notice.headline == "Sold out while you paid."


def test_a_sale_item_is_on_its_way() -> None:
    assert journey(arrived(S.COMPLETED, OfferKind.SALE_ITEM), CREATED + 1).headline == "Your item is on its way"
