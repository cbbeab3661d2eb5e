"""Refunds never sum above what was captured, whatever is asked and however it ends."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_processing.domain import (
    UNDO,
    Money,
    Order,
    OrderStatus,
    Outcome,
    PaymentAttempt,
    Purpose,
    RefundRefusedError,
    RefundRequest,
    Voucher,
    VoucherState,
    captured_net_minor,
    due_back_minor,
    is_news,
    is_same_refund,
    must_be_undone,
    refund_begun,
    refund_parts,
    refund_settled,
    refundable_minor,
    refunded_at_provider,
    refunds_for,
    total_minor,
    undo_begun,
    unit_shares,
    with_attempt,
    with_refund,
)
from tests.order_samples import an_order

changed = msgspec.structs.replace
outcomes = st.sampled_from([Outcome.SUCCEEDED, Outcome.DECLINED, Outcome.ABSENT, Outcome.UNKNOWN])


def an_attempt(purpose: Purpose, amount_minor: int, reference: str = "p-1", **changes: object) -> PaymentAttempt:
    values = {"key": f"order/o-1/{purpose.value}/{reference}", "epoch": 1, "at": 0.0, "outcome": Outcome.SUCCEEDED}
    given = {"provider_reference": reference, **values, **changes}
    return PaymentAttempt(purpose=purpose, amount_minor=amount_minor, **given)  # type: ignore[arg-type]


def a_voucher(number: int, state: VoucherState = VoucherState.ISSUED) -> Voucher:
    return Voucher(
        number=number, code_hash=f"h{number}", code_last4="ABCD", expires_at=9e9, time_zone="UTC", state=state
    )


def paid(amount_minor: int = 5_000, quantity: int = 2, status: OrderStatus = OrderStatus.COMPLETED) -> Order:
    """An order paid by one payment and delivered."""
    return an_order(
        amount=Money(amount_minor),
        quantity=quantity,
        status=status,
        payments=(an_attempt(Purpose.AUTHORIZE, amount_minor), an_attempt(Purpose.CAPTURE, amount_minor)),
        vouchers=tuple(a_voucher(number) for number in range(1, quantity + 1)),
    )


def asks(key: str = "r", **changes: object) -> RefundRequest:
    return RefundRequest(key=key, by="ann", reason="why", **changes)  # type: ignore[arg-type]


def ended(order: Order, key: str, outcome: Outcome) -> Order:
    """*order* after every open attempt of a request ended so."""
    for attempt in refunds_for(order.payments, key):
        if attempt.outcome is Outcome.UNKNOWN:
            heard = changed(attempt, outcome=outcome)
            order = refund_settled(with_refund(order, heard, 1.0, "ann"), heard, 1.0)
    return order


def the_states(order: Order) -> list[VoucherState]:
    return [voucher.state for voucher in order.vouchers]


@given(st.integers(1, 10**9), st.integers(2, 50), st.randoms(use_true_random=False))
def test_units_refunded_one_by_one_in_any_order_give_back_exactly_what_was_paid(
    amount_minor: int, quantity: int, random: object
) -> None:
    amount_minor = max(amount_minor, quantity)
    order = paid(amount_minor, quantity)
    units = list(range(1, quantity + 1))
    random.shuffle(units)  # type: ignore[attr-defined]

    for unit in units:
        order = ended(refund_begun(order, asks(f"r-{unit}", units=(unit,)), 1.0), f"r-{unit}", Outcome.SUCCEEDED)

    assert sum(unit_shares(order)) == amount_minor
    assert captured_net_minor(order.payments) == 0
    assert order.status is OrderStatus.REFUNDED
    assert set(the_states(order)) == {VoucherState.REVOKED}


@given(
    st.lists(
        st.tuples(
            st.one_of(
                st.none(),
                st.integers(1, 7_000),
                st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple),
            ),
            outcomes,
        ),
        max_size=12,
    )
)
def test_whatever_is_asked_refunds_stay_within_what_was_captured(wishes: list[tuple[object, Outcome]]) -> None:
    order = paid(5_001, 3)
    for number, (wish, outcome) in enumerate(wishes):
        key = f"r-{number}"
        fields = {"units": wish} if isinstance(wish, tuple) else {"amount_minor": wish}
        try:
            order = refund_begun(order, asks(key, **fields), 1.0)
        except RefundRefusedError:
            continue
        assert is_same_refund(order, asks(key, **fields))
        order = ended(order, key, outcome)

        under_way = sum(each.amount_minor for each in order.payments if each.outcome is Outcome.UNKNOWN)
        refunded = total_minor(order.payments, Purpose.REFUND)
        assert refunded + under_way + refundable_minor(order.payments) == 5_001
        assert refundable_minor(order.payments) >= 0
        assert (order.status is OrderStatus.REFUNDED) == (refunded == 5_001)
    assert len({each.key for each in order.payments}) == len(order.payments)


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=6), st.data())
def test_parts_of_several_payments_sum_to_the_amount_and_exceed_none(captures: list[int], data: st.DataObject) -> None:
    ledger = tuple(an_attempt(Purpose.CAPTURE, amount, f"p-{at}") for at, amount in enumerate(captures))
    amount = data.draw(st.integers(1, sum(captures)))

    parts = refund_parts(ledger, amount)

    assert sum(part for _, part in parts) == amount
    assert all(0 < part <= refundable_minor(ledger, reference) for reference, part in parts)


@given(outcomes, outcomes)
def test_what_was_done_is_never_taken_for_not_done(known: Outcome, heard: Outcome) -> None:
    first = an_attempt(Purpose.CAPTURE, 100, outcome=known)
    later = changed(first, outcome=heard)

    if known is Outcome.SUCCEEDED:
        assert not is_news(first, later)
    if known is not Outcome.SUCCEEDED and heard is Outcome.SUCCEEDED:
        assert is_news(first, later)


def test_a_used_voucher_keeps_its_share_from_going_back() -> None:
    order = changed(paid(), vouchers=(a_voucher(1, VoucherState.REDEEMED), a_voucher(2)))

    for refused in (asks(), asks(amount_minor=2_501), asks(units=(1,)), asks(units=(1, 2))):
        with pytest.raises(RefundRefusedError, match="used"):
            refund_begun(order, refused, 1.0)

    half = refund_begun(order, asks(amount_minor=2_500), 1.0)
    assert the_states(half) == [VoucherState.REDEEMED, VoucherState.REVOKED]


def test_a_used_voucher_keeps_its_share_though_the_others_are_named_one_by_one() -> None:
    order = refund_begun(paid(), asks("gesture", amount_minor=2_500), 0.0)
    used = changed(order, vouchers=(a_voucher(1, VoucherState.REDEEMED), a_voucher(2)))

    with pytest.raises(RefundRefusedError, match=r"a voucher was used; at most USD 0\.00"):
        refund_begun(used, asks("second", units=(2,)), 0.0)


def test_a_unit_that_was_never_delivered_has_nothing_to_be_paid_back() -> None:
    order = paid(status=OrderStatus.PARTIALLY_FULFILLED)
    partly = changed(order, payments=(an_attempt(Purpose.CAPTURE, 2_500, units=(1,)),))

    with pytest.raises(RefundRefusedError, match="unit 2 was not delivered"):
        refund_begun(partly, asks(units=(2,)), 0.0)

    assert refundable_minor(refund_begun(partly, asks(units=(1,)), 0.0).payments) == 0


@pytest.mark.parametrize("key", ["undo", "provider"])
def test_a_key_with_a_meaning_of_its_own_is_refused(key: str) -> None:
    with pytest.raises(RefundRefusedError, match=key):
        refund_begun(paid(), asks(key), 0.0)


def test_a_small_gesture_leaves_the_vouchers_good() -> None:
    order = ended(refund_begun(paid(), asks(amount_minor=100), 1.0), "r", Outcome.SUCCEEDED)

    assert the_states(order) == [VoucherState.ISSUED] * 2
    assert order.status is OrderStatus.COMPLETED
    assert order.timeline[-1].detail == "USD 1.00; why"


@pytest.mark.parametrize("outcome", [Outcome.DECLINED, Outcome.ABSENT])
def test_a_refund_that_came_to_nothing_makes_the_vouchers_good_again(outcome: Outcome) -> None:
    begun = refund_begun(paid(), asks(), 1.0)
    assert the_states(begun) == [VoucherState.REVOKED] * 2

    assert the_states(ended(begun, "r", outcome)) == [VoucherState.ISSUED] * 2


@pytest.mark.parametrize("units", [(0,), (3,), (1, 1)])
def test_units_that_do_not_exist_or_stand_twice_are_refused(units: tuple[int, ...]) -> None:
    with pytest.raises(RefundRefusedError, match="different numbers"):
        refund_begun(paid(), asks(units=units), 1.0)


@pytest.mark.parametrize("status", [OrderStatus.FULFILLING, OrderStatus.QUARANTINED])
def test_an_order_under_way_is_cancelled_not_refunded(status: OrderStatus) -> None:
    with pytest.raises(RefundRefusedError, match="cancel"):
        refund_begun(paid(status=status), asks(), 1.0)


@given(st.sampled_from(OrderStatus), st.integers(0, 2))
def test_nothing_is_due_back_twice_and_all_of_it_of_a_dead_order(status: OrderStatus, second: int) -> None:
    order = paid(status=status)
    twice = (*order.payments, *(an_attempt(Purpose.CAPTURE, 5_000, f"q-{at}") for at in range(second)))
    order = changed(order, payments=twice)

    undone = undo_begun(order, 1.0) if due_back_minor(order) else order
    done = ended(undone, UNDO, Outcome.SUCCEEDED)

    assert due_back_minor(undone) == 0
    assert not must_be_undone(done)
    kept = captured_net_minor(done.payments)
    if due_back_minor(order):
        assert kept == (5_000 if status in (OrderStatus.COMPLETED, OrderStatus.PARTIALLY_FULFILLED) else 0)


def test_money_taken_twice_goes_back_from_the_second_payment() -> None:
    order = changed(paid(), payments=(*paid().payments, an_attempt(Purpose.CAPTURE, 5_000, "p-2")))

    (attempt,) = refunds_for(undo_begun(order, 1.0).payments, UNDO)

    assert (attempt.provider_reference, attempt.amount_minor) == ("p-2", 5_000)


def test_a_refund_made_past_us_is_found_as_the_difference() -> None:
    order = paid()
    known = changed(order, payments=with_attempt(order.payments, an_attempt(Purpose.REFUND, 1_000)))

    found = refunded_at_provider(known, "p-1", 1_500, 2.0)

    assert found is not None
    assert (found.amount_minor, found.request) == (500, "provider")
    assert refunded_at_provider(known, "p-1", 1_000, 2.0) is None
