"""From JSONPath text to a query, with Jayway's grammar: paths, filters and the functions at the end of a path."""

import re
from typing import Final

import msgspec

from expeditor.asl import jayway, jayway_filters
from expeditor.asl.cursor import Cursor
from expeditor.asl.jayway import Query, Step
from expeditor.payloads import JSONValue, decode

_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_INDICES: Final = re.compile(r"-?\d+\s*(?:,\s*-?\d+\s*)*")
_SLICE: Final = re.compile(r"(-?\d+)?\s*:\s*(-?\d+)?\s*(?::\s*-?\d*\s*)?")
_FLAGS: Final = re.compile(r"[a-zA-Z]*")
_OPERATOR: Final = re.compile(
    r"===|!==|==|!=|<=|>=|=~|<|>|(?i:" + "|".join(jayway_filters.WORD_OPERATORS) + r")(?![A-Za-z])"
)
_KEYWORD: Final = re.compile(r"(true|false|null)(?![A-Za-z])")
_KEYWORD_VALUES: Final = {"true": True, "false": False, "null": None}


def parse(text: str) -> Query:
    """The query of *text*, which begins with ``$``.

    Raises:
        PathSyntaxError: also when the text is too long or nested too deeply.
    """
    cursor = Cursor(text)
    query = parse_prefix(cursor, "$")
    cursor.end()
    return query


def parse_prefix(cursor: Cursor, roots: str, stops: str = "") -> Query:
    """The path that starts here with one of *roots*; the cursor ends behind it. *stops* end a name. Raises as parse."""
    if not cursor.next_is(roots):
        raise cursor.fault(f"a path starts with {' or '.join(roots)}")
    cursor.at += 1
    return parse_steps(cursor, stops)


def parse_steps(cursor: Cursor, stops: str = "") -> Query:
    """What follows the root of a path. As parse_prefix."""
    steps: list[Step] = []
    while cursor.next_is(".["):
        if steps and isinstance(steps[-1], jayway.Call):
            raise cursor.fault("a function ends the path")
        steps.extend(_steps(cursor, stops))
    return _query(tuple(steps))


def _query(steps: tuple[Step, ...]) -> Query:
    head = 0
    while head < len(steps) and _is_definite(steps[head], last=head == len(steps) - 1):
        head += 1
    called = bool(steps) and isinstance(steps[-1], jayway.Call)
    return Query("$" + "".join(map(str, steps)), steps, head, definite=called or head == len(steps))


def _is_definite(step: Step, *, last: bool) -> bool:
    if isinstance(step, jayway.Keys):
        return len(step.names) == 1 or last
    return isinstance(step, jayway.Indices) and len(step.positions) == 1


def _steps(cursor: Cursor, stops: str) -> tuple[Step, ...]:
    if cursor.take(".."):
        return (jayway.Scan(), _bracket(cursor) if cursor.peek() == "[" else _dotted(cursor, stops))
    if cursor.take(".") and cursor.peek() != "[":
        return (_dotted(cursor, stops),)
    return (_bracket(cursor),)


def _dotted(cursor: Cursor, stops: str) -> Step:
    if cursor.take("*"):
        return jayway.Wildcard()
    start = cursor.at
    while cursor.peek() and not cursor.next_is(".[( \t\n" + stops):
        cursor.at += 1
    name = cursor.text[start : cursor.at]
    if not name:
        raise cursor.fault("a name must follow a dot")
    if cursor.peek() == "(":
        return _call(cursor, name)
    return jayway.Keys((name,))


def _call(cursor: Cursor, name: str) -> Step:
    function = jayway_filters.FUNCTIONS.get(name)
    if function is None:
        raise cursor.fault(f"no function is called {name}")
    cursor.expect("(")
    arguments: list[jayway.Operand] = []
    cursor.blanks()
    while not cursor.take(")"):
        if arguments:
            cursor.expect(",")
        arguments.append(_operand(cursor).read)
        cursor.blanks()
    return jayway.Call(name, function, tuple(arguments))


def _bracket(cursor: Cursor) -> Step:
    cursor.expect("[")
    cursor.blanks()
    step = _bracketed(cursor)
    cursor.expect("]")
    return step


