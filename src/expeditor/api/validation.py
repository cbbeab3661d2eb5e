"""The constraints of AWS's models, with AWS's wording of what breaks them."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from expeditor.api.errors import ValidationError
from expeditor.api.model import Shape

PROBLEMS_MAX = 10
"""Problems named in one refusal; the rest of the request is not looked at."""

ECHO_CHARACTERS_MAX = 4_096
"""Of an offending value, so much is repeated in the refusal."""

ENUM_ORDERS = {
    frozenset({"RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"}): (
        "SUCCEEDED",
        "TIMED_OUT",
        "PENDING_REDRIVE",
        "ABORTED",
        "FAILED",
        "RUNNING",
    ),
}
"""The order AWS lists a value set in, where it was seen and is not the model's."""

NOT_NULL = "Member must not be null"

_JAVA_CLASSES = ((r"\p{L}", r"\w"), (r"\p{N}", r"\d"), (r"\p{Z}", r"\s"), (r"\p{ASCII}", r"[\x00-\x7f]"))


@dataclass(slots=True)
class Problem:
    """One constraint that one value breaks; *path* grows outwards as its readers return."""

    value: str | None
    constraint: str
    path: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        shown = "Value" if self.value is None else f"Value {self.value}"
        return f"{shown} at '{'.'.join(self.path)}' failed to satisfy constraint: {self.constraint}"


@dataclass(frozen=True, slots=True)
class Check:
    """One constraint: its wording, and whether a value breaks it."""

    wording: str
    broken_by: Callable[..., bool]


def checks(shape: Shape) -> tuple[Check, ...]:
    """The constraints of a scalar, a list or a map, in the order AWS names them."""
    by_size = _ranges if shape.type in ("integer", "long", "float", "double") else _lengths
    found = by_size(shape)
    if shape.pattern is not None:
        found.append(_pattern(shape.pattern))
    if shape.enum:
        found.append(_enum(shape.enum))
    return tuple(found)


def problem(shape: Shape, value: object, constraint: str) -> Problem:
    """A broken constraint; what a sensitive member holds is not repeated."""
    return Problem(None if shape.sensitive else quoted(value), constraint)


def quoted(value: object) -> str:
    """A value as refusals repeat it, cut where it is long."""
    text = f"[{', '.join(map(str, value[:100]))}]" if isinstance(value, list) else str(value)
    return f"'{text[:ECHO_CHARACTERS_MAX]}'"


def refuse(problems: list[Problem]) -> ValidationError:
    """The refusal of a request with these problems, at least one."""
    assert problems
    some = problems[:PROBLEMS_MAX]
    noun = "error" if len(some) == 1 else "errors"
    return ValidationError(f"{len(some)} validation {noun} detected: " + "; ".join(map(str, some)))


def member_path(name: str) -> str:
    """A member's name as refusals spell it: ``FunctionName`` is ``functionName``."""
    return name[:1].lower() + name[1:]


def _lengths(shape: Shape) -> list[Check]:
    low, high = shape.min or 0, shape.max
    found = []
    if high is not None:
        most = int(high)
        found.append(Check(f"Member must have length less than or equal to {most}", lambda value: len(value) > most))
    if low:
        least = int(low)
        found.append(
            Check(f"Member must have length greater than or equal to {least}", lambda value: len(value) < least)
        )
    return found


def _ranges(shape: Shape) -> list[Check]:
    low, high = shape.min, shape.max
    found = []
    if high is not None:
        found.append(Check(f"Member must have value less than or equal to {high:g}", lambda value: value > high))
    if low is not None:
        found.append(Check(f"Member must have value greater than or equal to {low:g}", lambda value: value < low))
    return found


def _pattern(pattern: str) -> Check:
    matches = compile_pattern(pattern).fullmatch
    return Check(f"Member must satisfy regular expression pattern: {pattern}", lambda value: matches(value) is None)


def _enum(values: tuple[str, ...]) -> Check:
    allowed = frozenset(values)
    listed = ", ".join(ENUM_ORDERS.get(allowed, values))
    return Check(f"Member must satisfy enum value set: [{listed}]", lambda value: value not in allowed)


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A model's pattern, which is Java's, as Python's."""
    for java, python in _JAVA_CLASSES:
        pattern = pattern.replace(java, python)
    return re.compile(pattern)
