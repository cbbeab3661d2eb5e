"""A directory that nothing can be kept in is named, with the setting that chooses another."""

from pathlib import Path

import pytest

from expeditor.node import Template, node_parameters, prepare_home
from expeditor.node.node import HomeUnusableError
from expeditor.settings import Settings, SettingsError


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


def test_ports_that_a_crash_left_half_written_are_named(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text('{"Paym')
    template = Template(tmp_path / "template.yaml", {"Parameters": {"PaymentsPort": {"Default": 0}}}, {})

    with pytest.raises(SettingsError, match=r"ports.json cannot be read .*PaymentsPort"):
        node_parameters(template, Settings(tmp_path, 1, 2))


def test_ports_are_remembered(tmp_path: Path) -> None:
    template = Template(tmp_path / "template.yaml", {"Parameters": {"PaymentsPort": {"Default": 0}}}, {})

    first, second = (node_parameters(template, Settings(tmp_path, 1, 2)) for _ in range(2))

    assert first == second
    assert [file.name for file in tmp_path.iterdir()] == ["ports.json"]


@pytest.mark.parametrize("environment", [{}, {"EXPEDITOR_HOME": ""}])
def test_home_that_is_not_named_is_a_directory_of_its_own(environment: dict[str, str]) -> None:
    assert Settings.from_environment(environment).home == Path(".expeditor").absolute()
