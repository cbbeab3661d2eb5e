"""Routes: each target gets its share of the draws."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expeditor.functions.routing import Route, weighted
from expeditor.ids import SeededIds


def test_unweighted_route_always_goes_to_its_target() -> None:
    route = Route("arn", "1")

    assert {route.choose(draw) for draw in (0.0001, 0.5, 1.0)} == {"1"}


@pytest.mark.parametrize("weight", [0.0, 0.1, 0.5, 1.0])
def test_share_of_the_additional_version_is_its_weight(weight: float) -> None:
    route = weighted("arn", "1", [("2", weight)])
    ids = SeededIds(7)

    counted = Counter(route.choose(ids.draw()) for _ in range(4000))

    assert counted["2"] / 4000 == pytest.approx(weight, abs=0.03)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0, exclude_min=True))
def test_every_draw_finds_a_target(weight: float, draw: float) -> None:
    assert weighted("arn", "1", [("2", weight)]).choose(draw) == ("2" if draw <= weight else "1")
