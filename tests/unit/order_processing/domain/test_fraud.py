"""Scores, verdicts, reasons."""

import pytest

from order_processing.domain import FraudPolicy, FraudSignals, Verdict, assess
from order_processing.stores.catalogue import catalogue


def verdict_of(**signals: object) -> Verdict:
    values: dict[str, object] = {"user_guid": "u-1", "amount_minor": 1_000, **signals}
    return assess(FraudSignals(**values), FraudPolicy()).verdict  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("signals", "verdict"),
    [
        ({}, Verdict.CLEARED),
        ({"user_guid": "fraud-7"}, Verdict.FRAUD),
        ({"user_guid": "review-7"}, Verdict.REVIEW),
        ({"amount_minor": 199_999}, Verdict.CLEARED),
        ({"amount_minor": 200_000}, Verdict.REVIEW),
        ({"amount_minor": 1_000_000}, Verdict.FRAUD),
        ({"user_guid": "review-7", "amount_minor": 200_000}, Verdict.FRAUD),
    ],
)
def test_the_sum_of_the_rules_decides(signals: dict[str, object], verdict: Verdict) -> None:
    assert verdict_of(**signals) is verdict


def test_a_verdict_says_why() -> None:
    assessment = assess(FraudSignals(user_guid="fraud-7", amount_minor=1), FraudPolicy())

    assert (assessment.score, assessment.reasons) == (100, ("the user is on the block list",))


def test_nothing_in_the_catalogue_is_reviewed_for_its_price() -> None:
    dearest = max(offer.price.amount_minor * offer.max_per_order for offer in catalogue())
    assert verdict_of(amount_minor=dearest) is Verdict.CLEARED
