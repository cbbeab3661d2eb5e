"""What a rollout decides: breach, sample, bake time, in every combination that matters."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expeditor.rollout import (
    GUARDRAILS,
    WHOLE,
    Arm,
    Hold,
    Measure,
    Observed,
    Plan,
    Promote,
    RollBack,
    Rollout,
    decide,
    mismatch_probability,
    percentile,
    rate_of,
)

PLAN = Plan("shop-v1.1.0", "shop-v1.0.0", (500, 2_500, WHOLE), bake_seconds=60, sample_min=30)
GOOD = Arm(assigned=100, settled=100, issued=98, failed=0, attempted=98, authorized=98, fraud=2, seconds=(0.2,) * 98)
SINCE = 1_000.0


def at(share: int, **more: bool) -> Rollout:
    return Rollout(PLAN, share, SINCE, **{"is_random": False, **more})


def seen(treatment: Arm = GOOD, control: Arm = GOOD) -> Observed:
    return Observed(treatment, control)


def test_the_first_step_needs_nothing() -> None:
    assert decide(at(0), Observed(), SINCE) == Promote(500, "the first step")


@pytest.mark.parametrize(("share", "following"), [(500, 2_500), (2_500, WHOLE), (700, 2_500)])
def test_a_good_step_leads_to_the_next_one(share: int, following: int) -> None:
    assert decide(at(share), seen(), SINCE + 60) == Promote(following, "no guardrail breached by 100 orders")


def test_the_last_step_is_held() -> None:
    assert isinstance(decide(at(WHOLE), seen(), SINCE + 3_600), Hold)


def test_the_bake_time_is_waited_for() -> None:
    assert decide(at(500), seen(), SINCE + 59) == Hold("1 s of the bake time are left")


@pytest.mark.parametrize(
    ("treatment", "control", "who"),
    [
        (Arm(), GOOD, "shop-v1.1.0 has 0"),
        (GOOD, Arm(), "shop-v1.0.0 has 0"),
        (replace(GOOD, settled=29), GOOD, "has 29"),
    ],
)
def test_no_data_is_held_however_long_it_takes(treatment: Arm, control: Arm, who: str) -> None:
    decision = decide(at(500), seen(treatment, control), SINCE + 1e9)

    assert isinstance(decision, Hold)
    assert who in decision.reason


WORSE = {
    Measure.VOUCHER_ISSUED: replace(GOOD, issued=78),
    Measure.FAILURE: replace(GOOD, failed=20),
    Measure.AUTHORIZATION: replace(GOOD, authorized=78),
    Measure.FRAUD: replace(GOOD, fraud=22),
    Measure.ORDER_TO_VOUCHER_P95: replace(GOOD, seconds=(0.2,) * 90 + (3.0,) * 8),
}


@pytest.mark.parametrize("measure", Measure)
@pytest.mark.parametrize("share", [500, 2_500, WHOLE])
@pytest.mark.parametrize("waited", [0.0, 59.0, 1e6])
def test_each_breach_rolls_back_at_every_step_at_once_and_says_why(measure: Measure, share: int, waited: float) -> None:
    decision = decide(at(share), seen(WORSE[measure]), SINCE + waited)

    assert isinstance(decision, RollBack)
    assert decision.reason.startswith(measure.value)


@pytest.mark.parametrize("measure", Measure)
def test_better_than_the_control_is_no_breach(measure: Measure) -> None:
    assert isinstance(decide(at(500), seen(GOOD, WORSE[measure]), SINCE + 60), Promote)


def test_several_breaches_are_all_named() -> None:
    both = replace(GOOD, authorized=50, failed=30)

    decision = decide(at(500), seen(both), SINCE)

    assert isinstance(decision, RollBack)
    assert "failure rate" in decision.reason
    assert "authorisation rate is 51.0%, 100.0% in the control" in decision.reason


def test_a_breach_seen_on_too_few_orders_is_not_judged() -> None:
    few = Arm(assigned=10, settled=10, issued=0, failed=10)

    assert isinstance(decide(at(500), seen(few), SINCE), Hold)


def test_a_difference_within_the_tolerance_passes_however_sure_it_is() -> None:
    many = replace(GOOD, assigned=100_000, settled=100_000, issued=98_000, attempted=98_000, authorized=98_000, fraud=0)
    slightly = replace(many, failed=1_900)

    assert isinstance(decide(at(500), seen(slightly, many), SINCE + 60), Promote)


def test_a_difference_that_chance_explains_passes_however_large_it_is() -> None:
    small = Arm(assigned=30, settled=30, issued=30, attempted=30, authorized=30)

    assert isinstance(decide(at(500), seen(replace(small, failed=1), small), SINCE + 60), Promote)


def test_slower_by_a_blink_is_no_breach() -> None:
    blink = replace(GOOD, seconds=(0.6,) * 98)

    assert isinstance(decide(at(500), seen(blink), SINCE + 60), Promote)


def test_a_mismatch_of_the_sample_warns_with_whatever_is_decided() -> None:
    skewed = seen(replace(GOOD, assigned=400), replace(GOOD, assigned=600))

    for rollout, now in ((at(500, is_random=True), SINCE), (at(500, is_random=True), SINCE + 60)):
        decision = decide(rollout, skewed, now)
        assert len(decision.warnings) == 1
        assert decision.warnings[0].startswith("sample-ratio mismatch: 400 of 1000 orders")


@pytest.mark.parametrize("rollout", [at(500), at(WHOLE, is_random=True), at(0, is_random=True)])
def test_shares_that_are_not_drawn_are_not_held_against_the_weights(rollout: Rollout) -> None:
    assert decide(rollout, seen(replace(GOOD, assigned=400)), SINCE).warnings == ()


def test_shares_as_expected_do_not_warn() -> None:
    fair = seen(replace(GOOD, assigned=52), replace(GOOD, assigned=948))

    assert decide(at(500, is_random=True), fair, SINCE).warnings == ()


def test_the_chi_square_test_gives_the_known_probabilities() -> None:
    assert mismatch_probability(50, 100, 0.5) == 1.0
    assert mismatch_probability(60, 100, 0.5) == pytest.approx(0.0455, abs=1e-4)
    assert mismatch_probability(400, 1_000, 0.05) < 1e-12


@pytest.mark.parametrize(("values", "expected"), [((), 0.0), ((5.0,), 5.0), (range(1, 101), 95.0), ((3, 1, 2), 3)])
def test_percentiles(values: range, expected: float) -> None:
    assert percentile(list(values), 0.95) == expected


@pytest.mark.parametrize("measure", Measure)
def test_nothing_has_no_rate(measure: Measure) -> None:
    assert rate_of(measure, Arm()) is None


def test_every_measure_has_a_guardrail() -> None:
    assert {rail.measure for rail in GUARDRAILS} == set(Measure)


counts = st.integers(0, 200)


@st.composite
def arms(draw: st.DrawFn) -> Arm:
    assigned = draw(counts)
    settled = draw(st.integers(0, assigned))
    attempted = draw(st.integers(0, settled))
    issued, failed, fraud = (draw(st.integers(0, settled)) for _ in range(3))
    seconds = draw(st.lists(st.floats(0, 1e6), max_size=settled))
    return Arm(assigned, settled, issued, failed, attempted, draw(st.integers(0, attempted)), fraud, seconds)


@given(arms(), arms(), st.integers(0, WHOLE), st.floats(0, 1e6), st.booleans())
def test_whatever_is_seen_one_of_three_is_decided_and_never_a_step_without_data(
    treatment: Arm, control: Arm, share: int, waited: float, is_random: bool
) -> None:
    decision = decide(Rollout(PLAN, share, SINCE, is_random), Observed(treatment, control), SINCE + waited)

    assert decision.reason
    if isinstance(decision, Promote):
        assert decision.share > share
        assert share == 0 or (min(treatment.settled, control.settled) >= 30 and waited >= 60)
    if isinstance(decision, RollBack):
        assert min(treatment.settled, control.settled) >= 30


def test_a_release_gets_to_everyone_by_its_steps_in_their_order() -> None:
    share, now, taken = 0, SINCE, []
    for _ in itertools.count():
        decision = decide(Rollout(PLAN, share, now - 60), seen(), now)
        if not isinstance(decision, Promote):
            break
        share = decision.share
        taken.append(share)
    assert taken == [500, 2_500, WHOLE]
