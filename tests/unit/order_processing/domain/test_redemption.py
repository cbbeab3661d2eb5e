"""Redeeming: what a voucher is worth at each instant and in each state, and what may be done with it."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_processing.domain import (
    CITIES,
    UNDO_SECONDS,
    MerchantUser,
    Order,
    RedemptionStandsError,
    Standing,
    VoucherRefusedError,
    VoucherState,
    changed,
    expiry_at,
    has_redeemed,
    prepared,
    redeemed,
    redemption_undone,
    standing,
    undoable_until,
    voucher_of,
    voucher_voided,
)

from ....order_samples import VOUCHER_SECRET, an_order

TILL = MerchantUser("Lumen Studio", "till")
NOW = 1_700_000_100.0
EXPIRES = NOW + 1_000.0
ZONES_WITH_ODD_MIDNIGHTS = ("America/Havana", "America/Sao_Paulo", "Asia/Beirut", "Africa/Cairo", "Asia/Tehran")


def bought(state: VoucherState = VoucherState.ISSUED, expires_at: float = EXPIRES) -> Order:
    """An order with one voucher."""
    voucher = prepared(VOUCHER_SECRET, "o-1", 1, expires_at=expires_at, time_zone="America/Chicago")
    return an_order(vouchers=(changed(voucher, state=state),), quantity=1)


@pytest.mark.parametrize(
    ("state", "at", "found"),
    [
        (VoucherState.PREPARED, NOW, None),
        (VoucherState.ISSUED, NOW, Standing.VALID),
        (VoucherState.ISSUED, EXPIRES + 0.999, Standing.VALID),
        (VoucherState.ISSUED, EXPIRES + 1.0, Standing.EXPIRED),
        (VoucherState.REDEEMED, EXPIRES + 1.0, Standing.USED),
        (VoucherState.REVOKED, NOW, Standing.REVOKED),
    ],
)
def test_a_voucher_is_worth_what_its_state_and_the_instant_say(
    state: VoucherState, at: float, found: Standing | None
) -> None:
    (voucher,) = bought(state).vouchers

    assert standing(voucher, at) is found


def test_redeeming_says_who_and_when() -> None:
    order = redeemed(bought(), 1, NOW, TILL, "r-1")

    (voucher,) = order.vouchers
    assert (voucher.state, voucher.redeemed_at, voucher.redeemed_by) == (
        VoucherState.REDEEMED,
        NOW,
        "Lumen Studio/till",
    )
    assert (order.timeline[-1].event, order.version) == ("voucher_redeemed", 2)
    assert has_redeemed(order)


@pytest.mark.parametrize("state", [VoucherState.PREPARED, VoucherState.REDEEMED, VoucherState.REVOKED])
def test_only_an_issued_voucher_is_redeemed(state: VoucherState) -> None:
    with pytest.raises(VoucherRefusedError) as refused:
        redeemed(bought(state), 1, NOW, TILL, "")

    assert refused.value.order_id == "o-1"


def test_an_expired_voucher_is_not_redeemed() -> None:
    with pytest.raises(VoucherRefusedError) as refused:
        redeemed(bought(), 1, EXPIRES + 1, TILL, "")

    assert refused.value.standing is Standing.EXPIRED


def test_a_redemption_is_undone_within_a_minute_by_the_same_user() -> None:
    order = redeemed(bought(), 1, NOW, TILL, "r-1")

    undone = redemption_undone(order, 1, NOW + UNDO_SECONDS - 0.001, TILL)

    assert undone.vouchers == bought().vouchers
    assert [entry.event for entry in undone.timeline] == ["voucher_redeemed", "redemption_undone"]


@pytest.mark.parametrize(
    ("later", "by"),
    [
        (UNDO_SECONDS, TILL),
        (1.0, MerchantUser("Lumen Studio", "owner")),
        (1.0, MerchantUser("The Blue Room", "till")),
    ],
)
def test_a_redemption_stands_for_others_and_after_a_minute(later: float, by: MerchantUser) -> None:
    order = redeemed(bought(), 1, NOW, TILL, "r-1")

    with pytest.raises(RedemptionStandsError):
        redemption_undone(order, 1, NOW + later, by)


def test_what_was_not_redeemed_cannot_be_undone() -> None:
    with pytest.raises(RedemptionStandsError):
        redemption_undone(bought(), 1, NOW, TILL)
    assert undoable_until(bought().vouchers[0], TILL) is None


def test_a_voucher_is_revoked_for_good_and_only_while_unused() -> None:
    order = voucher_voided(bought(), 1, NOW, by="ann", reason="lost phone")

    assert order.timeline[-1].by == "ann"
    for refused in (
        lambda: redeemed(order, 1, NOW, TILL, ""),
        lambda: voucher_voided(order, 1, NOW, by="ann", reason="again"),
        lambda: voucher_voided(redeemed(bought(), 1, NOW, TILL, ""), 1, NOW, by="ann", reason="used"),
    ):
        with pytest.raises(VoucherRefusedError):
            refused()


def test_an_expired_voucher_can_still_be_revoked() -> None:
    order = voucher_voided(bought(), 1, EXPIRES + 9, by="ann", reason="fraud")

    assert voucher_of(order, 1) == changed(bought().vouchers[0], state=VoucherState.REVOKED, revoked_by="ann")
    assert voucher_of(order, 2) is None


@pytest.mark.parametrize(
    ("merchant", "serves"),
    [("Lumen Studio", True), ("Lumen Studio, Austin", True), ("Lumen Studio, Boston", False), ("The Blue Room", False)],
)
def test_a_merchant_serves_its_own_offers(merchant: str, serves: bool) -> None:
    assert MerchantUser(merchant, "till").serves(an_order()) is serves


@given(
    st.sampled_from(sorted({*CITIES.values(), *ZONES_WITH_ODD_MIDNIGHTS})),
    st.dates(date(1980, 1, 1), date(2037, 12, 1)),
    st.integers(0, 400),
)
def test_a_voucher_ends_with_its_last_day_however_odd_that_day_is(zone: str, bought_on: date, days: int) -> None:
    """Clocks are put back across midnight in Havana and forward at midnight in Sao Paulo, Beirut, Cairo, Tehran."""
    city = ZoneInfo(zone)
    purchased_at = datetime(bought_on.year, bought_on.month, bought_on.day, 12, tzinfo=city).timestamp()

    expires_at = expiry_at(purchased_at, days, zone)

    last_day = bought_on + timedelta(days=days)
    assert datetime.fromtimestamp(expires_at, city).date() == last_day
    assert datetime.fromtimestamp(expires_at + 1, city).date() == last_day + timedelta(days=1)


def test_two_purchases_a_second_apart_across_midnight_end_a_day_apart() -> None:
    city = ZoneInfo("America/New_York")
    before = datetime(2026, 6, 30, 23, 59, 59, tzinfo=city).timestamp()

    assert expiry_at(before + 1, 30, "America/New_York") - expiry_at(before, 30, "America/New_York") == 86_400
