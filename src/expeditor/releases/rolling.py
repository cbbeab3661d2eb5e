"""A rollout by steps: look, decide, move. Where it stands is read from the flags, so it survives whoever runs it."""

from dataclasses import dataclass, replace

from expeditor.releases.observing import Observations, arm_of
from expeditor.releases.traffic import RELEASE, Traffic
from expeditor.rollout import (
    EVERYONE,
    WHOLE,
    Author,
    Decision,
    Flags,
    Hold,
    Observed,
    Plan,
    Promote,
    ReleaseName,
    RollBack,
    Rollout,
    Target,
    decide,
)


@dataclass(frozen=True, slots=True)
class Round:
    """One look.

    Attributes:
        rollout: as it stood before the decision.
        done: nothing is left to do: the release is everyone's, or was rolled back.
    """

    rollout: Rollout
    observed: Observed
    decision: Decision
    done: bool


def standing(flags: Flags, plan: Plan) -> Rollout:
    """Where a rollout stands: the release's share of everyone, since the latest move."""
    flag = flags.flag(RELEASE)
    is_random = all(rule.segment == EVERYONE and rule.name == EVERYONE for rule in flag.rules)
    return Rollout(plan, flag.everyone.weights.get(plan.release, 0), flags.change.at, is_random)


def roll(traffic: Traffic, observations: Observations, plan: Plan, author: Author) -> Round:
    """Looks once and does what ``decide`` says; to be called again and again, by whomever.

    Args:
        author: its instant is the one of the decision.
    """
    rollout = standing(traffic.flags, plan)
    orders = observations.orders(rollout.since) if rollout.share else []
    arms = (arm_of(orders, release, author.at) for release in (plan.release, plan.control))
    observed = Observed(*arms)
    decision = decide(rollout, observed, author.at)
    name = ReleaseName.parse(plan.release)
    if isinstance(decision, RollBack):
        traffic.withdraw(name, replace(author, reason=decision.reason))
    elif isinstance(decision, Promote) and decision.share == WHOLE:
        traffic.promote(name, replace(author, reason=decision.reason))
    elif isinstance(decision, Promote):
        traffic.shift(name, decision.share, Target(), replace(author, reason=decision.reason))
    whole = isinstance(decision, Promote) and decision.share >= plan.steps[-1] and plan.steps[-1] == WHOLE
    last = isinstance(decision, Hold) and rollout.share >= plan.steps[-1]
    return Round(rollout, observed, decision, isinstance(decision, RollBack) or whole or last)
