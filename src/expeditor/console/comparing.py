"""What differs between two releases: states, functions, environment; as rows and as marks on both pictures. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from expeditor.console.graph import Mark, Trail, machine_scopes
from expeditor.payloads import JSONValue, encode
from expeditor.rollout import FunctionPin, Manifest, differences

MACHINE = "(state machine)"
TEXT_SHOWN_MAX = 120
_VERSION = re.compile(r"(:function:[A-Za-z0-9_-]+):\d+")
_FUNCTION = re.compile(r":function:([A-Za-z0-9_-]+)")


class Kind(Enum):
    """How a state or function differs; each has a sign of its own, so that colour is not needed to tell them apart."""

    ADDED = "+ new"
    REMOVED = "✕ gone"
    CHANGED = "≠ changed"
    CALLS_OTHER = "ƒ other version"


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One field before and after, as short JSON text."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class StateDifference:
    """One state.

    Attributes:
        fields: what differs of it; of a new or gone one nothing is listed.
    """

    name: str
    kind: Kind
    fields: tuple[FieldDifference, ...] = ()


@dataclass(frozen=True, slots=True)
class FunctionDifference:
    """One function.

    Attributes:
        before, after: None on the side that does not pin it.
        notes: what differs beside the code: configuration, libraries, and variables by name.
    """

    name: str
    kind: Kind
    before: FunctionPin | None
    after: FunctionPin | None
    notes: tuple[str, ...] = ()

    @property
    def code_differs(self) -> bool:
        """Whether both sides pin it, with other code."""
        return self.before is not None and self.after is not None and self.before.code != self.after.code


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that *after* changes."""

    states: tuple[StateDifference, ...]
    functions: tuple[FunctionDifference, ...]

    @property
    def is_same(self) -> bool:
        """Whether both do the same."""
        return not self.states and not self.functions


def compared(before: Manifest, after: Manifest) -> Comparison:
    """What differs; the numbers of versions with the same content do not."""
    functions = tuple(_functions(before.functions, after.functions))
    changed = {each.name for each in functions}
    return Comparison(tuple(_states(before.definition, after.definition, changed)), functions)


def marks(comparison: Comparison, *, of_before: bool) -> Trail:
    """The marks for the picture of one side."""
    elsewhere = Kind.ADDED if of_before else Kind.REMOVED
    return Trail(
        {
            each.name: Mark(_CLASSES[each.kind], note=each.kind.value)
            for each in comparison.states
            if each.kind is not elsewhere and each.name != MACHINE
        }
    )


def grouped(functions: Sequence[FunctionDifference]) -> list[tuple[list[str], FunctionDifference]]:
    """Functions that differ in the same way, by name, with one of them: most often they share one package."""
    found: dict[object, tuple[list[str], FunctionDifference]] = {}
    for each in functions:
        sides = [(pin.version, pin.code) if pin else None for pin in (each.before, each.after)]
        found.setdefault((each.kind, *sides, each.notes), ([], each))[0].append(each.name)
    return list(found.values())


def _states(before: JSONValue, after: JSONValue, changed_functions: set[str]) -> Iterator[StateDifference]:
    old, new = _flat(before), _flat(after)
    for name in dict.fromkeys((*new, *old)):
        if name not in old:
            yield StateDifference(name, Kind.ADDED)
        elif name not in new:
            yield StateDifference(name, Kind.REMOVED)
        elif fields := tuple(_fields(old[name], new[name])):
            yield StateDifference(name, Kind.CHANGED, fields)
        elif changed_functions & _called(new[name]):
            yield StateDifference(name, Kind.CALLS_OTHER)


def _flat(definition: JSONValue) -> dict[str, dict[str, Any]]:
    """Each state by name, inner ones too, and the machine itself, without what is inside; versions left out."""
    assert isinstance(definition, dict)
    found: dict[str, dict[str, Any]] = {MACHINE: _bare(definition)}
    waiting: list[Mapping[str, Any]] = [definition]
    while waiting:
        for name, state in waiting.pop()["States"].items():
            found[name] = _bare(state)
            waiting += machine_scopes(state)
    return found


def _bare(part: Mapping[str, Any]) -> dict[str, Any]:
    """A state or machine without the states inside it; of inner scopes what else they say stays."""
    return {name: _unnested(value) for name, value in part.items() if name != "States"}


def _unnested(value: Any) -> Any:
    if isinstance(value, dict) and "States" in value and "StartAt" in value:
        return _bare(value)
    if isinstance(value, list):
        return [_unnested(each) for each in value]
    return value


def _fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[FieldDifference]:
    for field in dict.fromkeys((*old, *new)):
        before, after = _plain(old.get(field)), _plain(new.get(field))
        if before != after:
            yield FieldDifference(field, _short(before), _short(after))


def _functions(old: Mapping[str, FunctionPin], new: Mapping[str, FunctionPin]) -> Iterator[FunctionDifference]:
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before is None or after is None:
            yield FunctionDifference(name, Kind.ADDED if before is None else Kind.REMOVED, before, after)
        elif before.digest != after.digest:
            yield FunctionDifference(name, Kind.CHANGED, before, after, tuple(_notes(before, after)))


def _notes(before: FunctionPin, after: FunctionPin) -> Iterator[str]:
    """In the words of ``release diff``."""
    old, new = (Manifest("", "", {}, {pin.name: pin}) for pin in (before, after))
    for line in differences(old, new):
        note = line.partition(": ")[2]
        if not note.startswith("code "):
            yield note


def _called(state: Mapping[str, Any]) -> set[str]:
    return set(_FUNCTION.findall(_plain(dict(state)) or ""))


def _plain(value: JSONValue) -> str | None:
    """As JSON text with the versions of functions left out; None for what is not there."""
    return None if value is None else _VERSION.sub(r"\1", encode(value).decode())


def _short(text: str | None) -> str:
    if text is None:
        return "(absent)"
    return text if len(text) <= TEXT_SHOWN_MAX else f"{text[: TEXT_SHOWN_MAX - 1]}…"


def changed_rows(differences: Sequence[StateDifference]) -> list[StateDifference]:
    """Those a table should list: that a state calls another version is told by the table of functions."""
    return [each for each in differences if each.kind is not Kind.CALLS_OTHER]


_CLASSES: Mapping[Kind, str] = {
    Kind.ADDED: "added",
    Kind.REMOVED: "removed",
    Kind.CHANGED: "changed",
    Kind.CALLS_OTHER: "calls-other",
}
