"""Both A/B decisions."""

from collections import Counter
from pathlib import Path

import pytest

from order_processing.experiments import BUCKETS, Experiments, bucket_of

V1, V2 = "order-processing-v1.0.0", "order-processing-v1.1.0"


def weighted(tmp_path: Path, text: str) -> Experiments:
    path = tmp_path / "weights.json"
    path.write_text(text)
    return Experiments(path)


def test_without_weights_all_orders_are_instant_on_the_current_release() -> None:
    experiments = Experiments(None)

    assert experiments.pipeline("o-1", 5.0).variant == "instant"
    assert experiments.release("o-1", V1, 5.0).variant == V1


def test_a_decision_says_how_it_was_made(tmp_path: Path) -> None:
    decision = weighted(tmp_path, '{"pipeline": {"instant": 1}}').pipeline("o-1", 5.0)

    assert (decision.experiment, decision.rule, decision.at) == ("pipeline", "weights", 5.0)
    assert decision.bucket == bucket_of("pipeline", "o-1")


def test_shares_follow_the_weights(tmp_path: Path) -> None:
    experiments = weighted(tmp_path, f'{{"release": {{"{V1}": 90, "{V2}": 10}}}}')

    shares = Counter(experiments.release(f"o-{number}", V1, 0.0).variant for number in range(10_000))

    assert shares[V2] == pytest.approx(1_000, abs=120)


def test_raising_a_weight_moves_nobody_who_has_the_variant_already(tmp_path: Path) -> None:
    def legacy(weight: int) -> set[int]:
        experiments = weighted(tmp_path, f'{{"pipeline": {{"legacy": {weight}, "instant": {100 - weight}}}}}')
        return {number for number in range(2_000) if experiments.pipeline(f"o-{number}", 0.0).variant == "legacy"}

    assert legacy(10) < legacy(50)


def test_a_weight_of_nothing_gets_nobody(tmp_path: Path) -> None:
    experiments = weighted(tmp_path, '{"pipeline": {"instant": 0, "legacy": 3}}')

    assert {experiments.pipeline(f"o-{number}", 0.0).variant for number in range(500)} == {"legacy"}


def test_buckets_of_two_experiments_have_nothing_to_do_with_each_other() -> None:
    pairs = [(bucket_of("pipeline", f"o-{n}"), bucket_of("release", f"o-{n}")) for n in range(2_000)]
    both_low = sum(one < BUCKETS // 2 and other < BUCKETS // 2 for one, other in pairs)

    assert both_low == pytest.approx(500, abs=80)


def test_weights_are_read_again_when_the_file_changes(tmp_path: Path) -> None:
    experiments = weighted(tmp_path, '{"pipeline": {"instant": 1}}')
    assert experiments.pipeline("o-1", 0.0).variant == "instant"

    (tmp_path / "weights.json").write_text('{"pipeline": {"legacy": 1  }}')

    assert experiments.pipeline("o-1", 0.0).variant == "legacy"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"pipeline": {"instant": -1}}', '{"pipeline": {"teleport": 1}}', '{"pipeline": {"instant": 0}}'],
)
def test_weights_that_cannot_be_used_send_orders_the_proven_way(tmp_path: Path, text: str) -> None:
    experiments = weighted(tmp_path, text)

    pipeline, release = experiments.pipeline("o-1", 0.0), experiments.release("o-1", V1, 0.0)

    assert (pipeline.variant, pipeline.bucket) == ("legacy", -1)
    assert release.variant == V1
    assert pipeline.rule.startswith("fallback: ")


def test_a_file_of_weights_that_is_gone_sends_orders_the_proven_way(tmp_path: Path) -> None:
    assert Experiments(tmp_path / "nothing.json").pipeline("o-1", 0.0).variant == "legacy"
