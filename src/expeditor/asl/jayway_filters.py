"""What Jayway's filters compare and how, and its functions, as tables."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from expeditor.asl import safe_regex
from expeditor.asl.jayway import Aggregate, NoResultError, Predicate, Query, Walk
from expeditor.asl.safe_regex import SafeRegex
from expeditor.asl.scope import MISSING, Missing
from expeditor.payloads import JSONValue

Value: TypeAlias = "JSONValue | Missing | SafeRegex"


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a comparison.

    Attributes:
        value: its value for an item; MISSING where a path finds nothing.
        query: the path, if it is one.
    """

    value: Callable[[JSONValue, Walk], Value]
    query: Query | None = None

    def read(self, item: JSONValue, walk: Walk) -> JSONValue:
        """The value as JSON, nothing being null."""
        value = self.value(item, walk)
        return None if isinstance(value, Missing | SafeRegex) else value


def literal(value: JSONValue) -> Operand:
    """An operand that is written out."""
    return Operand(lambda _item, _walk: value)


def regex(pattern: str, flags: str) -> Operand:
    """An operand ``/pattern/flags``, which must match a whole string. Raises ValueError."""
    compiled = safe_regex.compile_whole(pattern, flags)
    return Operand(lambda _item, _walk: compiled)


def path_operand(query: Query, *, absolute: bool) -> Operand:
    """An operand ``@...``, from the item, or ``$...``, from the document."""

    def value(item: JSONValue, walk: Walk) -> Value:
        walk.spend()
        try:
            return query.find_from(walk.root if absolute else item, walk)
        except NoResultError:
            return MISSING

    return Operand(value, query)


def any_of(parts: tuple[Predicate, ...]) -> Predicate:
    """``||``."""
    return lambda item, walk: any(part(item, walk) for part in parts)


def all_of(parts: tuple[Predicate, ...]) -> Predicate:
    """``&&``."""
    return lambda item, walk: all(part(item, walk) for part in parts)


def negation(part: Predicate) -> Predicate:
    """``!``."""
    return lambda item, walk: not part(item, walk)


def existence(operand: Operand) -> Predicate:
    """A path alone: something is there, be it null."""
    return lambda item, walk: operand.value(item, walk) is not MISSING


def comparison(left: Operand, operator: str, right: Operand) -> Predicate:
    """*operator* is a key of ``COMPARISONS``."""
    compare = COMPARISONS[operator]
    return lambda item, walk: compare(left.value(item, walk), right.value(item, walk))


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal(left: Value, right: Value) -> bool:
    """Jayway compares a string with a number as what stands on the left."""
    if isinstance(left, str) and _is_number(right):
        return left == _number_text(right)
    if _is_number(left) and isinstance(right, str):
        return left == _number(right)
    return _same(left, right)


def _same(left: Value, right: Value) -> bool:
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    return left is not MISSING and left == right


def _number_text(value: Value) -> str:
    return repr(value)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _ordered(compare: Callable[[float | str, float | str], bool]) -> Callable[[Value, Value], bool]:
    def holds(left: Value, right: Value) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            return compare(left, right)
        if isinstance(left, int | float) and isinstance(right, int | float):
            return _is_number(left) and _is_number(right) and compare(left, right)
        return False

    return holds


def _matches(left: Value, right: Value) -> bool:
    if isinstance(left, SafeRegex):
        left, right = right, left
    if not isinstance(right, SafeRegex):
        return False
    if isinstance(left, list):
        return any(isinstance(item, str) and right.matches(item) for item in left)
    if isinstance(left, bool):
        return right.matches("true" if left else "false")
    if isinstance(left, int | float):
        return right.matches(_number_text(left))
    return isinstance(left, str) and right.matches(left)


def _member_of(left: Value, right: Value) -> bool:
    return isinstance(right, list) and any(_equal(left, item) for item in right)


def _subset(left: Value, right: Value) -> bool:
    return isinstance(left, list) and isinstance(right, list) and all(_member_of(item, right) for item in left)


def _any_member(left: Value, right: Value) -> bool:
    return isinstance(left, list) and isinstance(right, list) and any(_member_of(item, right) for item in left)


