"""The functions Step Functions adds to JSONata. An answer of None is JSONata's nothing.

Source: AWS Step Functions Developer Guide, "JSONata functions provided by Step Functions".
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Final

import msgspec

from expeditor.asl.intrinsic_functions import HASHES, digest
from expeditor.asl.java_random import JavaRandom
from expeditor.ids import Draws
from expeditor.payloads import JSONValue, decode

ARRAY_LENGTH_MAX = 131_072
"""Longest array, as many items as the largest payload can hold. AWS allows more, but arrays of arrays fill memory
faster than the clock is looked at."""


MEMORY_EXCEEDED: Final = "Expression evaluation memory limit exceeded: Check for excessive memory usage"
"""AWS's words where an evaluation grows too large."""


class FunctionError(Exception):
    """A function refused its arguments.

    Attributes:
        code: JSONata's code, such as ``D3137``; None where AWS names none.
    """

    def __init__(self, code: str | None, message: str) -> None:
        super().__init__(message)
        self.code = code


def _partition(array: list[JSONValue] | None, size: float | None = None) -> JSONValue:
    """Without *size* all of *array* is one part; fractions are cut off."""
    if not array:
        return None
    step = len(array) if size is None else int(size)
    if step < 0:
        raise FunctionError("D3137", "Second argument must be zero or greater")
    if step == 0:
        return None
    return [array[start : start + step] for start in range(0, len(array), step)]


def _range(first: float | None, last: float | None, step: float | None = None) -> JSONValue:
    """A range of one number is that number, as JSONata's sequences are."""
    if first is None or last is None or not step or not int(step):
        return None
    start, end, stride = int(first), int(last), int(step)
    if (end - start) // stride >= ARRAY_LENGTH_MAX:
        raise FunctionError(None, MEMORY_EXCEEDED)
    found: list[JSONValue] = list(range(start, end + (1 if stride > 0 else -1), stride))
    return found[0] if len(found) == 1 else found or None


def _hash(text: str | None, algorithm: str | None = None) -> JSONValue:
    if text is None or algorithm is None:
        return None
    if algorithm not in HASHES:
        raise FunctionError("D3137", f"Unsupported hash algorithm: {algorithm}")
    return digest(text, algorithm)


_LONG_NUMBER: Final = re.compile(r"\d{309}")


def _double(digits: str) -> float:
    """As all numbers of JSONata; raises OverflowError."""
    return float(int(digits))


def _parse(text: str | None) -> JSONValue:
    if text is None:
        return None
    try:
        value = decode(text)
        if _LONG_NUMBER.search(text):
            json.loads(text, parse_int=_double)
    except (msgspec.DecodeError, OverflowError) as error:
        raise FunctionError("D3137", f"Invalid JSON: {error}") from error
    # The engine takes None for nothing and a number that JSON cannot hold for null.
    return math.nan if value is None else value


current_draws: ContextVar[Draws] = ContextVar("current_draws")
"""The draws of the evaluation under way; whoever evaluates sets it."""


def _random(seed: float | None = None) -> JSONValue:
    return current_draws.get().random().random() if seed is None else JavaRandom(int(seed)).next_double()


def _uuid() -> JSONValue:
    return current_draws.get().uuid()


FUNCTIONS: Final[Mapping[str, tuple[Callable[..., JSONValue], str]]] = {
    "partition": (_partition, "<an?:a>"),
    "range": (_range, "<nnn?:x>"),
    "hash": (_hash, "<ss?:s>"),
    "parse": (_parse, "<s?:x>"),
    "random": (_random, "<n?:n>"),
    "uuid": (_uuid, "<:s>"),
}
"""By name: the function and its JSONata signature."""

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
