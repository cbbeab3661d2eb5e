"""Judging a release by what becomes of its orders, beside the control release over the same period."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from expeditor.rollout.flags import WHOLE

SIGNIFICANT_Z = 2.33
"""One-sided, 1 %: so rarely a release that is as good as the control is rolled back for a difference of that size."""
MISMATCH_P = 0.001
"""Below it the shares differ from the weights for another reason than chance. Source: GrowthBook's default."""
P95 = 0.95


class Measure(Enum):
    """What is compared."""

    VOUCHER_ISSUED = "voucher-issued rate"
    FAILURE = "failure rate"
    AUTHORIZATION = "authorisation rate"
    FRAUD = "fraud rate"
    ORDER_TO_VOUCHER_P95 = "order-to-voucher p95"


@dataclass(frozen=True, slots=True)
class Arm:
    """The orders of one release in the period that is judged.

    Attributes:
        assigned: all of them, also those still under way.
        settled: those at rest, or so old that they should be.
        issued: settled with their vouchers issued, or goods sent.
        failed: settled by failing, by quarantine, by a hand-over to legacy, or not in time.
        attempted, authorized: whose payment was asked for, and granted.
        fraud: rejected.
        seconds: from order to voucher, per settled order that got there or is still waiting.
    """

    assigned: int = 0
    settled: int = 0
    issued: int = 0
    failed: int = 0
    attempted: int = 0
    authorized: int = 0
    fraud: int = 0
    seconds: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Guardrail:
    """How much worse than the control a measure may be.

    Attributes:
        worse_by_max: of a rate, the difference, such as 0.05; of a time, the factor above 1, such as 0.5.
    """

    measure: Measure
    worse_by_max: float


