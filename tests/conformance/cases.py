"""Cases recorded on AWS, read in place, and the rule by which an answer is compared with the recording."""

import importlib.util
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("CONFORMANCE_CASES", REPOSITORY.parent / "shared" / "conformance"))
KNOWN_FAILURES = "known_failures.txt"


@dataclass(frozen=True)
class Case:
    """One recorded case; *body* is its JSON, *group* the name of its file."""

    group: str
    body: dict[str, Any]

    @property
    def id(self) -> str:
        """As recorded."""
        return str(self.body["id"])


def read_cases() -> Iterator[Case]:
    """Every case of the folder; none where the folder is missing."""
    for path in sorted(FOLDER.glob("*.json")):
        if path.name != "index.json":
            for body in json.loads(path.read_text())["cases"]:
                yield Case(path.stem, body)


def comparison_rule() -> ModuleType:
    """The module that stands beside the cases: its ``Matcher``, ``decode`` and ``fill`` are the rule."""
    spec = importlib.util.spec_from_file_location("conformance_replay", FOLDER / "replay.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def known_failures(name: str = KNOWN_FAILURES) -> dict[str, str]:
    """Case id to reason; the list, a file in this folder, may only shrink."""
    lines = [
        line for line in Path(__file__).with_name(name).read_text().splitlines() if line and not line.startswith("#")
    ]
    return {case: reason for case, _, reason in (line.partition("  ") for line in lines)}


def without(value: Any, paths: list[str]) -> Any:
    """*value* without what *paths* select: ``$..name``, then names and positions, as the recordings use them."""
    for path in paths:
        _drop(value, _steps(path))
    return value


def _steps(path: str) -> list[str]:
    """``$..events[4].cause`` as ``["..", "events", "4", "cause"]``."""
    assert path.startswith("$..")
    text = path[1:].replace("..", ".~.").replace("[", ".").replace("]", "")
    return [".." if step == "~" else step for step in text.split(".") if step]


def _drop(value: Any, steps: list[str]) -> None:
    if not steps:
        return
    first, rest = steps[0], steps[1:]
    if first == "..":
        for one in _descendants(value):
            _drop(one, rest)
    elif isinstance(value, dict) and first in value:
        if rest:
            _drop(value[first], rest)
        else:
            del value[first]
    elif isinstance(value, list) and first.isdigit() and int(first) < len(value):
        _drop(value[int(first)], rest)


def _descendants(value: Any) -> list[Any]:
    found = [value]
    for one in found:
        members = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        found.extend(member for member in members if isinstance(member, dict | list))
    return found
