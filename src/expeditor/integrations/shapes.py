"""Between a definition's parameters and what a service's model wants, and back."""

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from expeditor.integrations.naming import capitalised, pascal
from expeditor.payloads import PAYLOAD_BYTES_MAX, JSONValue, encode

Shape: TypeAlias = Any
"""botocore's shape of a value; imported only on the pool's threads."""

_NUMBERS = frozenset({"integer", "long", "float", "double"})
_JSON_TYPES: Mapping[str, tuple[type, str]] = {
    "structure": (dict, "JSON object"),
    "map": (dict, "JSON object"),
    "list": (list, "JSON array"),
    "boolean": (bool, "boolean"),
}


class Request:
    """Puts parameters into the spelling of a service's model, and collects what is wrong with them.

    Args:
        is_base64: blobs are given as base64; otherwise their text is the blob.
    """

    def __init__(self, *, is_base64: bool) -> None:
        self.problems: list[str] = []
        self._is_base64 = is_base64

    def fields(self, given: Mapping[str, JSONValue], shape: Shape) -> dict[str, Any]:
        """The members of a structure. A null is no value."""
        members = {} if shape is None else {name.lower(): name for name in shape.members}
        spelled: dict[str, Any] = {}
        for key, each in given.items():
            member = members.get(_java_key(key).lower()) if key[:1].isupper() else None
            if member is None:
                self.problems.append(f"The field '{key}' is not supported by Step Functions")
            elif each is not None:
                spelled[member] = self.value(each, shape.members[member], key)
        self._miss(shape, spelled)
        return spelled

    def value(self, given: Any, shape: Shape, key: str) -> Any:
        """One value; *key* names it in a problem."""
        kind = shape.type_name
        if kind == "structure" and getattr(shape, "is_document_type", False):
            return given
        if kind in _JSON_TYPES and not isinstance(given, _JSON_TYPES[kind][0]):
            return self._wrong(key, _JSON_TYPES[kind][1])
        if kind in _NUMBERS and (isinstance(given, bool) or not isinstance(given, int | float)):
            return self._wrong(key, "number")
        if kind == "timestamp" and not isinstance(given, str | int | float):
            return self._wrong(key, "timestamp")
        convert = _CONVERT.get(kind)
        return given if convert is None else convert(self, given, shape, key)

    def _structure(self, given: dict[str, JSONValue], shape: Shape, _key: str) -> Any:
        return self.fields(given, shape)

    def _list(self, given: list[JSONValue], shape: Shape, key: str) -> Any:
        return [self.value(each, shape.member, key) for each in given]

    def _map(self, given: dict[str, JSONValue], shape: Shape, key: str) -> Any:
        return {name: self.value(each, shape.value, key) for name, each in given.items()}

    def _string(self, given: JSONValue, _shape: Shape, _key: str) -> Any:
        # AWS sends values that are no text as their JSON text, where the service wants text.
        return given if isinstance(given, str) else encode(given).decode()

    def _blob(self, given: JSONValue, _shape: Shape, key: str) -> Any:
        text = given if isinstance(given, str) else encode(given).decode()
        if not self._is_base64:
            return text.encode()
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error:
            return self._wrong(key, "base64 text")

    def _wrong(self, key: str, kind: str) -> None:
        self.problems.append(f"The value for the field '{key}' must be a valid {kind}")

    def _miss(self, shape: Shape, spelled: dict[str, Any]) -> None:
        # What is missing is the service's to say, except where the address of the request is made of it.
        for name in () if shape is None else shape.required_members:
            if name not in spelled and shape.members[name].serialization.get("location") == "uri":
                self.problems.append(f"The field '{capitalised(name)}' is required but was missing")


_CONVERT: Mapping[str, Callable[[Request, Any, Shape, str], Any]] = {
    "structure": Request._structure,
    "list": Request._list,
    "map": Request._map,
    "string": Request._string,
    "blob": Request._blob,
}


def _java_key(key: str) -> str:
    return {"Nul": "NULL", "EqualsValue": "Equals", "DefaultValue": "Default"}.get(key, key)


def answer(value: Any, shape: Shape, *, is_optimised: bool) -> JSONValue:
    """A service's answer as JSON.

    Args:
        is_optimised: names stay as the model has them and instants are milliseconds; otherwise names are those of the
            AWS SDK for Java and instants are ISO 8601, as in SDK integrations.
    """
    spell = capitalised if is_optimised else pascal
    kind = None if shape is None else shape.type_name
    if kind == "structure" and isinstance(value, dict):
        members = {name: (each, shape.members.get(name)) for name, each in value.items()}
        return {spell(name): answer(each, inner, is_optimised=is_optimised) for name, (each, inner) in members.items()}
    if kind == "map" and isinstance(value, dict):
        return {name: answer(each, shape.value, is_optimised=is_optimised) for name, each in value.items()}
    if isinstance(value, list):
        member = shape.member if kind == "list" else None
        return [answer(each, member, is_optimised=is_optimised) for each in value]
    return _scalar(value, is_optimised=is_optimised)


def _scalar(value: Any, *, is_optimised: bool) -> JSONValue:
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000) if is_optimised else instant(value)
    if hasattr(value, "read"):
        return _streamed(value.read(PAYLOAD_BYTES_MAX + 1))
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    plain: JSONValue = value
    return plain


def _streamed(body: bytes) -> str:
    """Streams, such as S3's objects, are text in Step Functions."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return base64.b64encode(body).decode()


def instant(at: datetime) -> str:
    """ISO 8601 in UTC, with as many digits of the second as it has: ``2026-11-23T08:00:00.250Z``."""
    utc = at.astimezone(UTC)
    spec = "seconds" if utc.microsecond == 0 else "microseconds" if utc.microsecond % 1000 else "milliseconds"
    return utc.replace(tzinfo=None).isoformat(timespec=spec) + "Z"
