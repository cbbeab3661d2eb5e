"""JSONPath with the semantics of Jayway's library, which Step Functions uses: a parsed query and how it is walked.

A definite query, made of single names and positions, must match; in any other what does not match is skipped.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from expeditor.payloads import JSONValue

VISITS_MAX = 400_000
"""Most values one evaluation may look at, well under a second's work."""


VISITS_TOGETHER_MAX = 500_000
"""The same for all paths of one state, about half a second's work."""


class NoResultError(Exception):
    """A definite query found nothing; the text is Jayway's message."""


class BeyondEndError(NoResultError):
    """The last step is a position that the array does not have."""


class NotAnArrayError(NoResultError):
    """A position met something else than an array."""


class TooCostlyError(Exception):
    """An evaluation looked at more values than it may."""

    def __init__(self) -> None:
        super().__init__(
            f"the path visits more than {VISITS_MAX} values, or those of its state more than {VISITS_TOGETHER_MAX}"
        )


class Walk:
    """One evaluation: the document and the visits that are left."""

    __slots__ = ("left", "root")

    def __init__(self, root: JSONValue, left: int = VISITS_MAX) -> None:
        self.root = root
        self.left = left

    def spend(self, visits: int = 1) -> None:
        """Takes *visits* off the budget. Raises TooCostlyError."""
        self.left -= visits
        if self.left < 0:
            raise TooCostlyError


Predicate: TypeAlias = Callable[[JSONValue, Walk], bool]
"""A filter over one item."""

Aggregate: TypeAlias = Callable[[JSONValue, list[JSONValue]], JSONValue]
"""A function at the end of a path, over the value it is applied to and its arguments. Raises NoResultError."""


@dataclass(frozen=True, slots=True)
class Keys:
    """``.a`` or ``['a','b']``; several at the end of a path make one object, and behind ``..`` all must be there."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return "[" + ",".join(f"'{name}'" for name in self.names) + "]"


@dataclass(frozen=True, slots=True)
class Indices:
    """``[0]``, ``[-1]`` or ``[0,2]``; negative ones count from the end."""

    positions: tuple[int, ...]

    def __str__(self) -> str:
        return "[" + ",".join(map(str, self.positions)) + "]"


@dataclass(frozen=True, slots=True)
class Slice:
    """``[from:to]``; Jayway knows no step."""

    start: int | None
    stop: int | None

    def __str__(self) -> str:
        return f"[{'' if self.start is None else self.start}:{'' if self.stop is None else self.stop}]"


@dataclass(frozen=True, slots=True)
class Wildcard:
    """``.*`` or ``[*]``: every member or item."""

    def __str__(self) -> str:
        return "[*]"


@dataclass(frozen=True, slots=True)
class Scan:
    """``..``: the value and everything below it, parents first."""

    def __str__(self) -> str:
        return ".."


@dataclass(frozen=True, slots=True)
class Filter:
    """``[?(...)]``: items of an array that pass; an object passes or fails as a whole."""

    predicate: Predicate

    def __str__(self) -> str:
        return "[?]"


@dataclass(frozen=True, slots=True)
class Call:
    """``.length()`` and its kind, last in a path."""

    name: str
    function: Aggregate
    arguments: tuple["Operand", ...]

    def __str__(self) -> str:
        return f".{self.name}()"


Step: TypeAlias = Keys | Indices | Slice | Wildcard | Scan | Filter | Call

_Expansion: TypeAlias = Callable[..., Iterator[JSONValue]]

Operand: TypeAlias = Callable[[JSONValue, Walk], JSONValue]
"""An argument of a call, from the value the path starts at."""


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed JSONPath.

    Attributes:
        text: as Jayway writes it in messages, such as ``$['a'][0]``.
        steps: in order; *head* of them are definite.
        definite: whether it names one value rather than a list.
    """

    text: str
    steps: tuple[Step, ...]
    head: int
    definite: bool

    @property
    def keys(self) -> tuple[str | int, ...] | None:
        """Member names and array positions, if the query is nothing but those and no position is negative."""
        found: list[str | int] = []
        for step in self.steps:
            one = _one_key(step)
            if one is None:
                return None
            found.append(one)
        return tuple(found)

    def find(self, document: JSONValue) -> JSONValue:
        """The value, or the list of values of an indefinite query.

        Raises:
            NoResultError: a definite query found nothing.
            TooCostlyError: the budget was used up.
        """
        return self.find_from(document, Walk(document))

    def find_from(self, start: JSONValue, walk: Walk) -> JSONValue:
        """As ``find``, starting at *start*, a part of the walk's document."""
        if self.steps and isinstance(self.steps[-1], Call):
            return self._call(self.steps[-1], start, walk)
        if self.definite:
            return self._walk_head(start)
        try:
            value = self._walk_head(start)
        except NoResultError:
            return []  # AWS sets Jayway's SUPPRESS_EXCEPTIONS.
        return list(expand(self.steps[self.head :], value, walk))

    def _call(self, call: Call, start: JSONValue, walk: Walk) -> JSONValue:
        arguments = [argument(start, walk) for argument in call.arguments]
        value = self._walk_head(start)
        rest = self.steps[self.head : -1]
        if rest:
            value = list(expand(rest, value, walk))
        return call.function(value, arguments)

    def _walk_head(self, value: JSONValue) -> JSONValue:
        text = "$"
        for position, step in enumerate(self.steps[: self.head]):
            last = position == len(self.steps) - 1
            if isinstance(step, Keys):
                value = _member(step, value, text, last=last)
            elif isinstance(step, Indices):
                value = _item(step, value, text, self.text, last=last)
            text += str(step)
        return value