def _no_member(left: Value, right: Value) -> bool:
    return isinstance(left, list) and isinstance(right, list) and not _any_member(left, right)


def _has_size(left: Value, right: Value) -> bool:
    return isinstance(left, str | list | dict) and _is_number(right) and len(left) == right


def _is_empty(left: Value, right: Value) -> bool:
    return isinstance(left, str | list | dict) and isinstance(right, bool) and (not left) is right


def _contains(left: Value, right: Value) -> bool:
    if isinstance(left, str):
        return isinstance(right, str) and right in left
    return _member_of(right, left)


COMPARISONS: Final[Mapping[str, Callable[[Value, Value], bool]]] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "===": lambda left, right: _is_number(left) == _is_number(right) and _same(left, right),
    "!==": lambda left, right: _is_number(left) != _is_number(right) or not _same(left, right),
    "<": _ordered(lambda left, right: left < right),  # type: ignore[operator]
    "<=": _ordered(lambda left, right: left <= right),  # type: ignore[operator]
    ">": _ordered(lambda left, right: left > right),  # type: ignore[operator]
    ">=": _ordered(lambda left, right: left >= right),  # type: ignore[operator]
    "=~": _matches,
    "in": _member_of,
    "nin": lambda left, right: isinstance(right, list) and not _member_of(left, right),
    "subsetof": _subset,
    "anyof": _any_member,
    "noneof": _no_member,
    "all": lambda left, right: isinstance(right, list) and _subset(right, left),
    "size": _has_size,
    "contains": _contains,
    "empty": _is_empty,
}

WORD_OPERATORS: Final = tuple(name for name in COMPARISONS if name.isalpha())


def _numbers(value: JSONValue, arguments: list[JSONValue]) -> list[float]:
    given = [*(value if isinstance(value, list) else []), *arguments]
    try:
        numbers = [float(item) for item in given if isinstance(item, int | float) and not isinstance(item, bool)]
    except OverflowError as error:
        raise NoResultError("a number is too large") from error
    if not numbers:
        raise NoResultError("Aggregation function attempted to calculate value using empty array")
    return numbers


def _over_numbers(aggregate: Callable[[list[float]], float]) -> Aggregate:
    return lambda value, arguments: aggregate(_numbers(value, arguments))


def _mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)


def _deviation(numbers: list[float]) -> float:
    mean = _mean(numbers)
    return math.sqrt(sum((number - mean) ** 2 for number in numbers) / len(numbers))


def _length(value: JSONValue, _arguments: list[JSONValue]) -> JSONValue:
    return len(value) if isinstance(value, list | dict) else None


def _concat(value: JSONValue, arguments: list[JSONValue]) -> JSONValue:
    given = [*(value if isinstance(value, list) else []), *arguments]
    return "".join(item for item in given if isinstance(item, str))


def _keys(value: JSONValue, _arguments: list[JSONValue]) -> JSONValue:
    return list(value) if isinstance(value, dict) else None


def _append(value: JSONValue, arguments: list[JSONValue]) -> JSONValue:
    return [*value, *arguments] if isinstance(value, list) else value


def _at(position: int) -> Aggregate:
    return lambda value, _arguments: _index(value, [position])


def _index(value: JSONValue, arguments: list[JSONValue]) -> JSONValue:
    position = arguments[0] if arguments else None
    if not isinstance(value, list) or not isinstance(position, int) or not -len(value) <= position < len(value):
        raise NoResultError("Aggregation function attempted to calculate value using empty array")
    return value[position]


FUNCTIONS: Final[Mapping[str, Aggregate]] = {
    "min": _over_numbers(min),
    "max": _over_numbers(max),
    "sum": _over_numbers(sum),
    "avg": _over_numbers(_mean),
    "stddev": _over_numbers(_deviation),
    "length": _length,
    "size": _length,
    "concat": _concat,
    "keys": _keys,
    "append": _append,
    "first": _at(0),
    "last": _at(-1),
    "index": _index,
}
"""Functions at the end of a path. Source: Jayway JsonPath, "Functions"."""
