"""Paths of JSONPath states: what ``$``, ``$$`` and ``$name`` select, and where ``ResultPath`` writes."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, TypeAlias, cast

from expeditor.asl.cursor import Cursor, PathSyntaxError
from expeditor.asl.jayway import VISITS_MAX, BeyondEndError, NoResultError, Query, TooCostlyError, Walk
from expeditor.asl.jayway_parser import parse, parse_prefix, parse_steps
from expeditor.asl.safe_regex import RegexTimeoutError
from expeditor.asl.scope import MISSING, EvaluationError, Expression, Lookup, Scope, Selected
from expeditor.payloads import JSONValue, encode

__all__ = [
    "PathSyntaxError",
    "ReferencePath",
    "compile_lookup",
    "compile_path",
    "compile_reference_path",
    "take_path",
]

OnMissing: TypeAlias = Callable[[Scope, NoResultError], Selected]
"""What stands in where a definite path finds nothing; it may raise."""

_VARIABLE: Final = re.compile(r"\$([^\W\d]\w*)")
_WHOLE_STATE_FIELDS: Final = frozenset({"InputPath", "OutputPath"})


@dataclass(frozen=True, slots=True)
class _Path:
    """A parsed path: *root* reads the document from a scope, *query* goes on from there."""

    text: str
    root: Callable[[Scope], JSONValue]
    query: Query


def take_path(cursor: Cursor) -> str:
    """The text of the path that starts at *cursor* and ends before a blank, ``,`` or ``)``; the cursor ends behind it.

    Raises:
        PathSyntaxError: no path starts here.
    """
    start = cursor.at
    if cursor.match(_VARIABLE):
        parse_steps(cursor, stops=",)")
    else:
        cursor.take("$" if cursor.text.startswith("$$", start) else "")
        parse_prefix(cursor, "$", stops=",)")
    return cursor.text[start : cursor.at]


def _parse(text: str) -> _Path:
    if text.startswith("$$"):
        return _Path(text, attrgetter("context"), parse(text[1:]))
    if match := _VARIABLE.match(text):
        return _Path(text, attrgetter("variables"), parse(f"$.{match[1]}{text[match.end() :]}"))
    return _Path(text, attrgetter("input"), parse(text))


def compile_path(text: str, *, field: str = "Path") -> Expression:
    """The values *text* selects: one value of a definite path, else a list.

    Args:
        text: a path that starts with ``$`` (input), ``$$`` (context object) or ``$name`` (variable).
        field: the field it stands in, as failures name it.

    Raises:
        PathSyntaxError: not such a path.

    The expression fails with ``States.Runtime`` where a definite path finds nothing.
    """
    path = _parse(text)

    def missing(scope: Scope, reason: NoResultError) -> JSONValue:
        if field.endswith(".$") and isinstance(reason, BeyondEndError):
            return None  # AWS fills a template with null here, and only here.
        if field in _WHOLE_STATE_FIELDS:
            raise EvaluationError("States.Runtime", f"Invalid path '{text}' : {reason}")
        raise EvaluationError("States.Runtime", not_found(text, field, scope))

    # Nothing else than MISSING tells a lookup from an expression, and `missing` never returns it here.
    return cast(Expression, _reader(path, missing))


def _nothing(_scope: Scope, _reason: NoResultError) -> Selected:
    return MISSING


def compile_lookup(text: str, *, missing: OnMissing = _nothing) -> Lookup:
    """As ``compile_path``, but where a definite path finds nothing *missing* answers: MISSING unless told."""
    return _reader(_parse(text), missing)


def not_found(text: str, field: str, scope: Scope) -> str:
    """The cause when the path *text* in *field* finds nothing."""
    shown = encode(scope.context if text.startswith("$$") else scope.input).decode()
    return f"The JSONPath '{text}' specified for the field '{field}' could not be found in the input '{shown}'"


def _reader(path: _Path, missing: OnMissing) -> Lookup:
    keys = path.query.keys
    if keys is None:
        return _query_reader(path, missing)
    if not keys:
        return path.root
    return _key_reader(path, keys, missing)


def _key_reader(path: _Path, keys: tuple[str | int, ...], missing: OnMissing) -> Lookup:
    root, indexed = path.root, not all(isinstance(key, str) for key in keys)

    def read(scope: Scope) -> Any:
        value: Any = root(scope)
        try:
            for key in keys:
                value = value[key]
        except (KeyError, TypeError):
            return missing(scope, _reason(path, scope))
        return value

    def read_indexed(scope: Scope) -> Any:
        value: Any = root(scope)
        try:
            for key in keys:
                if type(value) is str:
                    return missing(scope, _reason(path, scope))
                value = value[key]
        except (KeyError, TypeError, IndexError):
            return missing(scope, _reason(path, scope))
        return value

    return read_indexed if indexed else read


def _reason(path: _Path, scope: Scope) -> NoResultError:
    try:
        path.query.find(path.root(scope))
    except NoResultError as error:
        return error
    raise AssertionError("the query finds what its keys do not")


def _query_reader(path: _Path, missing: OnMissing) -> Lookup:
    def read(scope: Scope) -> Selected:
        document, allowed = path.root(scope), min(VISITS_MAX, scope.visits_left)
        walk = Walk(document, allowed)
        try:
            return path.query.find_from(document, walk)
        except NoResultError as error:
            return missing(scope, error)
        except (TooCostlyError, RegexTimeoutError) as error:
            raise EvaluationError("States.Runtime", f"Invalid path '{path.text}' : {error}") from error
        finally:
            scope.visits_left -= allowed - walk.left

    return read


@dataclass(frozen=True, slots=True)
class ReferencePath:
    """A path that names one place: member names and array positions only.

    Attributes:
        text: as written.
        keys: from the document down.
    """

    text: str
    keys: tuple[str | int, ...]

    def get(self, document: JSONValue) -> JSONValue:
        """The value at the place. Raises EvaluationError ``States.ReferencePathConflict``."""
        value = document
        for key in self.keys:
            if not _has(value, key):
                raise _conflict(key, document)
            value = cast(Any, value)[key]
        return value

    def set(self, document: JSONValue, value: JSONValue) -> JSONValue:
        """*document* with *value* at the place; everything off the way there is shared with *document*.

        Objects that lack on the way are made; an array must have the position already.

        Raises:
            EvaluationError: ``States.ReferencePathConflict``; the way leads through something else.
        """
        changed: list[tuple[Any, str | int]] = []
        current: Any = document
        for key in self.keys:
            if current is MISSING:
                current = {}
            if not (isinstance(current, dict) and isinstance(key, str)) and not _has(current, key):
                raise _conflict(key, document)
            changed.append((current.copy(), key))
            current = current.get(key, MISSING) if isinstance(current, dict) else current[key]
        while changed:
            copy, key = changed.pop()
            copy[key] = value
            value = copy
        return value


def _has(value: JSONValue, key: str | int) -> bool:
    if isinstance(key, str):
        return isinstance(value, dict) and key in value
    return isinstance(value, list) and key < len(value)


def _conflict(key: str | int, document: JSONValue) -> EvaluationError:
    shown = encode(document).decode()
    return EvaluationError("States.ReferencePathConflict", f'Unable to apply step "{key}" to input {shown}')


def compile_reference_path(text: str) -> ReferencePath:
    """The place *text* names in the input.

    Raises:
        PathSyntaxError: not a path from ``$``, or one that may select more than one value.
    """
    keys = parse(text).keys
    if keys is None:
        raise PathSyntaxError(text, 0, "a reference path selects one value, by names and positions only,")
    return ReferencePath(text, keys)
