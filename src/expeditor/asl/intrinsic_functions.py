"""The ``States.*`` functions themselves, as a table.

Source: AWS Step Functions Developer Guide, "Intrinsic functions".
"""

import base64
import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec

from expeditor.asl.java_random import JavaRandom
from expeditor.ids import Draws
from expeditor.payloads import PAYLOAD_BYTES_MAX, JSONValue, decode, encode

TEXT_LENGTH_MAX = 10_000
"""Longest text for Base64Encode, Base64Decode and Hash, in characters."""

RANGE_LENGTH_MAX = 1_000
"""Longest result of ArrayRange."""

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
"""What MathAdd works with and answers."""


class ArgumentError(Exception):
    """An argument does not fit; the text says why, or is empty where AWS does not say."""


class FormatError(ArgumentError):
    """The first argument of States.Format is no template."""


Function: TypeAlias = Callable[..., JSONValue]


@dataclass(frozen=True, slots=True)
class Signature:
    """A function and how many arguments it takes.

    Attributes:
        maximum: None for any number.
        draws: whether the state's draws come first.
    """

    function: Function
    minimum: int
    maximum: int | None
    draws: bool = False


def _refuse_unless(condition: bool, reason: str = "") -> None:
    if not condition:
        raise ArgumentError(reason)


def _text(value: JSONValue) -> str:
    if not isinstance(value, str):
        raise ArgumentError
    return value


def _array(value: JSONValue) -> list[JSONValue]:
    if not isinstance(value, list):
        raise ArgumentError
    return value


def _integer(value: JSONValue) -> int:
    """AWS cuts fractions off, although its guide says that it rounds."""
    return int(_number(value))


def _rounded(value: JSONValue) -> int:
    """To the nearest integer, halves upwards as in Java."""
    number = _number(value)
    return number if isinstance(number, int) else math.floor(number + 0.5)


def _number(value: JSONValue) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ArgumentError
    return value


def _bounded_text(value: JSONValue) -> str:
    text = _text(value)
    _refuse_unless(len(text) <= TEXT_LENGTH_MAX)
    return text


def _array_of(*values: JSONValue) -> JSONValue:
    return list(values)


def _partition(array: JSONValue, size: JSONValue) -> JSONValue:
    items, step = _array(array), _integer(size)
    _refuse_unless(step > 0)
    return [items[start : start + step] for start in range(0, len(items), step)]


def _contains(array: JSONValue, value: JSONValue) -> JSONValue:
    """AWS compares texts: the number 1 is found in an array that holds the string "1"."""
    wanted = shown(value)
    return any(shown(item) == wanted for item in _array(array))


