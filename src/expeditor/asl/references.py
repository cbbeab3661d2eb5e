"""Which variables the states of a definition refer to, as DescribeStateMachine tells."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from expeditor.asl.jsonata import is_jsonata
from expeditor.asl.model import Language
from expeditor.payloads import JSONValue, decode

_CACHED_MAX = 64
_NAME = re.compile(r"\$([^\W\d]\w*)")
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""")
_PATH_FIELDS = ("Path", ".$", "Variable")
_FLOWS = ("ItemProcessor", "Iterator")


class RawState(NamedTuple):
    """One state as it is written.

    Attributes:
        pointer: JSON pointer to it.
        language: its own, or the machine's.
    """

    name: str
    pointer: str
    raw: Mapping[str, JSONValue]
    language: str


@lru_cache(_CACHED_MAX)
def variable_references(definition: str) -> Mapping[str, tuple[str, ...]]:
    """Names of variables by the state that refers to them, without the dollar; states that refer to none are left out.

    A name counts when some state of the definition assigns it: others are an expression's own.

    Args:
        definition: one that compiles.
    """
    raw = decode(definition)
    states = list(each_state(raw))
    assigned = {name for state in states for name in _assigned(state.raw)}
    found = {state.name: tuple(dict.fromkeys(name for name in _names(state) if name in assigned)) for state in states}
    return {state: names for state, names in found.items() if names}


def each_state(raw: JSONValue, pointer: str = "", language: str = Language.JSONPATH) -> Iterator[RawState]:
    """Every state of a flow and of those inside it, outer ones first; what is no state is passed over."""
    if not isinstance(raw, dict):
        return
    language = str(raw.get("QueryLanguage", language))
    states = raw.get("States")
    for name, state in states.items() if isinstance(states, dict) else ():
        if isinstance(state, dict):
            at = f"{pointer}/States/{name}"
            own = str(state.get("QueryLanguage", language))
            yield RawState(name, at, state, own)
            for label, inner in _inner_flows(state):
                yield from each_state(inner, f"{at}/{label}", language)


def _inner_flows(state: Mapping[str, JSONValue]) -> Iterator[tuple[str, JSONValue]]:
    for label in _FLOWS:
        if label in state:
            yield label, state[label]
    branches = state.get("Branches")
    if isinstance(branches, list):
        yield from ((f"Branches[{at}]", branch) for at, branch in enumerate(branches))


def _assigned(raw: Mapping[str, JSONValue]) -> Iterator[str]:
    """Names that a state assigns, itself, in a choice or in a catcher."""
    for holder in (raw, *_objects(raw.get("Choices")), *_objects(raw.get("Catch"))):
        assign = holder.get("Assign")
        if isinstance(assign, dict):
            yield from (name.removesuffix(".$") for name in assign)


def _objects(value: JSONValue) -> list[dict[str, JSONValue]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _names(state: RawState) -> Iterator[str]:
    own = {key: value for key, value in state.raw.items() if key not in (*_FLOWS, "Branches")}
    for key, text in _texts("", own):
        is_path = state.language != Language.JSONATA and key.endswith(_PATH_FIELDS)
        if is_path or is_jsonata(text):
            yield from _NAME.findall(_QUOTED.sub("", text))


def _texts(key: str, value: JSONValue) -> Iterator[tuple[str, str]]:
    """Every text, with the name of the member it stands in."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(key, one)
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _texts(name, one)
