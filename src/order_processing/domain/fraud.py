"""Fraud rules: what is looked at, how many points each finding has, a verdict and the reasons for it."""

from collections.abc import Callable
from enum import Enum
from typing import Annotated

import msgspec


class Verdict(Enum):
    """What becomes of an order after its scan."""

    CLEARED = "cleared"
    REVIEW = "review"
    FRAUD = "fraud"


class FraudAssessment(msgspec.Struct, frozen=True):
    """The result of a scan.

    Attributes:
        score: sum of the points of the rules that fired.
        reasons: one sentence per rule that fired.
        rules: the names of the rules that fired, in the same order.
    """

    verdict: Verdict
    score: int
    reasons: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


class FraudSignals(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules look at; the order itself counts in every number.

    Attributes:
        orders_of_user, cities_of_user: orders, and different cities, within the user's window.
        account_age_seconds: since the user's first order; None: not known, or not asked for at this amount.
        orders_of_card, users_of_card: orders, and different users, within the card's window; 0: not known, or shared.
        orders_from_source: orders from the same address within its window; 0: not known.
    """

    user_guid: str
    amount_minor: int
    orders_of_user: int = 1
    cities_of_user: int = 1
    account_age_seconds: float | None = None
    orders_of_card: int = 0
    users_of_card: int = 0
    orders_from_source: int = 0


TEST_CARDS = ("tok_", "pm_card_")
"""Beginnings of payment tokens that everybody uses who tries something out; they are nobody's card."""

_Points = Annotated[int, msgspec.Meta(ge=0, le=1_000)]
_Count = Annotated[int, msgspec.Meta(ge=1, le=500)]
_Seconds = Annotated[float, msgspec.Meta(gt=0, le=30 * 86_400)]
_Minor = Annotated[int, msgspec.Meta(ge=1)]


class FraudPoints(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Points of each rule; 0 switches it off.

    The velocity of a user and of an address, new accounts and changing cities suspect nobody by themselves, nor all
    together: one address may be a whole office, and one user a load test.
    """

    blocked_user: _Points = 100
    watched_user: _Points = 50
    large_amount: _Points = 50
    huge_amount: _Points = 50
    card_velocity: _Points = 50
    card_shared: _Points = 50
    user_velocity: _Points = 20
    source_velocity: _Points = 5
    new_account: _Points = 10
    city_mismatch: _Points = 10


class FraudPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds; a score from ``review_score`` on is reviewed, from ``fraud_score`` on rejected.

    Attributes:
        blocked_users, watched_users: beginnings of user ids, so that a test order can ask for a verdict.
        anonymous_cards: beginnings of payment tokens that stand for no card of one person.
        new_account_seconds, new_account_amount_minor: an amount from this on is suspicious for so long.
    """

    review_score: Annotated[int, msgspec.Meta(ge=1)] = 50
    fraud_score: Annotated[int, msgspec.Meta(ge=1)] = 100
    points: FraudPoints = FraudPoints()
    blocked_users: tuple[str, ...] = ("fraud-",)
    watched_users: tuple[str, ...] = ("review-",)
    anonymous_cards: tuple[str, ...] = TEST_CARDS
    large_amount_minor: _Minor = 200_000
    huge_amount_minor: _Minor = 1_000_000
    user_orders_max: _Count = 10
    user_cities_max: _Count = 2
    user_window_seconds: _Seconds = 3_600.0
    card_orders_max: _Count = 5
    card_users_max: _Count = 2
    card_window_seconds: _Seconds = 3_600.0
    source_orders_max: _Count = 30
    source_window_seconds: _Seconds = 600.0
    new_account_seconds: _Seconds = 86_400.0
    new_account_amount_minor: _Minor = 50_000

    def __post_init__(self) -> None:
        if self.fraud_score < self.review_score:
            raise ValueError(f"fraud_score {self.fraud_score} is below review_score {self.review_score}")
        if self.huge_amount_minor < self.large_amount_minor:
            raise ValueError(f"huge_amount_minor is below large_amount_minor {self.large_amount_minor}")

    def is_anonymous(self, payment_token: str) -> bool:
        """Whether *payment_token* says nothing about who pays."""
        return payment_token.startswith(self.anonymous_cards)


class FraudReview(msgspec.Struct, frozen=True, kw_only=True):
    """A human decision that is waited for.

    Attributes:
        task_token: continues the execution that waits; "" when nobody waits.
        deadline_at: without a decision by then the order is rejected.
        claimed_by: who is at it; others may decide again from ``claimed_until`` on.
        decision: the first one stands.
    """

    requested_at: float
    deadline_at: float
    task_token: str = ""
    claimed_by: str = ""
    claimed_until: float = 0.0
    decision: Verdict | None = None
    decided_by: str = ""
    decided_at: float | None = None
    note: str = ""


def _blocked_user(signals: FraudSignals, policy: FraudPolicy) -> str | None:
    return "the user is on the block list" if signals.user_guid.startswith(policy.blocked_users) else None


def _watched_user(signals: FraudSignals, policy: FraudPolicy) -> str | None:
    return "the user is watched" if signals.user_guid.startswith(policy.watched_users) else None


def _large_amount(signals: FraudSignals, policy: FraudPolicy) -> str | None:
    if signals.amount_minor < policy.large_amount_minor:
        return None
    return f"the amount is large: {signals.amount_minor} minor units, from {policy.large_amount_minor} on"


def _huge_amount(signals: FraudSignals, policy: FraudPolicy) -> str | None:
    if signals.amount_minor < policy.huge_amount_minor:
        return None
    return f"the amount is huge: {signals.amount_minor} minor units, from {policy.huge_amount_minor} on"


def _card_velocity(signals: FraudSignals, policy: FraudPolicy) -> str | None:
    if signals.orders_of_card <= policy.card_orders_max:
        return None
    return f"the card paid more than {policy.card_orders_max} orders within {_span(policy.card_window_seconds)}"


def _card_shared(signals: FraudSignals, policy: FraudPolicy) -> str | None:
    if signals.users_of_card <= policy.card_users_max:
        return None
    return f"more than {policy.card_users_max} users paid with the card within {_span(policy.card_window_seconds)}"


def _user_velocity(signals: FraudSignals, policy: FraudPolicy) -> str | None:
    if signals.orders_of_user <= policy.user_orders_max:
        return None
    return f"the user placed more than {policy.user_orders_max} orders within {_span(policy.user_window_seconds)}"


def _source_velocity(signals: FraudSignals, policy: FraudPolicy) -> str | None:
    if signals.orders_from_source <= policy.source_orders_max:
        return None
    return f"more than {policy.source_orders_max} orders came from one address in {_span(policy.source_window_seconds)}"


def _new_account(signals: FraudSignals, policy: FraudPolicy) -> str | None:
    age, least = signals.account_age_seconds, policy.new_account_amount_minor
    if age is None or age >= policy.new_account_seconds or signals.amount_minor < least:
        return None
    return f"the user is new, and the amount is {signals.amount_minor} minor units, from {least} on"


def _city_mismatch(signals: FraudSignals, policy: FraudPolicy) -> str | None:
    if signals.cities_of_user <= policy.user_cities_max:
        return None
    return f"the user bought in {signals.cities_of_user} cities within {_span(policy.user_window_seconds)}"


Rule = Callable[[FraudSignals, FraudPolicy], str | None]

RULES: tuple[tuple[str, Rule], ...] = (
    ("blocked_user", _blocked_user),
    ("watched_user", _watched_user),
    ("large_amount", _large_amount),
    ("huge_amount", _huge_amount),
    ("card_velocity", _card_velocity),
    ("card_shared", _card_shared),
    ("user_velocity", _user_velocity),
    ("source_velocity", _source_velocity),
    ("new_account", _new_account),
    ("city_mismatch", _city_mismatch),
)
"""Name, as in ``FraudPoints``, and the sentence that says why the rule fired, None when it did not."""


def assess(signals: FraudSignals, policy: FraudPolicy) -> FraudAssessment:
    """Adds up the rules that fire and compares the sum with the thresholds; the same signals give the same verdict."""
    found = [(name, getattr(policy.points, name), rule(signals, policy)) for name, rule in RULES]
    fired = [(name, points, reason) for name, points, reason in found if reason is not None and points > 0]
    score = sum(points for _, points, _ in fired)
    return FraudAssessment(
        _verdict(score, policy),
        score,
        reasons=tuple(reason for _, _, reason in fired),
        rules=tuple(name for name, _, _ in fired),
    )


def _verdict(score: int, policy: FraudPolicy) -> Verdict:
    if score >= policy.fraud_score:
        return Verdict.FRAUD
    return Verdict.REVIEW if score >= policy.review_score else Verdict.CLEARED


def _span(seconds: float) -> str:
    return f"{seconds / 3_600:g} h" if seconds >= 3_600 else f"{seconds / 60:g} min"
