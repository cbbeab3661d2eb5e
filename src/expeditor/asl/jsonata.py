"""JSONata as Step Functions evaluates it: ``$states`` and variables bound, its extra functions, and limits."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from operator import attrgetter
from typing import Any, Final

import jlens

from expeditor.asl.jsonata_functions import (
    ARRAY_LENGTH_MAX,
    BUILT_IN,
    FUNCTIONS,
    MEMORY_EXCEEDED,
    FunctionError,
    current_draws,
)
from expeditor.asl.scope import MISSING, EvaluationError, Expression, Lookup, Missing, Scope, Selected
from expeditor.payloads import JSONValue, encode

TEXT_LENGTH_MAX = 100_000
"""Longest expression, in characters."""

LIMITS: Final[Mapping[str, Any]] = {
    "max_steps": 3_000_000,
    "timeout": 0.25,
    "max_depth": 102,
    "max_string_length": 6_990_256,
    "max_array_length": ARRAY_LENGTH_MAX,
    "max_result_size": 524_288,
}
"""What one evaluation may use: steps, seconds, levels, bytes of a string, items of an array, bytes of result.

Steps come first, about as many as fit into the time, so that a replay ends as the evaluation did; the clock is for
what has costly steps. AWS allows a second, but here other executions wait. Levels and strings are AWS's: 100 levels,
and two more for what stands around an expression here.
"""

FULL_SHARES = 4
SECONDS_MIN = 0.05


@cache
def _limits(shared_by: int) -> Mapping[str, Any]:
    """What each of so many expressions may use, so that all of a template together are bounded too."""
    if shared_by <= FULL_SHARES:
        return LIMITS
    share = FULL_SHARES / shared_by
    steps, seconds = int(LIMITS["max_steps"] * share), max(SECONDS_MIN, LIMITS["timeout"] * share)
    return {**LIMITS, "max_steps": steps, "timeout": seconds}


_BINDINGS: Final[dict[str, Any]] = {"eval": None}
"""AWS disables ``$eval``."""


class JsonataSyntaxError(ValueError):
    """Not a JSONata expression.

    Attributes:
        code: JSONata's code, such as ``S0201``.
        position: characters before the fault, within the expression.
    """

    def __init__(self, code: str, message: str, position: int) -> None:
        super().__init__(f"{message} ({code} at position {position})")
        self.code = code
        self.position = position


def is_jsonata(text: str) -> bool:
    """Whether a string of a definition is an expression: ``{% ... %}`` and nothing else."""
    return text.startswith("{%") and text.endswith("%}") and len(text) >= 4


def is_computing(text: str) -> bool:
    """Whether a string is an expression that does more than read a member."""
    return is_jsonata(text) and _MEMBERS.fullmatch(strip_marks(text)) is None


def strip_marks(text: str) -> str:
    """*text* without ``{%`` and ``%}``."""
    return (text[2:-2] if is_jsonata(text) else text).strip()


def compile_jsonata(text: str, *, field: str = "Output", expected: str | None = None, shared_by: int = 1) -> Expression:
    """The value of the expression *text*, with or without ``{% %}``.

    Args:
        field: the field it stands in, as failures name it, such as ``Output/total``.
        expected: the JSON type the result must have, such as ``array``; None for any.
        shared_by: how many expressions of one template share the limits; up to ``FULL_SHARES`` have them whole.

    Raises:
        JsonataSyntaxError: not JSONata.

    The expression fails with ``States.QueryEvaluationError``: an error, no result, a result that is not JSON or not
    of the expected type, or a limit.
    """
    source = strip_marks(text)
    _check(source)
    evaluate = _member_reader(source, shared_by) or _Evaluation(source, shared_by)

    def checked(scope: Scope) -> JSONValue:
        try:
            value = evaluate(scope)
        except _FailedError as failed:
            raise _failure(source, field, f"threw an error during evaluation{failed}") from failed
        if value is MISSING:
            raise _failure(source, field, "returned nothing (undefined).")
        if expected is not None and json_type(value) != expected:
            reason = f"Expected '{expected}', but was '{json_type(value)}' for value: {encode(value).decode()}"
            raise _failure(source, field, f"returned an unexpected result type. {reason}")
        return value

    return checked


def json_type(value: JSONValue) -> str:
    """JSON's name for the type of *value*."""
    return _TYPES[type(value)]


