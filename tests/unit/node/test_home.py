"""A directory that nothing can be kept in is named, with the setting that chooses another."""

from pathlib import Path

import pytest

from expeditor.node import prepare_home
from expeditor.node.node import HomeUnusableError


def test_home_is_made_with_its_parents(tmp_path: Path) -> None:
    assert prepare_home(tmp_path / "srv" / "shop").parent.is_dir()


def test_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "shop"
    file.touch()

    with pytest.raises(HomeUnusableError, match=f"cannot write in {file} .*EXPEDITOR_HOME"):
        prepare_home(file)


def test_home_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop").touch()

    with pytest.raises(HomeUnusableError, match="EXPEDITOR_HOME"):
        prepare_home(tmp_path / "shop" / "data")
