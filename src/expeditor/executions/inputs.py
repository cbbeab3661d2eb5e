"""JSON texts that callers hand in."""

import re

import msgspec

from expeditor.errors import ServiceError
from expeditor.payloads import PAYLOAD_BYTES_MAX, decode

_WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_LITERALS = ("null", "true", "false")


def check_json(text: bytes, refusal: type[ServiceError]) -> None:
    """Refuses what is not one JSON text of at most 262,144 bytes.

    Args:
        refusal: the error to raise; its constructor takes the problem.
    """
    if len(text) > PAYLOAD_BYTES_MAX:
        raise refusal(f"it has {len(text)} bytes, at most {PAYLOAD_BYTES_MAX} are allowed")
    try:
        decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise refusal(problem_of(text.decode(errors="replace"))) from None


def problem_of(text: str) -> str:
    """What is wrong with a text that is not JSON, in AWS's words as far as they are known."""
    stripped = text.strip()
    if not stripped:
        return "Invalid execution input."
    word = _WORD.match(stripped)
    if word and word.group() not in _LITERALS:
        return (
            f"Unrecognized token '{word.group()}': was expecting (JSON String, Number, Array, Object or token 'null',"
            " 'true' or 'false')"
        )
    inside = stripped[1:].lstrip()
    if stripped[0] == "{" and inside and inside[0] not in '"}':
        found = inside[0]
        return f"Unexpected character ('{found}' (code {ord(found)})): was expecting double-quote to start field name"
    return "Invalid execution input."
