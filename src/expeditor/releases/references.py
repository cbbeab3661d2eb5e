"""Which function versions a state machine's definition names, or may name while it runs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from expeditor.errors import ServiceError
from expeditor.functions import parse
from expeditor.payloads import JSONValue

_VERSION_ARN = re.compile(r"(?<![\w-])function:(?P<name>[\w-]+):(?P<version>\d+)(?![\w-])", re.ASCII)
_COMPUTED = "{%"


@dataclass(frozen=True, slots=True)
class Named:
    """What a definition names.

    Attributes:
        versions: (function, version) pairs.
        functions: functions of which it chooses the version while it runs.
        is_open: it also chooses the function while it runs.
    """

    versions: frozenset[tuple[str, str]] = frozenset()
    functions: frozenset[str] = frozenset()
    is_open: bool = False

    def __or__(self, other: "Named") -> "Named":
        return Named(self.versions | other.versions, self.functions | other.functions, self.is_open or other.is_open)


def named_in(definition: JSONValue) -> Named:
    """Everything that *definition* could call; a version counts wherever its ARN appears, also within a text."""
    named = Named()
    for value in _values(definition):
        if isinstance(value, dict):
            named |= _called(value)
        elif isinstance(value, str):
            named |= Named(frozenset((match["name"], match["version"]) for match in _VERSION_ARN.finditer(value)))
    return named


def _values(value: JSONValue) -> Iterator[JSONValue]:
    yield value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inside:
        yield from _values(each)


def _called(fields: dict[str, JSONValue]) -> Named:
    """What the parameters of a call of Lambda name."""
    if "FunctionName.$" in fields:
        return Named(is_open=True)
    if not isinstance(fields.get("FunctionName"), str):
        return Named()
    function, qualifier = str(fields["FunctionName"]), fields.get("Qualifier")
    if _COMPUTED in function:
        return Named(is_open=True)
    try:
        name, inside = parse(function)
    except ServiceError:
        return Named(is_open=True)
    if "Qualifier.$" in fields or _COMPUTED in str(qualifier):
        return Named(functions=frozenset({name}))
    return Named(frozenset((name, str(each)) for each in (inside, qualifier) if each is not None))
