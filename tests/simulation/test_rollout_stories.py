"""The story of domain.md that is about rollouts."""

from expeditor.rollout import Arm, Hold, Observed, Plan, Promote, Rollout, decide

PLAN = Plan("shop-v1.1.0", "shop-v1.0.0", (500, 10_000), bake_seconds=60, sample_min=30)
BEGAN_AT = 1_000.0
NIGHT = 8 * 3_600


def test_e24_a_rollout_without_data_holds_and_goes_on_once_there_is_some() -> None:
    rollout = Rollout(PLAN, 500, BEGAN_AT, is_random=False)
    busy = Arm(assigned=50, settled=50, issued=49, failed=0, attempted=49, authorized=49, fraud=1, seconds=(0.2,) * 49)

    nobody_bought = decide(rollout, Observed(), BEGAN_AT + NIGHT)
    only_the_control_sold = decide(rollout, Observed(Arm(), busy), BEGAN_AT + NIGHT)
    the_morning_came = decide(rollout, Observed(busy, busy), BEGAN_AT + NIGHT)

    assert isinstance(nobody_bought, Hold)
    assert isinstance(only_the_control_sold, Hold)
    assert isinstance(the_morning_came, Promote)
