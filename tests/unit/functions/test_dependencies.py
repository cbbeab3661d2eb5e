"""What code depends on, found among distributions that are laid out as an installer leaves them."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expeditor.functions import (
    DEPENDENCIES_VARIABLE,
    FunctionCode,
    Installed,
    dependencies_of,
    dependency_changes,
    recorded_dependencies,
    with_dependencies,
)
from expeditor.functions.dependencies import imported_modules, normalized

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class Shelf:
    """A folder like ``site-packages``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, name: str, version: str, *files: str, requires: tuple[str, ...] = (), declared: str = "") -> None:
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {each}" for each in requires)]
        (info / "METADATA").write_text("Metadata-Version: 2.1\n" + "\n".join(lines) + "\n")
        (info / "RECORD").write_text("".join(f"{each},,\n" for each in (*files, f"{info.name}/METADATA")))
        if declared:
            (info / "top_level.txt").write_text(declared)

    @property
    def installed(self) -> Installed:
        return Installed([str(self.folder)])


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "site-packages")


def package(tmp_path: Path, **files: str) -> FunctionCode:
    folder = tmp_path / "code"
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return FunctionCode.from_directory(folder)


def test_only_what_is_imported_counts_with_all_that_requires(tmp_path: Path, shelf: Shelf) -> None:
    shelf.install("PyYAML", "6.0", "yaml/__init__.py", requires=("Some.Lib>=1 ; python_version > '3'",))
    shelf.install("some_lib", "2.1", "some.py")
    shelf.install("unused", "9", "unused.py")
    code = package(tmp_path, app="import os\nimport yaml.nodes\n")

    assert dependencies_of(code, shelf.installed) == {"python": PYTHON, "pyyaml": "6.0", "some-lib": "2.1"}


def test_extras_bring_their_requirements_only_where_they_are_asked_for(tmp_path: Path, shelf: Shelf) -> None:
    shelf.install("web", "1", "web.py", requires=("fast; extra == 'standard'", "slow; extra == 'other'", "h11"))
    shelf.install("site", "1", "site_.py", requires=("web[standard]",))
    for name in ("fast", "slow", "h11"):
        shelf.install(name, "1", f"{name}.py")

    assert set(shelf.installed.needed({"web"})) == {"python", "web", "h11"}
    assert set(shelf.installed.needed({"site_"})) == {"python", "site", "web", "h11", "fast"}


def test_requirements_that_go_in_a_circle_or_are_not_installed_do_no_harm(shelf: Shelf) -> None:
    shelf.install("a", "1", "a.py", requires=("b", "absent"))
    shelf.install("b", "1", "b.py", requires=("a",))

    assert set(shelf.installed.needed({"a"})) == {"python", "a", "b"}


def test_a_namespace_is_all_distributions_that_have_a_part_of_it(shelf: Shelf) -> None:
    shelf.install("flag-sdk", "1", "flag/sdk.py")
    shelf.install("flag-core", "2", "flag/core.py", declared="flag\n")

    assert set(shelf.installed.needed({"flag"})) == {"python", "flag-sdk", "flag-core"}


def test_own_modules_typing_only_imports_and_relative_ones_are_no_dependencies(tmp_path: Path) -> None:
    code = package(
        tmp_path,
        shop__orders=(
            "from __future__ import annotations\n"
            "from typing import TYPE_CHECKING\n"
            "from . import money\n"
            "import shop.money, helper\n"
            "if TYPE_CHECKING:\n    import stubs\nelse:\n    import real\n"
            "def late():\n    try:\n        import lazy\n    except ImportError:\n        import spare\n"
            "class Inner:\n    import nested\n"
            "match 1:\n    case 1:\n        import matched\n"
            "with open('x'):\n    from deep.inside import thing\n"
        ),
        shop__money="import decimal",
        helper="import helper",
        broken="this is no Python",
    )

    imported = {"real", "lazy", "spare", "nested", "matched", "deep"}
    among = imported | {"stubs", "helper", "shop", "money", "decimal", "broken", "no", "unrelated"}
    assert imported_modules(code, among) == imported


@pytest.mark.parametrize("nested", ["-" * 100_000 + "1", "(" * 100_000, "x" + ".y" * 100_000])
def test_a_file_nested_too_deeply_to_be_imported_has_no_imports(tmp_path: Path, nested: str) -> None:
    code = package(tmp_path, deep=f"import real\n{nested}", plain="import other")

    assert imported_modules(code, {"real", "other"}) == {"other"}


def test_the_libraries_of_this_interpreter_are_found_by_default() -> None:
    needed = Installed().needed({"boto3"})

    assert {"boto3", "botocore", "urllib3", "python"} <= set(needed)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True),
        st.from_regex(r"[0-9][0-9a-z.+!]{0,9}", fullmatch=True),
        max_size=200,
    )
)
def test_what_is_recorded_is_read_again_however_long(dependencies: dict[str, str]) -> None:
    recorded = with_dependencies({"MODE": "strict"}, dependencies)

    assert recorded_dependencies(recorded) == dependencies
    assert len(recorded.get(DEPENDENCIES_VARIABLE, "")) < 4_096


@pytest.mark.parametrize("text", ["", "nonsense", "zlib:", "zlib:###", "zlib:AAAA"])
def test_something_else_in_the_variable_is_no_record(text: str) -> None:
    assert recorded_dependencies({DEPENDENCIES_VARIABLE: text}) == {}


def test_changes_say_what_is_here_instead() -> None:
    changes = dependency_changes({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "2.1", "d": "4"})

    assert changes == {"b": "2 -> 2.1", "c": "3 -> not installed"}


def test_spellings_of_a_name_are_one() -> None:
    assert {normalized(each) for each in ("Some.Lib", "some_lib", "SOME--lib")} == {"some-lib"}