def _bracketed(cursor: Cursor) -> Step:
    if cursor.next_is("'\""):
        return jayway.Keys(_names(cursor))
    if cursor.take("*"):
        return jayway.Wildcard()
    if cursor.take("?"):
        return _filter(cursor)
    if match := cursor.match(_SLICE):
        start, stop = (None if bound is None else int(bound) for bound in match.groups())
        if start is None and stop is None:
            raise cursor.fault("a slice needs a start or an end")
        return jayway.Slice(start, stop)
    if match := cursor.match(_INDICES):
        return jayway.Indices(tuple(int(position) for position in match[0].split(",")))
    raise cursor.fault("expected a quoted name, a position, a slice, * or ?(")


def _names(cursor: Cursor) -> tuple[str, ...]:
    names = [cursor.quoted("'\"")]
    cursor.blanks()
    while cursor.take(","):
        cursor.blanks()
        names.append(cursor.quoted("'\""))
        cursor.blanks()
    return tuple(names)


def _filter(cursor: Cursor) -> Step:
    cursor.expect("(")
    predicate = _any_of(cursor)
    cursor.expect(")")
    return jayway.Filter(predicate)


def _any_of(cursor: Cursor) -> jayway.Predicate:
    with cursor.nested():
        parts = [_all_of(cursor)]
        while cursor.take("||"):
            parts.append(_all_of(cursor))
    return parts[0] if len(parts) == 1 else jayway_filters.any_of(tuple(parts))


def _all_of(cursor: Cursor) -> jayway.Predicate:
    parts = [_term(cursor)]
    cursor.blanks()
    while cursor.take("&&"):
        parts.append(_term(cursor))
        cursor.blanks()
    return parts[0] if len(parts) == 1 else jayway_filters.all_of(tuple(parts))


def _term(cursor: Cursor) -> jayway.Predicate:
    cursor.blanks()
    if cursor.take("!"):
        with cursor.nested():
            return jayway_filters.negation(_term(cursor))
    if cursor.take("("):
        inner = _any_of(cursor)
        cursor.expect(")")
        return inner
    return _comparison(cursor)


def _comparison(cursor: Cursor) -> jayway.Predicate:
    left = _operand(cursor)
    cursor.blanks()
    match = cursor.match(_OPERATOR)
    if match is None:
        if left.query is None:
            raise cursor.fault("expected an operator")
        return jayway_filters.existence(left)
    operator = match[0].lower()
    cursor.blanks()
    right = _regex(cursor) if operator == "=~" and cursor.peek() == "/" else _operand(cursor)
    return jayway_filters.comparison(left, operator, right)


def _operand(cursor: Cursor) -> jayway_filters.Operand:
    cursor.blanks()
    if cursor.next_is("@$"):
        absolute = cursor.peek() == "$"
        with cursor.nested():
            return jayway_filters.path_operand(parse_prefix(cursor, "@$", stops=")],=<>!&|~"), absolute=absolute)
    if cursor.next_is("'\""):
        return jayway_filters.literal(cursor.quoted("'\""))
    if cursor.next_is("[{"):
        return jayway_filters.literal(_json(cursor))
    if match := cursor.match(_NUMBER):
        return jayway_filters.literal(cursor.number(match[0]))
    if match := cursor.match(_KEYWORD):
        return jayway_filters.literal(_KEYWORD_VALUES[match[1]])
    raise cursor.fault("expected a path or a value")


def _json(cursor: Cursor) -> JSONValue:
    """A JSON array or object; as in Jayway, strings may stand in single quotes."""
    parts: list[str] = []
    depth = 0
    while not parts or depth:
        if not cursor.peek():
            raise cursor.fault("an array or object is not closed")
        if cursor.next_is("'\""):
            parts.append(msgspec.json.encode(cursor.quoted("'\"")).decode())
            continue
        depth += cursor.next_is("[{") - cursor.next_is("]}")
        parts.append(cursor.peek())
        cursor.at += 1
    try:
        return decode("".join(parts))
    except msgspec.DecodeError as error:
        raise cursor.fault("not a JSON value") from error


def _regex(cursor: Cursor) -> jayway_filters.Operand:
    cursor.expect("/")
    start = cursor.at
    while not cursor.next_is("/"):
        cursor.at += 2 if cursor.peek() == "\\" else 1
        if cursor.at >= len(cursor.text):
            raise cursor.fault("a regular expression is not closed")
    pattern = cursor.text[start : cursor.at]
    cursor.at += 1
    flags = cursor.match(_FLAGS)
    try:
        return jayway_filters.regex(pattern, flags[0] if flags else "")
    except ValueError as error:
        raise cursor.fault(str(error)) from error