def _range(first: JSONValue, last: JSONValue, step: JSONValue) -> JSONValue:
    start, end, stride = _integer(first), _integer(last), _integer(step)
    _refuse_unless(stride != 0)
    _refuse_unless((end - start) // stride < RANGE_LENGTH_MAX)
    return list(range(start, end + (1 if stride > 0 else -1), stride))


def _get_item(array: JSONValue, index: JSONValue) -> JSONValue:
    items, position = _array(array), _integer(index)
    if not items:
        return None  # So does AWS, for any position.
    _refuse_unless(0 <= position < len(items))
    return items[position]


def _length(array: JSONValue) -> JSONValue:
    return len(_array(array))


def _unique(array: JSONValue) -> JSONValue:
    firsts: dict[Any, JSONValue] = {}
    for item in _array(array):
        firsts.setdefault(_identity(item), item)
    return list(firsts.values())


def _identity(value: JSONValue) -> Any:
    """Equal for equal JSON, and hashable; true is not 1."""
    if isinstance(value, dict | list):
        return msgspec.json.encode(value, order="deterministic")
    return (isinstance(value, bool), value)


def _base64_encode(text: JSONValue) -> JSONValue:
    return base64.b64encode(_bounded_text(text).encode()).decode()


_NOT_BASE64: Final = re.compile(r"[^A-Za-z0-9+/]")


def _base64_decode(text: JSONValue) -> JSONValue:
    """AWS is lenient: padding ends the text, foreign characters and a dangling one are skipped."""
    digits = _NOT_BASE64.sub("", _bounded_text(text).partition("=")[0])
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return base64.b64decode(digits + "=" * (-len(digits) % 4)).decode(errors="replace")


HASHES: Final = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
"""AWS's names of hash algorithms."""


def digest(text: str, algorithm: str) -> str:
    """Hexadecimal digest of *text* in UTF-8. Raises KeyError for another algorithm than those of ``HASHES``."""
    return hashlib.new(HASHES[algorithm], text.encode(), usedforsecurity=False).hexdigest()


def _hash(data: JSONValue, algorithm: JSONValue) -> JSONValue:
    text = data if isinstance(data, str) else encode(data).decode()
    name = _text(algorithm)
    _refuse_unless(name in HASHES)
    return digest(_bounded_text(text), name)


def _merge(first: JSONValue, second: JSONValue, deep: JSONValue) -> JSONValue:
    if not isinstance(first, dict) or not isinstance(second, dict):
        raise ArgumentError
    _refuse_unless(deep is not True)
    return {**first, **second}


def _string_to_json(text: JSONValue) -> JSONValue:
    string = _text(text)
    if not string.strip():
        return None
    try:
        return decode(string)
    except msgspec.DecodeError as error:
        raise ArgumentError from error


def _json_to_string(value: JSONValue) -> JSONValue:
    return encode(value).decode()


def _random(draws: Draws, first: JSONValue, last: JSONValue, *seed: JSONValue) -> JSONValue:
    start, end = _integer(first), _integer(last)
    _refuse_unless(start < end)
    if not seed:
        return draws.random().randrange(start, end)
    _refuse_unless(end - start <= INT_MAX)
    return start + JavaRandom(_integer(seed[0])).next_below(end - start)


def _add(first: JSONValue, second: JSONValue) -> JSONValue:
    total = _int32(_rounded(first)) + _int32(_rounded(second))
    return _int32(total)


def _int32(number: int) -> int:
    _refuse_unless(INT_MIN <= number <= INT_MAX)
    return number


def _split(text: JSONValue, separators: JSONValue) -> JSONValue:
    """Each character of *separators* separates; empty parts are left out."""
    string, marks = _text(text), _text(separators)
    if not marks:
        return [string]
    table = str.maketrans(dict.fromkeys(marks, marks[0]))
    return [part for part in string.translate(table).split(marks[0]) if part]


def _uuid(draws: Draws) -> JSONValue:
    return draws.uuid()


def shown(value: JSONValue) -> str:
    """*value* as States.Format writes it."""
    return value if isinstance(value, str) else encode(value).decode()


def fill(pieces: tuple[str, ...], values: list[JSONValue]) -> str:
    """*pieces* with *values* between them. Raises ArgumentError beyond the largest payload."""
    if len(values) != len(pieces) - 1:
        raise ArgumentError("number of arguments do not match the occurrences of {}.")
    parts = [pieces[0]]
    for value, piece in zip(values, pieces[1:], strict=True):
        parts += (shown(value), piece)
    _refuse_unless(sum(map(len, parts)) <= PAYLOAD_BYTES_MAX)
    return "".join(parts)


def pieces_of(template: str) -> tuple[str, ...]:
    """What stands around each ``{}`` of a format; a backslash keeps the next character as it is.

    Raises:
        FormatError: a brace without the other one.
    """
    pieces, piece, position = [], "", 0
    while position < len(template):
        character = template[position]
        if character == "\\" and position + 1 < len(template):
            piece += template[position + 1]
            position += 2
        elif character == "}":
            raise FormatError("matching '{' not found for '}'.")
        elif character == "{":
            if template[position : position + 2] != "{}":
                raise FormatError("matching '}' not found for '{'.")
            pieces.append(piece)
            piece = ""
            position += 2
        else:
            piece += character
            position += 1
    return (*pieces, piece)


def _format(template: JSONValue, *values: JSONValue) -> JSONValue:
    return fill(pieces_of(_text(template)), list(values))


FUNCTIONS: Final[Mapping[str, Signature]] = {
    "States.Format": Signature(_format, 1, None),
    "States.StringToJson": Signature(_string_to_json, 1, 1),
    "States.JsonToString": Signature(_json_to_string, 1, 1),
    "States.Array": Signature(_array_of, 0, None),
    "States.ArrayPartition": Signature(_partition, 2, 2),
    "States.ArrayContains": Signature(_contains, 2, 2),
    "States.ArrayRange": Signature(_range, 3, 3),
    "States.ArrayGetItem": Signature(_get_item, 2, 2),
    "States.ArrayLength": Signature(_length, 1, 1),
    "States.ArrayUnique": Signature(_unique, 1, 1),
    "States.Base64Encode": Signature(_base64_encode, 1, 1),
    "States.Base64Decode": Signature(_base64_decode, 1, 1),
    "States.Hash": Signature(_hash, 2, 2),
    "States.JsonMerge": Signature(_merge, 3, 3),
    "States.MathRandom": Signature(_random, 2, 3, draws=True),
    "States.MathAdd": Signature(_add, 2, 2),
    "States.StringSplit": Signature(_split, 2, 2),
    "States.UUID": Signature(_uuid, 0, 0, draws=True),
}
