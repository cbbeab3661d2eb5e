"""JSON payloads: the one type they have everywhere, and the strict way in and out."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

JSONValue: TypeAlias = "dict[str, JSONValue] | list[JSONValue] | str | int | float | bool | None"

PAYLOAD_BYTES_MAX = 262_144
"""Largest input, output or message, counted as UTF-8. Source: Step Functions service quotas."""

_decoder = msgspec.json.Decoder()

encode: Callable[[JSONValue], bytes] = msgspec.json.Encoder().encode
"""A value as compact JSON text in UTF-8."""


def decode(text: bytes | str) -> JSONValue:
    """The value of one JSON text (RFC 8259).

    Raises:
        msgspec.DecodeError: not JSON, nested deeper than the interpreter's stack allows, or trailing text.
    """
    try:
        value: JSONValue = _decoder.decode(text)
    except RecursionError as error:
        raise msgspec.DecodeError("JSON is nested too deeply") from error
    return value
