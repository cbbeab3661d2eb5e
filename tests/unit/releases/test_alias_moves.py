"""What the history of an alias tells, and where undoing leads, whoever else moved it."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from expeditor.releases.alias_moves import going_back, history
from expeditor.releases.function_acts import MOVE, UNDO, FunctionAct, Pointing

ONE, TWO, THREE, FOUR = (Pointing(number) for number in "1234")
MIXED = Pointing("1", {"2": 0.1})


def act(before: Pointing | None, after: Pointing, action: str = MOVE) -> FunctionAct:
    return FunctionAct(
        action=action, function="pay", alias="prod", at=1.0, by="me", reason="why", before=before, after=after
    )


def undo(before: Pointing, after: Pointing) -> FunctionAct:
    return act(before, after, UNDO)


def test_undo_goes_back_one_move_and_once_more_the_one_before() -> None:
    acts = [act(ONE, MIXED), act(MIXED, TWO)]
    assert going_back(acts, TWO) == MIXED
    acts.append(undo(TWO, MIXED))
    assert going_back(acts, MIXED) == ONE
    acts.append(undo(MIXED, ONE))
    assert going_back(acts, ONE) is None


def test_after_an_undo_a_new_move_goes_back_to_where_it_was_made() -> None:
    acts = [act(ONE, TWO), undo(TWO, ONE), act(ONE, THREE)]

    assert going_back(acts, THREE) == ONE


def test_a_move_of_another_tool_can_be_taken_back_as_well() -> None:
    acts = [act(ONE, TWO)]
    assert going_back(acts, THREE) == TWO
    acts.append(undo(THREE, TWO))
    assert going_back(acts, TWO) == ONE


def test_before_an_alias_there_was_nothing_to_go_back_to() -> None:
    assert going_back([act(None, ONE)], ONE) is None
    assert going_back([], ONE) is None


def test_an_alias_that_another_tool_deleted_comes_back() -> None:
    assert going_back([act(ONE, TWO)], None) == TWO


def test_history_tells_the_moves_of_others_in_between() -> None:
    acts = [act(ONE, TWO), act(THREE, FOUR)]

    told = [(move.act is not None, move.before, move.after) for move in history(acts, ONE)]

    assert told == [(False, FOUR, ONE), (True, THREE, FOUR), (False, TWO, THREE), (True, ONE, TWO)]
    assert history([], ONE) == []


@given(st.lists(st.sampled_from([ONE, TWO, THREE, FOUR, MIXED]), min_size=1, max_size=12))
def test_undoing_everything_walks_the_moves_backwards_to_the_first(stands: list[Pointing]) -> None:
    path = [each for index, each in enumerate(stands) if index == 0 or stands[index - 1] != each]
    acts = [act(before, after) for before, after in pairwise(path)]
    walked, present = [path[-1]], path[-1]

    while (back := going_back(acts, present)) is not None:
        acts.append(undo(present, back))
        present = back
        walked.append(present)

    assert walked == path[::-1]


def test_pointings_read_as_people_say_them() -> None:
    assert [str(each) for each in (ONE, MIXED)] == ["1", "1, 10% 2"]
