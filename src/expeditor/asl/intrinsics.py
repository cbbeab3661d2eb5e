"""Intrinsic function calls of JSONPath states, such as ``States.Format('Hello {}', $.name)``, compiled."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from expeditor.asl.cursor import Cursor
from expeditor.asl.intrinsic_functions import (
    FUNCTIONS,
    ArgumentError,
    FormatError,
    Signature,
    fill,
    pieces_of,
)
from expeditor.asl.jayway import NoResultError, NotAnArrayError
from expeditor.asl.paths import compile_lookup, take_path
from expeditor.asl.scope import EvaluationError, Expression, Scope
from expeditor.payloads import JSONValue, encode

CALLS_NESTED_MAX = 10
"""Deepest nesting of calls. Source: Developer Guide, "Intrinsic functions"."""

_NAME: Final = re.compile(r"States\.[A-Za-z0-9]+")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?=\s*[,)])")
_KEYWORD: Final = re.compile(r"(true|false|null)(?=\s*[,)])")
_KEYWORD_VALUES: Final = {"true": True, "false": False, "null": None}
_ESCAPE: Final = re.compile(r"\\(.)")
_STRING: Final = re.compile(r"'((?:[^'\\]|\\['{}\\])*)'")

_Argument: TypeAlias = Callable[[Scope], JSONValue]


class _CallFailedError(Exception):
    """A call cannot be answered; the text says why."""


@dataclass(frozen=True, slots=True)
class _Constant:
    """A value written out; *raw* is a string's text with its escapes."""

    value: JSONValue
    raw: str | None = None

    def __call__(self, _scope: Scope) -> JSONValue:
        return self.value


def compile_intrinsic(text: str) -> Expression:
    """The value of the call *text*.

    Raises:
        PathSyntaxError: not a call of a function there is.

    The expression fails with ``States.Runtime`` where a path finds nothing or an argument does not fit, as AWS does
    although its guide names ``States.IntrinsicFailure``.
    """
    cursor = Cursor(text.strip())
    call = _call(cursor, calls=1)
    cursor.end()

    def evaluate(scope: Scope) -> JSONValue:
        try:
            return call(scope)
        except _CallFailedError as failed:
            cause = f"The function '{text}' had the following error: {failed}"
            raise EvaluationError("States.Runtime", cause) from failed

    return evaluate


def _call(cursor: Cursor, *, calls: int) -> _Argument:
    if calls > CALLS_NESTED_MAX:
        raise cursor.fault(f"more than {CALLS_NESTED_MAX} functions are nested")
    match = cursor.match(_NAME)
    signature = FUNCTIONS.get(match[0]) if match else None
    if match is None or signature is None:
        raise cursor.fault("expected an intrinsic function")
    arguments = _arguments(cursor, calls)
    if match[0] == "States.Format" and arguments and isinstance(arguments[0], _Constant):
        return _format_call(arguments[0], arguments[1:])
    return _function_call(match[0], signature, tuple(arguments))


def _arguments(cursor: Cursor, calls: int) -> list[_Argument]:
    cursor.expect("(")
    arguments: list[_Argument] = []
    cursor.blanks()
    while not cursor.take(")"):
        if arguments:
            cursor.expect(",")
            cursor.blanks()
        arguments.append(_argument(cursor, calls))
        cursor.blanks()
    return arguments


def _argument(cursor: Cursor, calls: int) -> _Argument:
    if match := cursor.match(_STRING):
        return _Constant(_ESCAPE.sub(r"\1", match[1]), match[1])
    if match := cursor.match(_NUMBER):
        return _Constant(cursor.number(match[0]))
    if match := cursor.match(_KEYWORD):
        return _Constant(_KEYWORD_VALUES[match[1]])
    if cursor.peek() == "$":
        return _path(cursor)
    return _call(cursor, calls=calls + 1)


def _path(cursor: Cursor) -> _Argument:
    text = take_path(cursor)
    # AWS names the context object's paths as if they were the input's.
    named = text.removeprefix("$") if text.startswith("$$") else text

    def missing(scope: Scope, reason: NoResultError) -> JSONValue:
        if isinstance(reason, NotAnArrayError):
            raise _CallFailedError(str(reason))
        document = encode(scope.input).decode()
        raise _CallFailedError(
            f"The JsonPath argument for the field '{named}' could not be found in the input '{document}'"
        )

    # `missing` never answers, so the lookup is an expression.
    return cast(_Argument, compile_lookup(text, missing=missing))


def _function_call(name: str, signature: Signature, arguments: tuple[_Argument, ...]) -> _Argument:
    function = signature.function
    if len(arguments) < signature.minimum or (signature.maximum is not None and len(arguments) > signature.maximum):
        # AWS accepts such a definition and fails when it comes to the call.
        return _failing(_invalid(name, ArgumentError("wrong number of arguments.")))

    def call(scope: Scope) -> JSONValue:
        values = [argument(scope) for argument in arguments]
        try:
            return function(scope.draws, *values) if signature.draws else function(*values)
        except ArgumentError as error:
            raise _invalid(name, error) from error

    return call


def _format_call(template: _Constant, arguments: list[_Argument]) -> _Argument:
    try:
        if template.raw is None:
            raise ArgumentError
        pieces = pieces_of(template.raw)
    except ArgumentError as error:
        return _failing(_invalid("States.Format", error))

    def call(scope: Scope) -> JSONValue:
        try:
            return fill(pieces, [argument(scope) for argument in arguments])
        except ArgumentError as error:
            raise _invalid("States.Format", error) from error

    return call


def _failing(failure: _CallFailedError) -> _Argument:
    def call(_scope: Scope) -> JSONValue:
        raise failure

    return call


def _invalid(name: str, error: ArgumentError) -> _CallFailedError:
    what = "template" if isinstance(error, FormatError) else "arguments"
    return _CallFailedError(f"Invalid {what} in {name}{f': {error}' if str(error) else ''}")