_TYPES: Final[Mapping[type, str]] = {
    dict: "object",
    list: "array",
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


class _FailedError(Exception):
    """JSONata refused; the text is what follows "threw an error during evaluation"."""

    def __init__(self, code: str | None, message: str) -> None:
        super().__init__(f": {message}" if code is None else f". {code}: {message}")


_LIMIT_MESSAGES: Final[Mapping[str, str]] = {
    "D1011": "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive",
    "D1012": "Expression evaluation timeout: Check for infinite loop",
    "U1006": "Expression evaluation timeout: Check for infinite loop",
    "U1001": MEMORY_EXCEEDED,
}
"""AWS's words for the engine's codes where a limit is passed."""


def _failure(source: str, field: str, reason: str) -> EvaluationError:
    cause = f"The JSONata expression '{source}' specified for the field '{field}' {reason}"
    return EvaluationError("States.QueryEvaluationError", cause, location=field)


def _check(source: str) -> None:
    """Compiles *source* alone, so that it can neither close the brackets put around it later nor shift positions."""
    if len(source) > TEXT_LENGTH_MAX:
        raise JsonataSyntaxError("U1001", f"an expression is longer than {TEXT_LENGTH_MAX} characters", TEXT_LENGTH_MAX)
    _engine(source)


def _engine(source: str) -> jlens.Expression:
    try:
        return jlens.Expression(source)
    except jlens.JlensError as error:
        raise JsonataSyntaxError(error.code, str(error), error.position or 0) from error


_NAME: Final = re.compile(r"\$([^\W\d]\w*)")
_MEMBERS: Final = re.compile(r"\$(\w+)((?:\.[A-Za-z_]\w*)*)")
_STATES_FIELDS: Final = {"input": "input", "context": "context", "result": "result", "errorOutput": "error_output"}
"""Members of ``$states`` and the scope's name for each."""

_RESERVED_NAMES: Final = frozenset({"and", "or", "in", "true", "false", "null"})


def _member_reader(source: str, shared_by: int) -> Lookup | None:
    """A reader for ``$states.input.a`` and ``$name.a``, which are most expressions: it neither converts nor copies.

    Through anything but objects it goes the long way, as JSONata maps over arrays.
    """
    match = _MEMBERS.fullmatch(source)
    if match is None or match[1] in BUILT_IN:
        return None
    keys = tuple(match[2].split(".")[1:])
    if _RESERVED_NAMES & set(keys):
        return None
    general = _Evaluation(source, shared_by)
    if match[1] != "states":
        return _reader(attrgetter("variables"), (match[1], *keys), general)
    if keys and keys[0] in _STATES_FIELDS:
        return _reader(attrgetter(_STATES_FIELDS[keys[0]]), keys[1:], general)
    return None


def _reader(root: Callable[[Scope], Any], keys: tuple[str, ...], general: Lookup) -> Lookup:
    def read(scope: Scope) -> Any:
        value: Any = root(scope)
        try:
            for key in keys:
                value = value[key]
        except (KeyError, TypeError):
            return general(scope)
        # JSONata knows no 1.0, only 1.
        return int(value) if type(value) is float and value.is_integer() else value

    return read


def _states(scope: Scope) -> dict[str, JSONValue]:
    states = {"input": scope.input, "context": scope.context}
    if not isinstance(scope.result, Missing):
        states["result"] = scope.result
    if not isinstance(scope.error_output, Missing):
        states["errorOutput"] = scope.error_output
    return states


class _Evaluation:
    """An expression behind ``$states`` and the variables it names.

    The engine reads its input as far as the expression reaches but converts bindings whole: both come from the input.
    The object around the expression tells null from nothing.
    """

    def __init__(self, source: str, shared_by: int) -> None:
        self._limits = _limits(shared_by)
        names = set(_NAME.findall(source))
        variables = names - BUILT_IN - {"states"}
        bound = "".join(f"${name} := $$.variables.`{name}`; " for name in sorted(variables))
        self._expression = _engine(f'($states := $$.states; {bound}{{"value": {source}}})')
        for name in names & FUNCTIONS.keys():
            self._expression.register_function(name, *FUNCTIONS[name])

    def __call__(self, scope: Scope) -> Selected:
        current_draws.set(scope.draws)
        document = {"states": _states(scope), "variables": scope.variables}
        try:
            found = self._expression.evaluate(document, _BINDINGS, now=round(scope.at * 1000), **self._limits)
        except jlens.JlensError as error:
            limit = _LIMIT_MESSAGES.get(error.code)
            raise _FailedError(*((error.code, str(error)) if limit is None else (None, limit))) from error
        except FunctionError as error:
            raise _FailedError(error.code, str(error)) from error
        selected: Selected = found.get("value", MISSING)
        return selected
