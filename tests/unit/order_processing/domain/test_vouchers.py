"""Voucher codes and when they expire."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_processing.domain import (
    CITIES,
    VoucherState,
    code_hash,
    expiry_at,
    grouped,
    normalized,
    prepared,
    voucher_code,
)

from ....order_samples import VOUCHER_SECRET


def test_a_code_is_sixteen_characters_without_look_alikes() -> None:
    code = voucher_code(VOUCHER_SECRET, "o-1", 1)

    assert len(code) == 16
    assert set(code) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")


def test_codes_differ_by_order_number_and_secret() -> None:
    codes = {voucher_code(VOUCHER_SECRET, f"o-{order}", number) for order in range(500) for number in range(1, 5)}
    codes.add(voucher_code(b"t" * 32, "o-1", 1))

    assert len(codes) == 2_001


def test_a_code_is_the_same_whenever_it_is_derived() -> None:
    assert voucher_code(VOUCHER_SECRET, "o-1", 1) == voucher_code(VOUCHER_SECRET, "o-1", 1)


def test_codes_and_their_hashes_stay_what_they_were_in_earlier_releases() -> None:
    """A customer's code is derived again from the secret, and found by its hash in what an earlier release wrote."""
    secret, other = b"s" * 32, b"key " * 20

    code = voucher_code(secret, "o-1", 1)

    assert code == "HYJ9VTDK3PD6KBJ6"
    assert code_hash(secret, code) == "be05c747360c5c835f46624c5e7990db056a70ea066b3946db33cb75faee3926"
    assert voucher_code(other, "o-2", 7) == "WS3NNW9EG2K1VX41"


@pytest.mark.parametrize("typed", ["{}", " {} ", "{}".lower(), "{0}"])
def test_a_code_is_found_however_it_is_typed(typed: str) -> None:
    code = voucher_code(VOUCHER_SECRET, "o-1", 1)
    expected = code_hash(VOUCHER_SECRET, code)

    assert code_hash(VOUCHER_SECRET, typed.format(code)) == expected
    assert code_hash(VOUCHER_SECRET, grouped(code).lower()) == expected
    assert code_hash(VOUCHER_SECRET, code.replace("0", "O").replace("1", "L")) == expected


@given(st.integers(0, 10**6), st.lists(st.sampled_from(["lower", "spaces", "dashes", "O", "I", "L"])))
def test_however_a_code_is_mangled_it_stays_the_same_code(order: int, manglings: list[str]) -> None:
    code = voucher_code(VOUCHER_SECRET, f"o-{order}", 1)
    typed = code
    for mangling in manglings:
        typed = {
            "lower": typed.lower(),
            "spaces": " ".join(typed),
            "dashes": f"-{typed}-",
            "O": typed.replace("0", "O"),
            "I": typed.replace("1", "I"),
            "L": typed.replace("1", "l"),
        }[mangling]

    assert normalized(typed) == code
    assert code_hash(VOUCHER_SECRET, typed) == code_hash(VOUCHER_SECRET, code)


@given(st.text(max_size=80))
def test_a_text_that_is_no_code_matches_none(text: str) -> None:
    code = voucher_code(VOUCHER_SECRET, "o-1", 1)

    assert (code_hash(VOUCHER_SECRET, text) == code_hash(VOUCHER_SECRET, code)) == (normalized(text) == code)


def test_grouping_is_for_people() -> None:
    assert grouped("ABCDEFGHJKMNPQRS") == "ABCD-EFGH-JKMN-PQRS"
    assert normalized("abcd-EFGH jkmn-pqrs") == "ABCDEFGHJKMNPQRS"


def test_a_prepared_voucher_does_not_contain_its_code() -> None:
    voucher = prepared(VOUCHER_SECRET, "o-1", 1, expires_at=5.0, time_zone="America/Chicago")

    code = voucher_code(VOUCHER_SECRET, "o-1", 1)
    assert code not in repr(voucher)
    assert voucher.code_last4 == code[-4:]
    assert voucher.state is VoucherState.PREPARED


@given(st.sampled_from(sorted(set(CITIES.values()))), st.integers(1_500_000_000, 2_500_000_000), st.integers(0, 400))
def test_a_voucher_ends_with_a_day_as_its_city_counts_days(zone: str, purchased_at: int, days: int) -> None:
    city = ZoneInfo(zone)
    last = datetime.fromtimestamp(expiry_at(purchased_at, days, zone), city)

    assert (last.hour, last.minute, last.second) == (23, 59, 59)
    assert (last.date() - datetime.fromtimestamp(purchased_at, city).date()).days == days


def test_a_day_of_clock_change_is_as_long_as_it_is() -> None:
    """2026-11-01 has 25 hours in Chicago."""
    purchased_at = datetime(2026, 11, 1, 0, 30, tzinfo=ZoneInfo("America/Chicago")).timestamp()

    assert expiry_at(purchased_at, 0, "America/Chicago") - purchased_at == 24.5 * 3600 - 1


def test_there_are_thirteen_cities_whose_time_zones_exist() -> None:
    assert len(CITIES) == 13
    assert all(ZoneInfo(zone) for zone in CITIES.values())
