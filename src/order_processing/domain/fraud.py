"""Fraud rules: a score, a verdict and the reasons for it."""

from collections.abc import Callable
from enum import Enum

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
    """

    verdict: Verdict
    score: int
    reasons: tuple[str, ...] = ()


class FraudSignals(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules look at."""

    user_guid: str
    amount_minor: int


class FraudPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Thresholds; a score from ``review_score`` on is reviewed, from ``fraud_score`` on rejected."""

    review_score: int = 50
    fraud_score: int = 100
    large_amount_minor: int = 200_000
    huge_amount_minor: int = 1_000_000


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


Rule = tuple[int, str, Callable[[FraudSignals, FraudPolicy], bool]]

RULES: tuple[Rule, ...] = (
    (100, "the user is on the block list", lambda s, _: s.user_guid.startswith("fraud-")),
    (50, "the user is watched", lambda s, _: s.user_guid.startswith("review-")),
    (50, "the amount is large", lambda s, p: s.amount_minor >= p.large_amount_minor),
    (50, "the amount is huge", lambda s, p: s.amount_minor >= p.huge_amount_minor),
)
"""Points, reason, condition. The guid prefixes stand for the shop's lists, so a test order can ask for a verdict."""


def assess(signals: FraudSignals, policy: FraudPolicy) -> FraudAssessment:
    """Adds up the rules that fire and compares the sum with the thresholds."""
    fired = [(points, reason) for points, reason, applies in RULES if applies(signals, policy)]
    score = sum(points for points, _ in fired)
    return FraudAssessment(_verdict(score, policy), score, tuple(reason for _, reason in fired))


def _verdict(score: int, policy: FraudPolicy) -> Verdict:
    if score >= policy.fraud_score:
        return Verdict.FRAUD
    return Verdict.REVIEW if score >= policy.review_score else Verdict.CLEARED
