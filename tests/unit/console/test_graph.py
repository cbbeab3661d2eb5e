"""Pictures of state machines."""

import re
from typing import Any

import pytest

from expeditor.console.graph import TRANSITIONS_MAX, Mark, Trail, draw


def chain(length: int, **first: object) -> dict[str, Any]:
    """Pass states one after the other; *first* are members of the first one."""
    states = {f"s{number}": {"Type": "Pass", "Next": f"s{number + 1}"} for number in range(length - 1)}
    states |= {f"s{length - 1}": {"Type": "Pass", "End": True}}
    states["s0"] |= first
    return {"StartAt": "s0", "States": states}


def places(picture: str) -> list[str]:
    """Where boxes and lines are."""
    return re.findall(r'<rect [^>]*>|<path d="[^"]*"', picture)


def test_each_state_is_a_box_and_each_transition_a_line() -> None:
    picture = draw(chain(3))

    assert [picture.count(f'data-state="s{number}"') for number in range(3)] == [1, 1, 1]
    assert picture.count('class="edge') == 4


def test_the_way_taken_changes_colours_and_words_but_no_places() -> None:
    trail = Trail({"s0": Mark("failed", 3), "s1": Mark("succeeded", 1, "new")}, frozenset({(None, "s0")}))

    plain, coloured = draw(chain(3)), draw(chain(3), trail)

    assert places(coloured) == places(plain)
    assert "state pass failed" in coloured
    assert ">3x<" in coloured
    assert ">new<" in coloured
    assert coloured.count("edge taken") == 1


def test_scopes_are_drawn_inside_their_state() -> None:
    machine = chain(1, Type="Map", ItemProcessor=chain(2))
    machine["States"]["s0"]["ItemProcessor"]["States"]["s0"]["Comment"] = "inner"

    assert draw(machine).count("<rect ") == 3


def test_a_name_cannot_break_out_of_the_picture() -> None:
    machine = {"StartAt": "<script>", "States": {"<script>": {"Type": "Succeed"}}}

    assert "<script>" not in draw(machine)


@pytest.mark.parametrize("inside", [False, True])
def test_a_machine_that_would_take_too_long_to_lay_out_is_not_drawn(*, inside: bool) -> None:
    long = chain(TRANSITIONS_MAX)
    machine = chain(1, Type="Map", ItemProcessor=long) if inside else long

    picture = draw(machine)

    assert f"more than {TRANSITIONS_MAX}" in picture
    assert "<rect " not in picture


def test_a_machine_with_as_many_transitions_as_allowed_is_drawn() -> None:
    assert draw(chain(TRANSITIONS_MAX - 1)).count("<rect ") == TRANSITIONS_MAX - 1
