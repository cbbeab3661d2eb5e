"""Rollouts by steps against a real endpoint; only the orders are made up."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from expeditor.releases import SeenOrder, roll
from expeditor.rollout import WHOLE, Author, Hold, Plan, Promote, RollBack

from .conftest import Workshop


@dataclass
class MadeUp:
    """Forty orders of each release since any instant."""

    plan: Plan
    changes: dict[str, object] = field(default_factory=dict)

    def orders(self, since: float) -> Sequence[SeenOrder]:
        good = SeenOrder(self.plan.control, "completed", "instant", since, since + 0.3, "cleared", True)
        bad = replace(good, release=self.plan.release, **self.changes)  # type: ignore[arg-type]
        return [good] * 40 + [bad] * 40


def plan_of(workshop: Workshop) -> Plan:
    workshop.release("1.1.0")
    return Plan(str(workshop.name("1.1.0")), str(workshop.name("1.0.0")), (500, 2_500, WHOLE), bake_seconds=60)


def test_a_good_release_gets_to_everyone_and_the_history_says_how(sold: Workshop) -> None:
    plan, traffic = plan_of(sold), sold.traffic()
    decisions = [roll(traffic, MadeUp(plan), plan, Author("job", at)) for at in (100, 110, 160, 220)]

    assert [type(each.decision) for each in decisions] == [Promote, Hold, Promote, Promote]
    assert [each.done for each in decisions] == [False, False, False, True]
    flag = traffic.flags.flag("release")
    assert (flag.stable, dict(flag.everyone.weights)) == (plan.release, {plan.release: WHOLE})


def test_a_bad_release_loses_its_share_at_once_and_the_reason_is_kept(sold: Workshop) -> None:
    plan, traffic = plan_of(sold), sold.traffic()
    roll(traffic, MadeUp(plan), plan, Author("job", 100))

    looked = roll(traffic, MadeUp(plan, {"status": "failed"}), plan, Author("job", 105))

    assert isinstance(looked.decision, RollBack)
    assert looked.done
    assert dict(traffic.flags.flag("release").everyone.weights) == {plan.control: WHOLE}
    assert "failure rate is 100.0%" in traffic.flags.change.reason


def test_whoever_looks_next_goes_on_where_the_flags_stand(sold: Workshop) -> None:
    plan = plan_of(sold)
    roll(sold.traffic(), MadeUp(plan), plan, Author("one", 100))

    looked = roll(sold.traffic(), MadeUp(plan), plan, Author("another", 170))

    assert looked.rollout.share == 500
    assert looked.decision == Promote(2_500, "no guardrail breached by 40 orders", looked.decision.warnings)


def test_shares_that_do_not_fit_the_weights_are_warned_of(sold: Workshop) -> None:
    plan, traffic = plan_of(sold), sold.traffic()
    roll(traffic, MadeUp(plan), plan, Author("job", 100))

    looked = roll(traffic, MadeUp(plan), plan, Author("job", 105))

    assert looked.decision.warnings[0].startswith("sample-ratio mismatch: 40 of 80 orders")


def test_a_last_step_below_everyone_is_held_and_done(sold: Workshop) -> None:
    plan = replace(plan_of(sold), steps=(500,))
    traffic = sold.traffic()
    roll(traffic, MadeUp(plan), plan, Author("job", 100))

    looked = roll(traffic, MadeUp(plan), plan, Author("job", 500))

    assert isinstance(looked.decision, Hold)
    assert looked.done
