"""A release beside its control in business terms: rates with their samples, and a verdict each. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from expeditor.rollout import Arm, Measure, Observed, Plan, RollBack, Rollout, decide, rate_of


class Verdict(Enum):
    """What a measure says about the release."""

    GOOD = "✓ no worse"
    WORSE = "✕ worse"
    FEW = "… too few orders"
    NONE = "no data"


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure of one release, in words, and how many orders it is of."""

    value: str
    sample: int


@dataclass(frozen=True, slots=True)
class Line:
    """One measure of both.

    Attributes:
        allowed: how much worse it may be, in words.
        reason: why it is worse; "" when it is not.
    """

    measure: str
    release: Figure
    control: Figure
    allowed: str
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class Health:
    """All measures, and warnings about the sample itself."""

    lines: tuple[Line, ...]
    warnings: tuple[str, ...]

    @property
    def worse(self) -> tuple[str, ...]:
        """Why the release is worse, a sentence per measure."""
        return tuple(line.reason for line in self.lines if line.verdict is Verdict.WORSE)


def health(rollout: Rollout, observed: Observed, now: float) -> Health:
    """Judges as ``release rollout`` does, a guardrail at a time; nothing is decided by it."""
    decision = decide(rollout, observed, now)
    lines = []
    for rail in rollout.plan.guardrails:
        alone = replace(rollout, plan=replace(rollout.plan, guardrails=(rail,)))
        judged = decide(alone, observed, now)
        reason = judged.reason if isinstance(judged, RollBack) else ""
        arms = (observed.treatment, observed.control)
        release, control = (_figure(rail.measure, arm) for arm in arms)
        verdict = Verdict.WORSE if reason else _verdict(rail.measure, rollout.plan, observed)
        lines.append(
            Line(rail.measure.value, release, control, _allowed(rail.measure, rail.worse_by_max), verdict, reason)
        )
    return Health(tuple(lines), decision.warnings)


def _verdict(measure: Measure, plan: Plan, observed: Observed) -> Verdict:
    arms = (observed.treatment, observed.control)
    if any(rate_of(measure, arm) is None for arm in arms):
        return Verdict.NONE
    return Verdict.GOOD if all(arm.settled >= plan.sample_min for arm in arms) else Verdict.FEW


def _figure(measure: Measure, arm: Arm) -> Figure:
    rate, sample = rate_of(measure, arm), _SAMPLES[measure](arm)
    if rate is None:
        return Figure("no data", 0)
    return Figure(f"{rate:.2f} s" if measure is Measure.ORDER_TO_VOUCHER_P95 else f"{rate:.1%}", sample)


def _allowed(measure: Measure, worse_by_max: float) -> str:
    if measure is Measure.ORDER_TO_VOUCHER_P95:
        return f"{1 + worse_by_max:g} times as long"
    return f"{worse_by_max:.0%} of orders"


_SAMPLES: Mapping[Measure, Callable[[Arm], int]] = {
    Measure.VOUCHER_ISSUED: lambda arm: arm.settled,
    Measure.FAILURE: lambda arm: arm.settled,
    Measure.AUTHORIZATION: lambda arm: arm.attempted,
    Measure.FRAUD: lambda arm: arm.settled,
    Measure.ORDER_TO_VOUCHER_P95: lambda arm: len(arm.seconds),
}
"""Of how many orders each measure is."""
