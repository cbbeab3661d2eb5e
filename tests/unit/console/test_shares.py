"""Who gets what, as the console tells it."""

from expeditor.console.shares import bars, changes, colours_of, drawn, given, percent, short, since, turns
from expeditor.rollout import (
    Author,
    Flags,
    Target,
    first_flags,
    last_undoable,
    moved,
    promoted,
    shifted,
    switched,
    undone,
)

V10, V11 = "shop-v1.0.0", "shop-v1.1.0"
FIRST = first_flags(V10, 100.0, "up")
EMPLOYEES = Target("employees")


def shift(flags: Flags, share: int, target: Target, at: float, by: str = "anna") -> Flags:
    return moved(flags, shifted(flags, "release", V11, share, target), Author(by, at), "shift")


SHIFTED = shift(FIRST, 1_000, Target(), 200.0)
TARGETED = shift(SHIFTED, 10_000, EMPLOYEES, 300.0, "ben")
COLOURS = {V10: 0, V11: 1}


def test_every_rule_has_a_bar_in_the_order_in_which_they_are_asked() -> None:
    everyone, employees = reversed(bars(TARGETED.flag("release"), COLOURS))

    assert [each.rule for each in (employees, everyone)] == ["employees", "everyone"]
    assert [(each.variant, each.share) for each in everyone.slices] == [(V10, 9_000), (V11, 1_000)]
    assert [(each.variant, each.share) for each in employees.slices] == [(V11, 10_000)], "nobody's share is not drawn"


def test_a_variant_keeps_its_colour_whatever_is_moved() -> None:
    later = moved(TARGETED, promoted(TARGETED, "release", V11), Author("anna", 500.0), "promote")

    assert colours_of((FIRST, SHIFTED, TARGETED, later), "release") == COLOURS
    assert {each.colour for each in bars(later.flag("release"), COLOURS)[0].slices} == {COLOURS[V11]}


def test_experiments_do_not_share_colours() -> None:
    assert set(colours_of((FIRST,), "pipeline").values()).isdisjoint(COLOURS.values())


def test_a_bar_tells_in_words_what_it_shows() -> None:
    wide, narrow = (
        drawn(bars(flags.flag("release"), COLOURS)[-1]) for flags in (SHIFTED, shift(FIRST, 500, Target(), 1.0))
    )

    assert f'aria-label="everyone: {V10} 90 %, {V11} 10 %"' in wide
    assert ">v1.0.0 90 %</text>" in wide
    assert ">10 %</text>" in wide
    assert ">5 %</text>" not in narrow, "too narrow for words"
    assert f"<title>{V11} 5 %</title>" in narrow


def test_a_bar_cannot_carry_markup() -> None:
    flag = shifted(FIRST, "release", "<script>", 5_000, Target("unit_id=x"))

    assert "<script>" not in "".join(map(drawn, bars(flag, {**COLOURS, "<script>": 3})))


def test_an_experiment_that_is_off_gives_everyone_the_stable_variant() -> None:
    off = switched(TARGETED, "release", enabled=False)

    (bar,) = bars(off, COLOURS)
    assert [(each.variant, each.share) for each in bar.slices] == [(V10, 10_000)]
    assert given(off, V10) == "everyone, as the experiment is off"
    assert given(off, V11) == ""


def test_shares_are_told_beginning_with_everyone() -> None:
    assert given(TARGETED.flag("release"), V11) == "10 % of everyone, 100 % of employees"
    assert given(FIRST.flag("release"), V11) == ""


def test_since_is_the_change_that_gave_a_release_what_it_has() -> None:
    history = (FIRST, SHIFTED, TARGETED)

    assert since(history, "release", V11) == TARGETED.change
    assert since(history[:2], "release", V11) == SHIFTED.change
    assert since(history, "release", "shop-v1.2.0") is None


def test_a_change_of_another_experiment_does_not_count_as_a_move() -> None:
    stopped = moved(SHIFTED, switched(SHIFTED, "pipeline", enabled=False), Author("ben", 400.0), "pipeline off")

    assert since((FIRST, SHIFTED, stopped), "release", V11) == SHIFTED.change


def test_a_release_that_lost_its_share_says_when() -> None:
    back = shift(SHIFTED, 0, Target(), 400.0)

    assert since((FIRST, SHIFTED, back), "release", V11) == back.change
    assert since((FIRST,), "release", V10) == FIRST.change


def test_a_move_is_told_by_the_shares_it_changes() -> None:
    told = [(each.rule, each.variant, each.before, each.after) for each in changes(FIRST, SHIFTED)]

    assert told == [("everyone", V10, 10_000, 9_000), ("everyone", V11, 0, 1_000)]


def test_a_new_rule_is_compared_with_what_its_people_got_before() -> None:
    told = [(each.rule, each.variant, each.before, each.after) for each in changes(SHIFTED, TARGETED)]

    assert told == [("employees", V10, 9_000, 0), ("employees", V11, 1_000, 10_000)]
    assert turns(SHIFTED, TARGETED) == ["A rule for employees begins; it is asked before the one for everyone."]


def test_a_promotion_says_what_ends_and_what_is_stable_from_then_on() -> None:
    after = moved(TARGETED, promoted(TARGETED, "release", V11), Author("anna", 500.0), "promote")

    stable, rule = turns(TARGETED, after)
    assert stable == f"{V11} becomes the stable release: others are compared with it, instead of {V10}."
    assert rule == "The rule for employees ends; they get what everyone gets."


def test_undoing_a_kill_switch_is_told_although_no_share_changes() -> None:
    stopped = moved(FIRST, switched(FIRST, "pipeline", enabled=False), Author("ben", 400.0), "pipeline off")
    found = last_undoable((FIRST, stopped))
    assert found is not None
    back = undone(stopped, found[1], Author("anna", 500.0), found[0].change)

    assert changes(stopped, back) == []
    assert turns(stopped, back) == ["The experiment pipeline is switched on again."]
    assert turns(FIRST, stopped) == ["The experiment pipeline is switched off: everyone gets legacy."]


def test_short_names_keep_what_is_no_release() -> None:
    assert [short(each) for each in (V11, "instant", "a-very")] == ["v1.1.0", "instant", "a-very"]
    assert percent(1_250) == "12.5 %"
