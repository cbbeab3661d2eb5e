"""Choice rules of JSONPath states, compiled to functions from scope to truth.

Source: ASL specification, "Choice State"; AWS Step Functions Developer Guide, "Choice state".
"""

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from expeditor.asl.paths import compile_lookup
from expeditor.asl.scope import MISSING, EvaluationError, Lookup, Missing, Scope, Selected
from expeditor.payloads import JSONValue

Rule: TypeAlias = Callable[[Scope], bool]
"""A compiled rule. Raises EvaluationError."""

NESTING_MAX = 50
"""Deepest nesting of And, Or and Not."""


class RuleError(ValueError):
    """A choice rule cannot be compiled.

    Attributes:
        pointer: where in the rule, such as ``/And/0/StringEquals``.
        reason: what is wrong there.
    """

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(f"{reason} (at '{pointer}')")
        self.pointer = pointer
        self.reason = reason


def compile_rule(rule: JSONValue) -> Rule:
    """The test a choice rule makes; ``Next`` and other fields that are no test are left alone.

    Raises:
        RuleError: no operator or several, an operand of the wrong type, or a wrong path.

    The rule fails with ``States.Runtime`` where a path finds nothing, save for IsPresent.
    """
    return _compile(rule, "", 1)


def _compile(rule: JSONValue, pointer: str, depth: int) -> Rule:
    if not isinstance(rule, dict):
        raise RuleError(pointer, "a choice rule must be an object")
    if depth > NESTING_MAX:
        raise RuleError(pointer, f"rules are nested more than {NESTING_MAX} deep")
    names = [name for name in rule if name in _COMBINATORS or name in OPERATORS]
    if len(names) != 1:
        raise RuleError(pointer, f"a choice rule needs one operator, found {', '.join(names) or 'none'}")
    name = names[0]
    if name in _COMBINATORS:
        return _COMBINATORS[name](rule[name], f"{pointer}/{name}", depth)
    variable = rule.get("Variable")
    if not isinstance(variable, str):
        raise RuleError(pointer, "a comparison needs a Variable")
    return _comparison(variable, name, rule[name], pointer)


def _parts(value: JSONValue, pointer: str, depth: int) -> list[Rule]:
    if not isinstance(value, list) or not value:
        raise RuleError(pointer, "needs an array of at least one rule")
    return [_compile(part, f"{pointer}/{index}", depth + 1) for index, part in enumerate(value)]


def _and(value: JSONValue, pointer: str, depth: int) -> Rule:
    parts = _parts(value, pointer, depth)
    return lambda scope: all(part(scope) for part in parts)


def _or(value: JSONValue, pointer: str, depth: int) -> Rule:
    parts = _parts(value, pointer, depth)
    return lambda scope: any(part(scope) for part in parts)


def _not(value: JSONValue, pointer: str, depth: int) -> Rule:
    part = _compile(value, pointer, depth + 1)
    return lambda scope: not part(scope)


_COMBINATORS: Final[Mapping[str, Callable[[JSONValue, str, int], Rule]]] = {"And": _and, "Or": _or, "Not": _not}


def _comparison(variable: str, name: str, operand: JSONValue, pointer: str) -> Rule:
    find = _lookup(variable, f"{pointer}/Variable")
    return OPERATORS[name](find, variable, operand, f"{pointer}/{name}")


def _lookup(path: JSONValue, pointer: str) -> Lookup:
    if not isinstance(path, str):
        raise RuleError(pointer, "needs a path")
    try:
        return compile_lookup(path)
    except ValueError as error:
        raise RuleError(pointer, str(error)) from error


def _found(value: Selected, path: str) -> JSONValue:
    if isinstance(value, Missing):
        cause = f"Invalid path '{path}': The choice state's condition path references an invalid value."
        raise EvaluationError("States.Runtime", cause)
    return value


def _text(value: JSONValue) -> Any:
    return value if isinstance(value, str) else None


def _number(value: JSONValue) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _boolean(value: JSONValue) -> Any:
    return value if isinstance(value, bool) else None


_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def timestamp(value: JSONValue) -> datetime | None:
    """The instant an RFC 3339 text names, with ``T`` and a zone as the specification demands; else None."""
    if not isinstance(value, str) or not _TIMESTAMP.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


