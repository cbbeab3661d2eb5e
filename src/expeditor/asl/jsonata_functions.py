"""The functions Step Functions adds to JSONata. An answer of None is JSONata's nothing.

Source: AWS Step Functions Developer Guide, "JSONata functions provided by Step Functions".
"""

import random
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from expeditor.asl.intrinsic_functions import HASHES, digest
from expeditor.ids import Draws
from expeditor.payloads import JSONValue, decode

RANGE_LENGTH_MAX = 360_145
"""Longest result of ``$range``; AWS refuses one more."""


class FunctionError(Exception):
    """A function refused its arguments; the text is a code and a message."""


def _partition(array: list[JSONValue] | None, size: float | None) -> JSONValue:
    step = int(size or 0)
    if not array or step == 0:
        return None
    if step < 0:
        raise FunctionError("T0410: Argument 2 of function $partition must be positive")
    return [array[start : start + step] for start in range(0, len(array), step)]


def _range(first: float | None, last: float | None, step: float | None = None) -> JSONValue:
    """A range of one number is that number, as JSONata's sequences are."""
    if first is None or last is None or not step or not int(step):
        return None
    stride = int(step)
    numbers = range(int(first), int(last) + (1 if stride > 0 else -1), stride)
    if len(numbers) > RANGE_LENGTH_MAX:
        raise FunctionError("U1001: Expression evaluation memory limit exceeded")
    found: list[JSONValue] = list(numbers)
    return found[0] if len(found) == 1 else found or None


def _hash(text: str | None, algorithm: str | None = None) -> JSONValue:
    if text is None or algorithm is None:
        return None
    if algorithm not in HASHES:
        raise FunctionError(f"T0410: Argument 2 of function $hash must be one of {', '.join(HASHES)}")
    return digest(text, algorithm)


def _parse(text: str | None) -> JSONValue:
    if text is None:
        return None
    try:
        return decode(text)
    except msgspec.DecodeError as error:
        raise FunctionError(f"D3120: Argument 1 of function $parse is not JSON: {error}") from error


def _random(draws: Draws, seed: float | None = None) -> JSONValue:
    generator = draws.random() if seed is None else random.Random(int(seed))  # noqa: S311 - replayable on purpose
    return generator.random()


def _uuid(draws: Draws) -> JSONValue:
    return draws.uuid()


PURE: Final[Mapping[str, tuple[Callable[..., JSONValue], str]]] = {
    "partition": (_partition, "<an:a>"),
    "range": (_range, "<nnn?:x>"),
    "hash": (_hash, "<ss?:s>"),
    "parse": (_parse, "<s:x>"),
}
"""By name: the function and its JSONata signature."""

DRAWING: Final[Mapping[str, Callable[..., JSONValue]]] = {"random": _random, "uuid": _uuid}
"""By name: functions that take the state's draws first."""

BUILT_IN: Final[frozenset[str]] = frozenset({
    "abs", "append", "assert", "average", "base64decode", "base64encode", "boolean", "ceil", "clone",
    "contains", "count", "decodeUrl", "decodeUrlComponent", "distinct", "each", "encodeUrl",
    "encodeUrlComponent", "error", "eval", "exists", "filter", "floor", "formatBase", "formatInteger",
    "formatNumber", "fromMillis", "join", "keys", "length", "lookup", "lowercase", "map", "match", "max",
    "merge", "millis", "min", "not", "now", "number", "pad", "parseInteger", "power", "random", "reduce",
    "replace", "reverse", "round", "shuffle", "sift", "single", "sort", "split", "spread", "sqrt", "string",
    "substring", "substringAfter", "substringBefore", "sum", "toMillis", "trim", "type", "typeOf", "uppercase",
    "zip", "partition", "range", "hash", "parse", "uuid",
})  # fmt: skip
"""Names that mean a function where no variable has them."""