GUARDRAILS = (
    Guardrail(Measure.VOUCHER_ISSUED, 0.05),
    Guardrail(Measure.FAILURE, 0.02),
    Guardrail(Measure.AUTHORIZATION, 0.05),
    Guardrail(Measure.FRAUD, 0.05),
    Guardrail(Measure.ORDER_TO_VOUCHER_P95, 1.0),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a release gets to everyone.

    Attributes:
        steps: shares in hundredths of a percent, growing.
        bake_seconds: how long each step is looked at before the next.
        sample_min: settled orders that each arm must have before anything is decided.
        slower_seconds_min: a difference of p95 below it is never a breach, whatever the factor.
    """

    release: str
    control: str
    steps: tuple[int, ...]
    bake_seconds: float
    sample_min: int = 30
    slower_seconds_min: float = 0.5
    guardrails: tuple[Guardrail, ...] = GUARDRAILS


@dataclass(frozen=True, slots=True)
class Rollout:
    """Where a rollout stands.

    Attributes:
        share: of the release now, in hundredths of a percent.
        since: instant of the latest move.
        is_random: whether everyone is drawn by the same weights, so that shares can be held against them.
    """

    plan: Plan
    share: int
    since: float
    is_random: bool = True


@dataclass(frozen=True, slots=True)
class Observed:
    """What became of the orders placed since the latest move."""

    treatment: Arm = field(default_factory=Arm)
    control: Arm = field(default_factory=Arm)


@dataclass(frozen=True, slots=True)
class Promote:
    """Go to *share*; at 10,000 the release is everyone's."""

    share: int
    reason: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hold:
    """Stay."""

    reason: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RollBack:
    """Take the release's share away."""

    reason: str
    warnings: tuple[str, ...] = ()


Decision = Promote | Hold | RollBack


def decide(rollout: Rollout, observed: Observed, now: float) -> Decision:
    """What to do next.

    A breach counts as soon as both arms have the minimum sample, bake time or not. Going on needs the bake time, the
    sample and no breach: no data is never good news.
    """
    plan = rollout.plan
    warnings = mismatch_warnings(rollout, observed)
    too_few = _too_few(plan, observed)
    if too_few is None:
        breaches = [text for rail in plan.guardrails if (text := _breach(rail, plan, observed)) is not None]
        if breaches:
            return RollBack("; ".join(breaches), warnings)
    target = next((step for step in plan.steps if step > rollout.share), None)
    if target is None:
        return Hold(f"{plan.release} has its last step of {_percent(rollout.share)} already", warnings)
    if rollout.share == 0:
        return Promote(target, "the first step", warnings)
    baked = now - rollout.since
    if baked < plan.bake_seconds:
        return Hold(f"{plan.bake_seconds - baked:.0f} s of the bake time are left", warnings)
    if too_few is not None:
        return Hold(too_few, warnings)
    return Promote(target, f"no guardrail breached by {observed.treatment.settled} orders", warnings)


def mismatch_warnings(rollout: Rollout, observed: Observed) -> tuple[str, ...]:
    """A sentence if the numbers of orders differ from the weights by more than chance allows: sample-ratio mismatch."""
    total = observed.treatment.assigned + observed.control.assigned
    share = rollout.share / WHOLE
    if not rollout.is_random or total == 0 or not 0 < share < 1:
        return ()
    probability = mismatch_probability(observed.treatment.assigned, total, share)
    if probability >= MISMATCH_P:
        return ()
    sentence = (
        f"sample-ratio mismatch: {observed.treatment.assigned} of {total} orders got {rollout.plan.release} at a "
        f"weight of {_percent(rollout.share)} (p = {probability:.1g}); assignments may be lost or biased"
    )
    return (sentence,)


def mismatch_probability(count: int, total: int, share: float) -> float:
    """Probability of a deviation at least as large as *count* of *total* at *share*: chi-square, one degree."""
    assert total > 0
    assert 0 < share < 1
    expected = total * share
    chi_square = (count - expected) ** 2 / expected + (count - expected) ** 2 / (total - expected)
    return math.erfc(math.sqrt(chi_square / 2))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that *share* of *values* do not exceed; of none, 0."""
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def rate_of(measure: Measure, arm: Arm) -> float | None:
    """A rate between 0 and 1, or seconds; None without a single order to tell it from."""
    if measure is Measure.ORDER_TO_VOUCHER_P95:
        return percentile(arm.seconds, P95) if arm.seconds else None
    count, of = _COUNTS[measure](arm)
    return count / of if of else None


def _too_few(plan: Plan, observed: Observed) -> str | None:
    for name, arm in ((plan.release, observed.treatment), (plan.control, observed.control)):
        if arm.settled < plan.sample_min:
            return f"{name} has {arm.settled} settled orders, {plan.sample_min} are needed to judge"
    return None


def _breach(rail: Guardrail, plan: Plan, observed: Observed) -> str | None:
    treatment, control = rate_of(rail.measure, observed.treatment), rate_of(rail.measure, observed.control)
    if treatment is None or control is None:
        return None
    if rail.measure is Measure.ORDER_TO_VOUCHER_P95:
        limit = control * (1 + rail.worse_by_max)
        if treatment <= limit or treatment - control < plan.slower_seconds_min:
            return None
        return f"{rail.measure.value} is {treatment:.2f} s, {control:.2f} s in the control (at most {limit:.2f} s)"
    worse = (control - treatment) if rail.measure in _HIGHER_IS_BETTER else (treatment - control)
    if worse <= rail.worse_by_max or _z(rail.measure, observed) < SIGNIFICANT_Z:
        return None
    return (
        f"{rail.measure.value} is {treatment:.1%}, {control:.1%} in the control (at most {rail.worse_by_max:.1%} worse)"
    )


def _z(measure: Measure, observed: Observed) -> float:
    """Distance of two rates in standard errors of their difference, pooled."""
    (hits, of), (hits_control, of_control) = (_COUNTS[measure](arm) for arm in (observed.treatment, observed.control))
    pooled = (hits + hits_control) / (of + of_control)
    error = math.sqrt(pooled * (1 - pooled) * (1 / of + 1 / of_control))
    return math.inf if error == 0 else abs(hits / of - hits_control / of_control) / error


def _percent(share: int) -> str:
    return f"{share / 100:g} %"


_HIGHER_IS_BETTER = frozenset({Measure.VOUCHER_ISSUED, Measure.AUTHORIZATION})

_COUNTS: Mapping[Measure, Callable[[Arm], tuple[int, int]]] = {
    Measure.VOUCHER_ISSUED: lambda arm: (arm.issued, arm.settled),
    Measure.FAILURE: lambda arm: (arm.failed, arm.settled),
    Measure.AUTHORIZATION: lambda arm: (arm.authorized, arm.attempted),
    Measure.FRAUD: lambda arm: (arm.fraud, arm.settled),
}
"""Hits, and of how many."""
