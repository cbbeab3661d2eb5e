"""Money never gains or loses a cent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_processing.domain import Money, MoneyError, allocate, money

amounts = st.integers(-(10**12), 10**12).map(Money)
weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(any)


@given(amounts, weights)
def test_shares_sum_to_the_whole(total: Money, parts: list[int]) -> None:
    assert sum(share.amount_minor for share in allocate(total, parts)) == total.amount_minor


@given(amounts, weights)
def test_a_share_is_within_one_minor_unit_of_its_part(total: Money, parts: list[int]) -> None:
    for share, part in zip(allocate(total, parts), parts, strict=True):
        assert abs(share.amount_minor * sum(parts) - total.amount_minor * part) < sum(parts)


@given(amounts, weights)
def test_whoever_has_no_part_gets_nothing(total: Money, parts: list[int]) -> None:
    shares = allocate(total, parts)
    assert all(share.amount_minor == 0 for share, part in zip(shares, parts, strict=True) if part == 0)


@given(amounts, st.integers(1, 20))
def test_equal_parts_differ_by_at_most_one_minor_unit(total: Money, count: int) -> None:
    shares = [share.amount_minor for share in allocate(total, [1] * count)]
    assert max(shares) - min(shares) <= 1


@given(amounts, amounts, st.integers(-1000, 1000))
def test_sums_and_products_are_exact(one: Money, other: Money, factor: int) -> None:
    assert (one + other) - other == one
    assert (one + other) * factor == one * factor + other * factor


def test_currencies_do_not_mix() -> None:
    with pytest.raises(MoneyError):
        Money(1, "USD") + Money(1, "EUR")


def test_an_unknown_currency_is_refused() -> None:
    with pytest.raises(MoneyError):
        money(1, "XYZ")


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Money(1_029), "USD 10.29"),
        (Money(-5), "USD -0.05"),
        (Money(0), "USD 0.00"),
        (Money(1_200, "JPY"), "JPY 1200"),
        (Money(1_234, "KWD"), "KWD 1.234"),
    ],
)
def test_money_is_written_with_its_currency_s_decimals(amount: Money, text: str) -> None:
    assert str(amount) == text
