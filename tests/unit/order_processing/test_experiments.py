"""Both A/B decisions: sticky, weighted, targeted, explained, and never an error."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

from expeditor.rollout import WHOLE, Author, Flags, Target, first_flags, moved, render, shifted, switched, weighted
from order_processing.clock import ManualClock
from order_processing.experiments import Experiments, Subject, open_experiments
from order_processing.experiments.sources import FlagsUnreachableError

V1, V2, V3 = (f"order-processing-v1.{minor}.0" for minor in range(3))
FIRST = first_flags(V1, 0.0, "tests")
AUTHOR = Author("tests", 1.0)
EVERYONE = Target()


def put(path: Path, flags: Flags | Mapping[str, Any] | str) -> None:
    text = flags if isinstance(flags, str) else json.dumps(render(flags) if isinstance(flags, Flags) else flags)
    path.with_suffix(".draft").write_text(text)
    path.with_suffix(".draft").rename(path)


def experiments(tmp_path: Path, flags: Flags | Mapping[str, Any] | str = FIRST) -> Experiments:
    put(tmp_path / "experiments.json", flags)
    return Experiments(tmp_path / "experiments.json")


def weights(experiment: str, target: Target = EVERYONE, /, **shares: int) -> Flags:
    return moved(FIRST, weighted(FIRST, experiment, shares, target), AUTHOR, "weigh")


def on_v2(share: int, target: Target = EVERYONE, before: Flags = FIRST) -> Flags:
    return moved(before, shifted(before, "release", V2, share, target), AUTHOR, "shift")


def orders(count: int = 2_000, **more: Any) -> list[Subject]:
    return [Subject(f"o-{number}", **more) for number in range(count)]


def test_without_flags_all_orders_are_instant_on_the_current_release() -> None:
    without = Experiments(None)

    assert without.pipeline(Subject("o-1"), 5.0).variant == "instant"
    assert without.release(Subject("o-1"), V1, 5.0).variant == V1


def test_the_first_flags_say_the_same(tmp_path: Path) -> None:
    decided = experiments(tmp_path)

    assert decided.pipeline(Subject("o-1"), 5.0).variant == "instant"
    assert decided.release(Subject("o-1"), "unused", 5.0).variant == V1


def test_a_decision_says_how_it_was_made(tmp_path: Path) -> None:
    decision = experiments(tmp_path).pipeline(Subject("o-1"), 5.0)

    assert (decision.experiment, decision.rule, decision.at) == ("pipeline", "everyone", 5.0)
    assert 0 <= decision.bucket < WHOLE


def test_the_bucket_it_names_is_the_one_that_decided(tmp_path: Path) -> None:
    decided = experiments(tmp_path, on_v2(3_000))

    for subject in orders(500):
        decision = decided.release(subject, V1, 0.0)
        assert (decision.variant == V2) == (decision.bucket >= 7_000)


def test_shares_follow_the_weights_among_any_number_of_releases(tmp_path: Path) -> None:
    three = on_v2(1_000, before=FIRST)
    three = moved(three, shifted(three, "release", V3, 2_000, EVERYONE), AUTHOR, "shift")
    decided = experiments(tmp_path, three)

    shares = Counter(decided.release(subject, V1, 0.0).variant for subject in orders(10_000))

    assert shares[V1] == pytest.approx(7_200, abs=200)
    assert shares[V2] == pytest.approx(800, abs=120)
    assert shares[V3] == pytest.approx(2_000, abs=180)


def test_raising_a_weight_moves_nobody_who_has_the_variant_already(tmp_path: Path) -> None:
    def on_new(share: int) -> set[str]:
        decided = experiments(tmp_path, on_v2(share))
        return {each.order_id for each in orders() if decided.release(each, V1, 0.0).variant == V2}

    assert set() < on_new(1_000) < on_new(5_000) < on_new(WHOLE)


def test_the_same_order_gets_the_same_answer_for_ever(tmp_path: Path) -> None:
    one, other = experiments(tmp_path, on_v2(5_000)), Experiments(tmp_path / "experiments.json")

    for subject in orders(200):
        assert one.release(subject, V1, 0.0) == other.release(subject, V1, 0.0)


def test_buckets_of_two_experiments_have_nothing_to_do_with_each_other(tmp_path: Path) -> None:
    decided = experiments(tmp_path)
    half = WHOLE // 2
    both_low = sum(
        decided.pipeline(each, 0.0).bucket < half and decided.release(each, V1, 0.0).bucket < half for each in orders()
    )

    assert both_low == pytest.approx(500, abs=80)


@pytest.mark.parametrize(
    ("segment", "inside", "outside"),
    [
        ("employees", {"user_guid": "employee-7"}, {"user_guid": "guest-7"}),
        ("city=Los Angeles", {"city": "Los Angeles"}, {"city": "Boston"}),
        ("category=dining", {"category": "dining"}, {"category": "beauty"}),
        ("amount>=5000", {"amount_minor": 5_000}, {"amount_minor": 4_999}),
        ("amount<5000", {"amount_minor": 4_999}, {"amount_minor": 5_000}),
    ],
)
def test_a_segment_gets_its_own_weights(
    tmp_path: Path, segment: str, inside: dict[str, Any], outside: dict[str, Any]
) -> None:
    decided = experiments(tmp_path, on_v2(WHOLE, Target(segment)))

    assert {(each.variant, each.rule) for each in (decided.release(o, V1, 0.0) for o in orders(50, **inside))} == {
        (V2, segment)
    }
    assert {decided.release(each, V1, 0.0).variant for each in orders(50, **outside)} == {V1}


def test_a_scheduled_rule_counts_between_its_instants_only(tmp_path: Path) -> None:
    decided = experiments(tmp_path, on_v2(WHOLE, Target(from_at=100.0, until_at=200.0)))

    found = [decided.release(Subject("o-1"), V1, at) for at in (99.9, 100.0, 199.9, 200.0)]

    assert [each.variant for each in found] == [V1, V2, V2, V1]
    assert found[1].rule == "everyone scheduled"


def test_a_kill_switch_with_a_misspelt_pipeline_costs_no_order(tmp_path: Path) -> None:
    flag = {"state": "DISABLED", "variants": {"legacy": "legacy"}, "defaultVariant": "legacy"}
    decided = experiments(tmp_path, {"flags": {"pipeline": {**flag, "metadata": {"stable": "Legacy"}}}})

    pipeline = decided.pipeline(Subject("o-1"), 0.0)

    assert pipeline.variant == "legacy"
    assert pipeline.rule == "kill switch, fallback: there is no variant 'Legacy'"


def test_the_kill_switch_gives_everyone_the_stable_variant(tmp_path: Path) -> None:
    off = moved(FIRST, switched(FIRST, "pipeline", enabled=False), AUTHOR, "off")
    split = on_v2(WHOLE, Target("employees"), off)
    dead = moved(split, switched(split, "release", enabled=False), AUTHOR, "off")
    decided = experiments(tmp_path, dead)

    pipeline = decided.pipeline(Subject("o-1", user_guid="employee-1"), 0.0)
    release = decided.release(Subject("o-1", user_guid="employee-1"), "unused", 0.0)

    assert (pipeline.variant, pipeline.rule) == ("legacy", "kill switch")
    assert (release.variant, release.rule) == (V1, "kill switch")


def test_flags_are_read_again_when_the_file_is_replaced(tmp_path: Path) -> None:
    decided = experiments(tmp_path)
    assert decided.pipeline(Subject("o-1"), 0.0).variant == "instant"

    put(tmp_path / "experiments.json", weights("pipeline", legacy=1, instant=0))

    assert decided.pipeline(Subject("o-1"), 0.0).variant == "legacy"


@pytest.mark.parametrize(
    "broken", ["", "{", "[]", '{"flags": 5}', '{"flags": {"release": {"state": "ENABLED"}}}', None]
)
def test_flags_that_break_later_leave_the_last_weights_in_force(tmp_path: Path, broken: str | None) -> None:
    decided = experiments(tmp_path, on_v2(WHOLE))
    assert decided.release(Subject("o-1"), V1, 0.0).variant == V2

    if broken is None:
        (tmp_path / "experiments.json").unlink()
    else:
        put(tmp_path / "experiments.json", broken)

    first, second = (decided.release(Subject("o-1"), V1, 0.0) for _ in range(2))
    assert (first.variant, first.rule) == (V2, "everyone, last known weights")
    assert second.variant == V2

    put(tmp_path / "experiments.json", FIRST)
    assert decided.release(Subject("o-1"), "unused", 0.0).variant == V1


def targeting(value: object) -> dict[str, Any]:
    document = render(FIRST)
    document["flags"]["pipeline"]["targeting"] = value
    return document


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"flags": {}}',
        targeting({"fractional": [["teleport@everyone", 1]]}),
        targeting("instant"),
        {**render(FIRST), "flags": {"pipeline": {**render(FIRST)["flags"]["pipeline"], "variants": {}}}},
    ],
)
def test_flags_that_were_never_usable_send_orders_the_proven_way(
    tmp_path: Path, text: str | Mapping[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    decision = experiments(tmp_path, text).pipeline(Subject("o-1"), 0.0)

    assert (decision.variant, decision.bucket) == ("legacy", -1)
    assert decision.rule.startswith("fallback: ")
    assert not [record for record in caplog.records if record.exc_info]


def test_without_a_file_orders_take_the_proven_way_on_the_current_release(tmp_path: Path) -> None:
    missing = Experiments(tmp_path / "nothing.json")

    assert missing.pipeline(Subject("o-1"), 0.0).variant == "legacy"
    assert missing.release(Subject("o-1"), V1, 0.0).variant == V1


def test_a_variant_nobody_knows_is_no_pipeline(tmp_path: Path) -> None:
    document = render(FIRST)
    document["flags"]["pipeline"]["variants"]["instant@everyone"] = "teleport"

    decision = experiments(tmp_path, document).pipeline(Subject("o-1"), 0.0)

    assert (decision.variant, decision.rule) == ("legacy", "fallback: there is no variant 'teleport'")


def a_provider() -> InMemoryProvider:
    """Stands for LaunchDarkly, GrowthBook or flagd's own."""
    return InMemoryProvider({"pipeline": InMemoryFlag("legacy", {"legacy": "legacy"})})


