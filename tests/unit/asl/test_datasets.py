"""Items of a distributed map out of an object."""

import pytest

from expeditor.asl.datasets import DatasetError, Format, read_items

BODY = b'{"orders": [[1, 2], [3]]}'


def test_a_pointer_goes_by_names_and_positions() -> None:
    assert read_items(BODY, Format(pointer=("orders", "0")), None) == [1, 2]


@pytest.mark.parametrize(
    "step", ["2", "-1", "01", "\N{SUPERSCRIPT TWO}", "\N{ARABIC-INDIC DIGIT ZERO}", "9" * 5_000, "", "x"]
)
def test_a_step_that_is_no_position_of_the_list_finds_nothing(step: str) -> None:
    with pytest.raises(DatasetError, match="finds nothing"):
        read_items(BODY, Format(pointer=("orders", step)), None)
