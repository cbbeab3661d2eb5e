"""Scores, verdicts, reasons: each finding says why, and the same findings always come to the same verdict."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_processing.domain import FraudPoints, FraudPolicy, FraudSignals, Verdict, assess
from order_processing.domain.fraud import RULES
from order_processing.stores.catalogue import catalogue

POLICY = FraudPolicy()


def signals(**given: object) -> FraudSignals:
    values: dict[str, object] = {"user_guid": "u-1", "amount_minor": 1_000, **given}
    return FraudSignals(**values)  # type: ignore[arg-type]


def verdict_of(**given: object) -> Verdict:
    return assess(signals(**given), POLICY).verdict


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ({}, Verdict.CLEARED),
        ({"user_guid": "fraud-7"}, Verdict.FRAUD),
        ({"user_guid": "review-7"}, Verdict.REVIEW),
        ({"amount_minor": 199_999}, Verdict.CLEARED),
        ({"amount_minor": 200_000}, Verdict.REVIEW),
        ({"amount_minor": 1_000_000}, Verdict.FRAUD),
        ({"user_guid": "review-7", "amount_minor": 200_000}, Verdict.FRAUD),
        ({"orders_of_card": 6}, Verdict.REVIEW),
        ({"users_of_card": 3}, Verdict.REVIEW),
        ({"orders_of_card": 6, "users_of_card": 3}, Verdict.FRAUD),
        ({"orders_of_user": 500, "orders_from_source": 500, "cities_of_user": 13}, Verdict.CLEARED),
        ({"orders_of_user": 11, "amount_minor": 200_000, "users_of_card": 3}, Verdict.FRAUD),
    ],
)
def test_the_sum_of_the_rules_decides(given: dict[str, object], verdict: Verdict) -> None:
    assert verdict_of(**given) is verdict


@pytest.mark.parametrize(
    ("given", "rule", "reason"),
    [
        ({"user_guid": "fraud-7"}, "blocked_user", "the user is on the block list"),
        ({"user_guid": "review-7"}, "watched_user", "the user is watched"),
        ({"amount_minor": 200_000}, "large_amount", "the amount is large: 200000 minor units, from 200000 on"),
        ({"amount_minor": 1_000_000}, "huge_amount", "the amount is huge: 1000000 minor units, from 1000000 on"),
        ({"orders_of_card": 6}, "card_velocity", "the card paid more than 5 orders within 1 h"),
        ({"users_of_card": 3}, "card_shared", "more than 2 users paid with the card within 1 h"),
        ({"orders_of_user": 11}, "user_velocity", "the user placed more than 10 orders within 1 h"),
        ({"orders_from_source": 31}, "source_velocity", "more than 30 orders came from one address in 10 min"),
        (
            {"account_age_seconds": 0.0, "amount_minor": 50_000},
            "new_account",
            "the user is new, and the amount is 50000 minor units, from 50000 on",
        ),
        ({"cities_of_user": 3}, "city_mismatch", "the user bought in 3 cities within 1 h"),
    ],
)
def test_each_rule_says_why_it_fired(given: dict[str, object], rule: str, reason: str) -> None:
    found = assess(signals(**given), POLICY)

    fired = dict(zip(found.rules, found.reasons, strict=True))
    assert fired[rule] == reason
    assert found.score == sum(getattr(POLICY.points, name) for name in found.rules)


@pytest.mark.parametrize(
    "given",
    [
        {"amount_minor": 199_999},
        {"orders_of_card": 5, "users_of_card": 2},
        {"orders_of_user": 10, "orders_from_source": 30, "cities_of_user": 2},
        {"account_age_seconds": 86_400.0, "amount_minor": 50_000},
        {"account_age_seconds": None, "amount_minor": 50_000},
        {"account_age_seconds": 0.0, "amount_minor": 49_999},
    ],
)
def test_at_the_threshold_no_rule_has_fired(given: dict[str, object]) -> None:
    assert assess(signals(**given), POLICY).rules == ()


def test_a_rule_without_points_is_silent() -> None:
    quiet = FraudPolicy(points=FraudPoints(large_amount=0))

    assert assess(signals(amount_minor=300_000), quiet).reasons == ()


def test_every_rule_has_points_and_every_points_a_rule() -> None:
    assert [name for name, _ in RULES] == list(FraudPoints.__struct_fields__)


def test_what_one_address_or_a_busy_user_does_is_never_reviewed_by_itself() -> None:
    points = POLICY.points
    busy = points.user_velocity + points.source_velocity + points.new_account + points.city_mismatch

    assert busy < POLICY.review_score


ANY = st.builds(
    FraudSignals,
    user_guid=st.sampled_from(["u-1", "review-1", "fraud-1", ""]),
    amount_minor=st.integers(0, 3_000_000),
    orders_of_user=st.integers(0, 600),
    cities_of_user=st.integers(0, 13),
    account_age_seconds=st.none() | st.floats(0, 1e8),
    orders_of_card=st.integers(0, 600),
    users_of_card=st.integers(0, 600),
    orders_from_source=st.integers(0, 600),
)


@given(ANY)
def test_a_verdict_is_explained_and_repeatable(found: FraudSignals) -> None:
    first = assess(found, POLICY)

    assert first == assess(found, POLICY)
    assert len(first.reasons) == len(first.rules)
    assert (first.score == 0) == (not first.reasons)
    assert (first.verdict is Verdict.CLEARED) == (first.score < POLICY.review_score)


@given(ANY, st.integers(0, 50))
def test_more_of_anything_never_makes_an_order_less_suspicious(found: FraudSignals, more: int) -> None:
    for name in ("amount_minor", "orders_of_user", "cities_of_user", "orders_of_card", "users_of_card"):
        worse = msgspec.structs.replace(found, **{name: getattr(found, name) + more})
        assert assess(worse, POLICY).score >= assess(found, POLICY).score


@pytest.mark.parametrize(
    "text",
    [
        b'{"reveiw_score": 10}',
        b'{"review_score": 0}',
        b'{"review_score": 200}',
        b'{"points": {"blocked_user": -1}}',
        b'{"points": {"no_such_rule": 1}}',
        b'{"user_orders_max": 0}',
        b'{"card_window_seconds": 0}',
        b'{"huge_amount_minor": 1}',
        b"[]",
    ],
)
def test_thresholds_that_make_no_sense_are_refused(text: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=FraudPolicy)


def test_thresholds_that_are_not_named_are_as_usual() -> None:
    policy = msgspec.json.decode(b'{"points": {"card_shared": 100}}', type=FraudPolicy)

    assert (policy.points.card_shared, policy.points.card_velocity, policy.review_score) == (100, 50, 50)


def test_nothing_in_the_catalogue_is_reviewed_for_its_price() -> None:
    dearest = max(offer.price.amount_minor * offer.max_per_order for offer in catalogue())
    assert verdict_of(amount_minor=dearest, account_age_seconds=0.0, orders_of_user=99) is Verdict.CLEARED