def a_broken_provider() -> InMemoryProvider:
    raise OSError("nobody answers")


def test_any_other_provider_can_be_plugged_in_by_name() -> None:
    decided = open_experiments({"EXPERIMENTS_PROVIDER": f"{__name__}:a_provider"}, ManualClock())

    decision = decided.pipeline(Subject("o-1"), 0.0)

    assert (decision.variant, decision.rule, decision.bucket) == ("legacy", "static", -1)
    assert decided.release(Subject("o-1"), V1, 0.0).variant == V1


@pytest.mark.parametrize("name", [f"{__name__}:a_broken_provider", "no.such.module:factory", f"{__name__}:nothing"])
def test_a_provider_that_cannot_be_had_costs_no_order(name: str) -> None:
    decision = open_experiments({"EXPERIMENTS_PROVIDER": name}, ManualClock()).pipeline(Subject("o-1"), 0.0)

    assert decision.variant == "legacy"
    assert decision.rule.startswith("fallback: the provider cannot be used")


def test_the_environment_says_where_the_flags_are(tmp_path: Path) -> None:
    put(tmp_path / "flags.json", on_v2(WHOLE))

    with_file = open_experiments({"EXPERIMENTS_FILE": str(tmp_path / "flags.json")}, ManualClock())
    without = open_experiments({"EXPERIMENTS_FILE": ""}, ManualClock())

    assert with_file.release(Subject("o-1"), V1, 0.0).variant == V2
    assert without.release(Subject("o-1"), V1, 0.0).rule == "default"


