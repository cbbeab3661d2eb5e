"""A release beside its control, as the console judges it."""

import pytest

from expeditor.console.health import Health, Verdict, health
from expeditor.rollout import Arm, Observed, Plan, Rollout

PLAN = Plan("shop-v1.1.0", "shop-v1.0.0", (), 0.0)
GOOD = Arm(assigned=100, settled=100, issued=98, failed=0, attempted=98, authorized=98, fraud=2, seconds=(0.2,) * 98)
BAD = Arm(assigned=100, settled=100, issued=70, failed=0, attempted=98, authorized=70, fraud=2, seconds=(0.2,) * 70)


def judged(treatment: Arm, control: Arm = GOOD, share: int = 5_000, *, is_random: bool = True) -> Health:
    return health(Rollout(PLAN, share, 0.0, is_random), Observed(treatment, control), 60.0)


def verdicts(of: Health) -> dict[str, Verdict]:
    return {line.measure: line.verdict for line in of.lines}


def test_the_same_is_no_worse() -> None:
    found = judged(GOOD)

    assert set(verdicts(found).values()) == {Verdict.GOOD}
    assert found.worse == ()


def test_only_what_is_worse_is_called_worse_with_its_reason() -> None:
    found = judged(BAD)

    worse = [measure for measure, verdict in verdicts(found).items() if verdict is Verdict.WORSE]
    assert worse == ["voucher-issued rate", "authorisation rate"]
    assert found.worse[0] == "voucher-issued rate is 70.0%, 98.0% in the control (at most 5.0% worse)"


def test_samples_are_those_of_the_measure() -> None:
    lines = {line.measure: line.release for line in judged(BAD).lines}

    assert (lines["authorisation rate"].value, lines["authorisation rate"].sample) == ("71.4%", 98)
    assert (lines["order-to-voucher p95"].value, lines["order-to-voucher p95"].sample) == ("0.20 s", 70)


def test_no_order_is_no_data_and_never_good_news() -> None:
    found = judged(Arm())

    assert set(verdicts(found).values()) == {Verdict.NONE}
    assert {(line.release.value, line.release.sample) for line in found.lines} == {("no data", 0)}
    assert found.lines[0].control.value == "98.0%"


def test_below_the_sample_nothing_is_decided_however_bad_it_looks() -> None:
    few = Arm(assigned=5, settled=5, issued=0, failed=5, attempted=5, authorized=0, fraud=0, seconds=(9.0,))

    assert set(verdicts(judged(few)).values()) == {Verdict.FEW}


@pytest.mark.parametrize("is_random", [True, False])
def test_shares_that_do_not_fit_the_weights_warn_where_they_can_be_held_against_them(is_random: bool) -> None:
    found = judged(GOOD, share=500, is_random=is_random)

    assert bool(found.warnings) is is_random
