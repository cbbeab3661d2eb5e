"""JSON as RFC 8259 means it, nothing more: what two parsers could read differently is refused."""

import json
import re
from collections.abc import Iterable
from typing import Any, NoReturn

from order_processing.service.problems import Problem, field_problem

DEPTH_MAX = 32
DIGITS_MAX = 18

_SURROGATE = re.compile("[\ud800-\udfff]")
_TEXT_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{\]}]')


def _refuse(detail: str, field: str = "") -> NoReturn:
    raise field_problem(Problem.INVALID_JSON, field, detail)


def parse(body: bytes) -> Any:
    """Reads one JSON value.

    Raises:
        ProblemError: not UTF-8, not JSON, NaN or infinity, a key twice in one object, an unpaired surrogate, more than
            DEPTH_MAX levels, or a number of more than DIGITS_MAX digits. ``field`` points at it where that is known.
    """
    if body.count(b"[") + body.count(b"{") > DEPTH_MAX:
        _demand_shallow(body)
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        _refuse(f"the body is not UTF-8: byte {error.start} cannot be decoded")
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        _refuse(f"the body is not JSON: {error.msg} at character {error.pos}")
    if "\\u" in text:
        _demand_paired(value, "")
    return value


def pointer(*keys: str | int) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)


def _demand_shallow(body: bytes) -> None:
    """Refuses deep nesting before a recursive parser meets it."""
    depth = 0
    for token in _TEXT_OR_BRACKET.finditer(body):
        first = body[token.start()]
        depth += 1 if first in b"[{" else -1 if first in b"]}" else 0
        if depth > DEPTH_MAX:
            _refuse(f"the body is nested deeper than {DEPTH_MAX} levels")


def _demand_paired(value: Any, at: str) -> None:
    """Refuses texts that cannot be written as UTF-8; only reached when the body has ``\\u`` escapes."""
    if isinstance(value, str):
        if _SURROGATE.search(value):
            _refuse("the text has an unpaired surrogate", at)
    elif isinstance(value, dict):
        for key, each in value.items():
            _demand_paired(key, at)
            _demand_paired(each, at + pointer(key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            _demand_paired(each, at + pointer(index))


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            shown = key.encode("utf-8", "replace").decode()
            _refuse(f"the key {shown!r} stands twice in one object", pointer(shown))
        result[key] = value
    return result


def _integer(digits: str) -> int:
    if len(digits) > DIGITS_MAX:
        _refuse(f"a number has more than {DIGITS_MAX} digits")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits) if len(digits) <= 2 * DIGITS_MAX else float("inf")
    if value in (float("inf"), float("-inf")):
        _refuse("a number is too large or too long")
    return value


def _constant(name: str) -> NoReturn:
    _refuse(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
)