class Parameter:
    """A source whose store comes and goes."""

    name = "parameter"

    def __init__(self, *answers: bytes | None) -> None:
        self._answers = list(answers)

    def changed(self) -> bytes | None:
        answer = self._answers.pop(0)
        if answer == b"unreachable":
            raise FlagsUnreachableError("nobody answers")
        return answer


def test_a_store_that_comes_late_is_used_from_then_on() -> None:
    from order_processing.experiments.provider import FlagsProvider

    source = Parameter(b"unreachable", json.dumps(render(FIRST)).encode(), b"unreachable", None)
    decided = Experiments(None, lambda: FlagsProvider(source))

    found = [decided.pipeline(Subject("o-1"), 0.0) for _ in range(4)]

    assert [each.variant for each in found] == ["legacy", "instant", "instant", "instant"]
    assert found[0].rule == "fallback: parameter: nobody answers"
    assert [each.rule for each in found[1:]] == ["everyone", "everyone, last known weights", "everyone"]


def test_other_kinds_of_flags_are_answered_too(tmp_path: Path) -> None:
    from openfeature.evaluation_context import EvaluationContext

    from order_processing.experiments.provider import FlagsProvider
    from order_processing.experiments.sources import FileSource

    values = {"boolean": True, "integer": 3, "float": 0.5, "object": {"a": 1}}
    flags = {
        name: {"state": "ENABLED", "variants": {"on": value}, "defaultVariant": "on"} for name, value in values.items()
    }
    put(tmp_path / "flags.json", {"flags": flags})
    provider = FlagsProvider(FileSource(tmp_path / "flags.json"))
    context = EvaluationContext("o-1")

    assert provider.resolve_boolean_details("boolean", False, context).value is True
    assert provider.resolve_integer_details("integer", 0, context).value == 3
    assert provider.resolve_float_details("float", 0.0, context).value == 0.5
    assert provider.resolve_object_details("object", {}, context).value == {"a": 1}
    assert provider.get_metadata().name == "order-processing-flags"


def test_a_subject_with_another_guid_may_be_targeted_by_it(tmp_path: Path) -> None:
    decided = experiments(tmp_path, on_v2(WHOLE, Target("user_guid=guest-1")))
    guest = Subject("o-1", user_guid="guest-1")

    assert decided.release(guest, V1, 0.0).variant == V2
    assert decided.release(replace(guest, user_guid="guest-2"), V1, 0.0).variant == V1