def _one_key(step: Step) -> str | int | None:
    if isinstance(step, Keys) and len(step.names) == 1:
        return step.names[0]
    if isinstance(step, Indices) and len(step.positions) == 1 and step.positions[0] >= 0:
        return step.positions[0]
    return None


def _member(step: Keys, value: JSONValue, text: str, *, last: bool) -> JSONValue:
    if not isinstance(value, dict):
        raise NoResultError(
            f"Expected to find an object with property {step} in path {text} but found '{_java_class(value)}'. "
            "This is not a json object according to the JsonProvider: "
            "'com.jayway.jsonpath.spi.json.JacksonJsonNodeJsonProvider'."
        )
    if len(step.names) > 1:
        return {name: value[name] for name in step.names if name in value}
    name = step.names[0]
    if name not in value:
        raise NoResultError(f"{'No results for path:' if last else 'Missing property in path'} {text}{step}")
    return value[name]


def _item(step: Indices, value: JSONValue, text: str, whole: str, *, last: bool) -> JSONValue:
    items = _array(step, value, text)
    position = step.positions[0]
    if not -len(items) <= position < len(items):
        raise (BeyondEndError if last else NoResultError)(f"No results for path: {whole}")
    return items[position]


def _array(step: Step, value: JSONValue, text: str) -> list[JSONValue]:
    if value is None:
        raise NoResultError(f"The path {text} is null")
    if not isinstance(value, list):
        raise NotAnArrayError(f"Filter: {step} can only be applied to arrays. Current context is: {_shown(value)}")
    return value


def _shown(value: JSONValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _java_class(value: JSONValue) -> str:
    kinds = {str: "TextNode", int: "IntNode", float: "DoubleNode", bool: "BooleanNode", list: "ArrayNode"}
    return f"com.fasterxml.jackson.databind.node.{kinds.get(type(value), 'NullNode')}"


def expand(steps: tuple[Step, ...], value: JSONValue, walk: Walk) -> Iterable[JSONValue]:
    """What *steps* lead to from *value*, leaving out what does not match. Raises TooCostlyError."""
    values: Iterable[JSONValue] = (value,)
    for position, step in enumerate(steps):
        if position and isinstance(steps[position - 1], Scan) and isinstance(step, Keys):
            values = filter(partial(_has_all, step), values)
        if position == len(steps) - 1 and isinstance(step, Keys) and len(step.names) > 1:
            values = _each(_expand_merged, step, values, walk)
        else:
            values = _each(_EXPANSIONS[type(step)], step, values, walk)
    return values


def _each(follow: _Expansion, step: Step, values: Iterable[JSONValue], walk: Walk) -> Iterator[JSONValue]:
    for value in values:
        walk.spend()
        yield from follow(step, value, walk)


def _has_all(step: Keys, value: JSONValue) -> bool:
    return isinstance(value, dict) and all(name in value for name in step.names)


def _expand_merged(step: Keys, value: JSONValue, _walk: Walk) -> Iterator[JSONValue]:
    if isinstance(value, dict):
        yield {name: value[name] for name in step.names if name in value}


def _expand_keys(step: Keys, value: JSONValue, _walk: Walk) -> Iterator[JSONValue]:
    if isinstance(value, dict):
        yield from (value[name] for name in step.names if name in value)


def _expand_indices(step: Indices, value: JSONValue, _walk: Walk) -> Iterator[JSONValue]:
    if isinstance(value, list):
        size = len(value)
        yield from (value[position] for position in step.positions if -size <= position < size)


def _expand_slice(step: Slice, value: JSONValue, _walk: Walk) -> Iterator[JSONValue]:
    if isinstance(value, list):
        yield from (value[position] for position in _slice_positions(step, len(value)))


def _slice_positions(step: Slice, size: int) -> Iterable[int]:
    """Jayway counts on from a negative start through zero, so ``[-2:1]`` is the last two items and the first."""
    start, stop = step.start, step.stop
    if start is None:
        assert stop is not None
        return range(min(size, stop + size if stop < 0 else stop))
    if stop is None:
        return range(max(0, start + size if start < 0 else start), size)
    return (position for position in range(max(start, -size), min(size, stop)))


def _expand_wildcard(_step: Wildcard, value: JSONValue, _walk: Walk) -> Iterator[JSONValue]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _expand_scan(_step: Scan, value: JSONValue, walk: Walk) -> Iterator[JSONValue]:
    stack = [value]
    while stack:
        current = stack.pop()
        walk.spend()
        yield current
        if isinstance(current, dict):
            stack.extend(reversed(current.values()))
        elif isinstance(current, list):
            stack.extend(reversed(current))


def _expand_filter(step: Filter, value: JSONValue, walk: Walk) -> Iterator[JSONValue]:
    items = value if isinstance(value, list) else [value] if isinstance(value, dict) else []
    for item in items:
        walk.spend()
        if step.predicate(item, walk):
            yield item


_EXPANSIONS: Mapping[type, _Expansion] = {
    Keys: _expand_keys,
    Indices: _expand_indices,
    Slice: _expand_slice,
    Wildcard: _expand_wildcard,
    Scan: _expand_scan,
    Filter: _expand_filter,
}
