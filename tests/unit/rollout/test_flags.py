"""Documents of flags: written, read, moved, taken back."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expeditor.rollout import (
    EVERYONE,
    WHOLE,
    Author,
    Flag,
    Flags,
    FlagsError,
    Target,
    first_flags,
    last_undoable,
    moved,
    parse,
    promoted,
    render,
    segment_condition,
    shifted,
    switched,
    undone,
    untargeted,
    weighted,
    withdrawn,
)

V1, V2, V3 = "shop-v1.0.0", "shop-v1.1.0", "shop-v1.2.0"
FIRST = first_flags(V1, 10.0, "up")
ME = Author("me", 20.0, "because")


def then(flags: Flags, flag: Flag) -> Flags:
    return moved(flags, flag, ME, "move")


def shift(flags: Flags, variant: str, share: int, target: Target | None = None) -> Flags:
    return then(flags, shifted(flags, "release", variant, share, target or Target()))


def everyone(flags: Flags) -> dict[str, int]:
    return dict(flags.flag("release").everyone.weights)


def test_what_is_written_is_read_again() -> None:
    flags = shift(shift(FIRST, V2, 1_000), V2, WHOLE, Target("employees", 5.0, 7.0))
    flags = then(flags, switched(flags, "pipeline", enabled=False))

    assert parse(json.loads(json.dumps(render(flags)))) == flags


def test_flagd_finds_what_it_needs() -> None:
    flag = render(shift(FIRST, V2, 1_000, Target("employees")))["flags"]["release"]

    assert flag["state"] == "ENABLED"
    assert flag["variants"][f"{V2}@employees"] == V2
    assert flag["targeting"]["if"][0] == {"and": [{"$ref": "employees"}]}
    assert flag["defaultVariant"] in flag["variants"]


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"flags": {}, "metadata": {}},
        {**render(FIRST), "metadata": {"revision": 1}},
        {**render(FIRST), "flags": {"release": {"state": "ENABLED", "variants": {"a": "b"}, "targeting": {}}}},
        {**render(FIRST), "flags": {"release": {**render(FIRST)["flags"]["release"], "targeting": {"if": [1, 2, 3]}}}},
    ],
)
def test_what_was_written_by_hand_is_left_alone(document: Any) -> None:
    with pytest.raises(FlagsError, match="were not written by expeditor"):
        parse(document)


def test_a_share_comes_from_the_others_in_their_proportions() -> None:
    three = shift(shift(FIRST, V2, 2_000), V3, 5_000)

    assert everyone(three) == {V1: 4_000, V2: 1_000, V3: 5_000}


def test_a_share_given_back_goes_to_those_who_had_it() -> None:
    assert everyone(shift(shift(FIRST, V2, 3_000), V2, 1_000)) == {V1: 9_000, V2: 1_000}


def test_all_of_it_given_back_goes_to_the_stable_one() -> None:
    assert everyone(shift(shift(FIRST, V2, WHOLE), V2, 0)) == {V1: WHOLE, V2: 0}


def test_the_only_one_cannot_give_a_share_to_nobody() -> None:
    with pytest.raises(FlagsError, match="nobody could take"):
        shift(FIRST, V1, 5_000)


def test_the_order_of_variants_stays_so_that_few_buckets_move() -> None:
    flags = shift(shift(FIRST, V2, 1_000), V1, 5_000)

    assert list(everyone(flags)) == [V1, V2]


@pytest.mark.parametrize("share", [-1, WHOLE + 1])
def test_shares_are_between_none_and_all(share: int) -> None:
    with pytest.raises(FlagsError, match="is no share"):
        shift(FIRST, V2, share)


def test_a_segment_has_its_own_rule_before_everyone_s() -> None:
    flags = shift(FIRST, V2, WHOLE, Target("employees"))

    assert [rule.segment for rule in flags.flag("release").rules] == ["employees", EVERYONE]
    assert everyone(flags) == {V1: WHOLE}
    assert flags.segments.keys() == {"employees"}


def test_the_same_segment_again_changes_its_rule() -> None:
    flags = shift(shift(FIRST, V2, WHOLE, Target("employees")), V2, 5_000, Target("employees"))

    assert [dict(rule.weights) for rule in flags.flag("release").rules] == [{V1: 5_000, V2: 5_000}, {V1: WHOLE}]


def test_a_rule_can_be_taken_away_but_not_the_last_one() -> None:
    flags = shift(FIRST, V2, WHOLE, Target("employees"))

    assert untargeted(flags, "release", Target("employees")) == FIRST.flag("release")
    for target in (Target(), Target("city=Boston")):
        with pytest.raises(FlagsError):
            untargeted(flags, "release", target)


def test_promoting_makes_it_everyone_s_and_stable() -> None:
    flag = promoted(shift(FIRST, V2, 500, Target("employees")), "release", V2)

    assert (flag.stable, [dict(rule.weights) for rule in flag.rules]) == (V2, [{V2: WHOLE}])


def test_withdrawing_takes_every_share_away_and_rules_that_say_no_more() -> None:
    flags = shift(shift(shift(FIRST, V2, 1_000), V3, 2_500), V3, WHOLE, Target("employees"))

    flag = withdrawn(flags, "release", V3)

    assert all(V3 not in rule.weights for rule in flag.rules)
    assert dict(flag.everyone.weights) == {V1: 9_000, V2: 1_000}
    assert dict(flag.rules[0].weights) == {V1: WHOLE, V2: 0}


def test_a_rule_that_says_the_same_as_everyone_s_goes() -> None:
    flags = shift(FIRST, V2, WHOLE, Target("employees"))

    assert withdrawn(flags, "release", V2) == FIRST.flag("release")


def test_the_stable_one_cannot_be_withdrawn() -> None:
    with pytest.raises(FlagsError, match="is the stable one"):
        withdrawn(FIRST, "release", V1)


def test_weights_may_have_any_scale() -> None:
    flag = weighted(FIRST, "pipeline", {"instant": 2, "legacy": 1}, Target())

    assert dict(flag.everyone.weights) == {"instant": 6_667, "legacy": 3_333}


@pytest.mark.parametrize("weights", [{}, {"instant": 0}, {"instant": -1, "legacy": 3}])
def test_weights_that_mean_nothing_are_refused(weights: dict[str, int]) -> None:
    with pytest.raises(FlagsError):
        weighted(FIRST, "pipeline", weights, Target())


def test_an_experiment_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(FlagsError, match="there are pipeline, release"):
        shifted(FIRST, "colour", "red", 1, Target())


@pytest.mark.parametrize(
    "name", ["", "staff", "colour=red", "city>5", "amount=abc", "city=Zürich", 'city="', "amount~3"]
)
def test_segments_that_mean_nothing_are_refused(name: str) -> None:
    with pytest.raises(FlagsError):
        segment_condition(name)


def test_undo_restores_and_says_so_and_goes_back_further_each_time() -> None:
    one = shift(FIRST, V2, 1_000)
    two = shift(one, V2, 2_000)
    history: tuple[Flags, ...] = (FIRST, one, two)

    for expected in (one, FIRST):
        found = last_undoable(history)
        assert found is not None
        latest, before = found
        history = (*history, undone(history[-1], before, ME, latest.change))
        assert history[-1].flags == expected.flags
        assert history[-1].change.action.startswith("undo: ")
    assert last_undoable(history) is None


def test_each_move_says_who_when_why_and_what_it_follows() -> None:
    change = shift(FIRST, V2, 1_000).change

    assert (change.revision, change.follows, change.by, change.at, change.reason) == (2, 1, "me", 20.0, "because")


@given(st.lists(st.tuples(st.sampled_from([V1, V2, V3]), st.integers(0, WHOLE), st.booleans()), max_size=8))
def test_whatever_is_moved_the_weights_add_up(moves: list[tuple[str, int, bool]]) -> None:
    flags = FIRST
    for variant, share, is_employees in moves:
        try:
            flags = shift(flags, variant, share, Target("employees") if is_employees else Target())
        except FlagsError:
            continue
        for rule in flags.flag("release").rules:
            assert sum(rule.weights.values()) == WHOLE
            assert min(rule.weights.values()) >= 0
    assert parse(json.loads(json.dumps(render(flags)))) == flags
    assert replace(flags.flag("release"), enabled=True) == flags.flag("release")
