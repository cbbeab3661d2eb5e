"""Amounts, instants and stock in words."""

import pytest

from order_processing.domain import Money
from order_processing.service import wording
from order_processing.service.views import offer_view
from tests.order_samples import an_offer, an_order

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (Money(0), "$0.00"),
        (Money(5), "$0.05"),
        (Money(123_456_789), "$1,234,567.89"),
        (Money(-250), "-$2.50"),
        (Money(1_000, "JPY"), "¥1,000"),
        (Money(1_234, "KWD"), "KWD 1.234"),
    ],
)
def test_amounts(amount: Money, words: str) -> None:
    assert wording.amount(amount) == words


@pytest.mark.parametrize(
    ("left", "words", "tone"),
    [(0, "Sold out", "none"), (1, "Only 1 left", "few"), (11, "11 left", "many"), (2500, "2,500 left", "many")],
)
def test_stock(left: int, words: str, tone: str) -> None:
    offer = offer_view(an_offer(stock_left=left))

    assert (wording.stock(offer), wording.stock_tone(offer)) == (words, tone)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ends_at": NOW + 30}, "Ends in less than a minute"),
        ({"ends_at": NOW + 60}, "Ends in 1 minute"),
        ({"ends_at": NOW + 7_300}, "Ends in 2 hours"),
        ({"ends_at": NOW + 200_000}, "Ends in 2 days"),
        ({"ends_at": NOW}, "Sale is over"),
        ({"starts_at": NOW + 3_600}, "Starts in 1 hour"),
        ({}, "No end date"),
    ],
)
def test_the_end_of_a_sale(changes: dict[str, float], words: str) -> None:
    assert wording.ends_in(lambda: NOW)(offer_view(an_offer(**changes))) == words


@pytest.mark.parametrize(
    ("milliseconds", "words"), [(0, "0 ms"), (999, "999 ms"), (2_449, "2.4 s"), (185_000, "3 min 5 s")]
)
def test_durations(milliseconds: int, words: str) -> None:
    assert wording.duration(milliseconds) == words


def test_instants_are_told_in_the_time_of_the_city() -> None:
    assert wording.ordered_at(an_order()) == "14 November 2023, 16:13:20 CST"