_Kind: TypeAlias = Callable[[JSONValue], Any]
_Test: TypeAlias = Callable[[Any, Any], bool]
_Compiler: TypeAlias = Callable[[Lookup, str, JSONValue, str], Rule]


def _with_literal(kind: _Kind, test: _Test) -> _Compiler:
    def compile_one(find: Lookup, path: str, operand: JSONValue, pointer: str) -> Rule:
        expected = kind(operand)
        if expected is None:
            raise RuleError(pointer, "the operand has the wrong type")

        def holds(scope: Scope) -> bool:
            value = kind(_found(find(scope), path))
            return value is not None and test(value, expected)

        return holds

    return compile_one


def _with_path(kind: _Kind, test: _Test) -> _Compiler:
    def compile_one(find: Lookup, path: str, operand: JSONValue, pointer: str) -> Rule:
        find_expected = _lookup(operand, pointer)

        def holds(scope: Scope) -> bool:
            value = kind(_found(find(scope), path))
            expected = kind(_found(find_expected(scope), str(operand)))
            return value is not None and expected is not None and test(value, expected)

        return holds

    return compile_one


def _is(test: Callable[[JSONValue], bool]) -> _Compiler:
    def compile_one(find: Lookup, path: str, operand: JSONValue, pointer: str) -> Rule:
        wanted = _wanted(operand, pointer)
        return lambda scope: test(_found(find(scope), path)) is wanted

    return compile_one


def _is_present(find: Lookup, _path: str, operand: JSONValue, pointer: str) -> Rule:
    wanted = _wanted(operand, pointer)
    return lambda scope: (find(scope) is not MISSING) is wanted


def _wanted(operand: JSONValue, pointer: str) -> bool:
    if not isinstance(operand, bool):
        raise RuleError(pointer, "needs true or false")
    return operand


def _matches(find: Lookup, path: str, operand: JSONValue, pointer: str) -> Rule:
    if not isinstance(operand, str):
        raise RuleError(pointer, "the operand has the wrong type")
    pieces = _wildcard_pieces(operand)

    def holds(scope: Scope) -> bool:
        value = _found(find(scope), path)
        return isinstance(value, str) and _fits(value, pieces)

    return holds


def _wildcard_pieces(pattern: str) -> tuple[str, ...]:
    """What stands around each ``*``; a backslash keeps a ``*`` or a backslash as it is."""
    pieces = [""]
    for character in re.findall(r"\\[*\\]|.", pattern, re.DOTALL):
        if character == "*":
            pieces.append("")
        else:
            pieces[-1] += character[-1]
    return tuple(pieces)


def _fits(text: str, pieces: tuple[str, ...]) -> bool:
    """Takes the earliest place for each piece, so the time is linear in the text per piece."""
    if len(pieces) == 1:
        return text == pieces[0]
    first, *middle, last = pieces
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    position, end = len(first), len(text) - len(last)
    for piece in middle:
        position = text.find(piece, position, end)
        if position < 0:
            return False
        position += len(piece)
    return True


_ORDER: Final[Mapping[str, _Test]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}
_KINDS: Final[Mapping[str, _Kind]] = {"String": _text, "Numeric": _number, "Timestamp": timestamp}

OPERATORS: Final[Mapping[str, _Compiler]] = {
    **{kind + order: _with_literal(of, test) for kind, of in _KINDS.items() for order, test in _ORDER.items()},
    **{f"{kind}{order}Path": _with_path(of, test) for kind, of in _KINDS.items() for order, test in _ORDER.items()},
    "BooleanEquals": _with_literal(_boolean, operator.eq),
    "BooleanEqualsPath": _with_path(_boolean, operator.eq),
    "StringMatches": _matches,
    "IsPresent": _is_present,
    "IsNull": _is(lambda value: value is None),
    "IsString": _is(lambda value: isinstance(value, str)),
    "IsNumeric": _is(lambda value: _number(value) is not None),
    "IsBoolean": _is(lambda value: isinstance(value, bool)),
    "IsTimestamp": _is(lambda value: timestamp(value) is not None),
}
"""Comparison operators by name."""
