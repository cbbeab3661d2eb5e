"""What an ItemReader makes of an object: the items of a distributed map, from JSON, JSON lines or CSV."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import msgspec

from expeditor.payloads import JSONValue, decode

DELIMITERS: Mapping[str, str] = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}
INPUT_TYPES = ("CSV", "JSON", "JSONL")

_POSITION = re.compile(r"0|[1-9][0-9]{0,15}")
"""Source: RFC 6901, section 4."""


class DatasetError(Exception):
    """An object is not what its ReaderConfig says."""


@dataclass(frozen=True, slots=True)
class Format:
    """How an object is read.

    Attributes:
        input_type: one of ``INPUT_TYPES``.
        headers: names of CSV's columns, None where the first row has them.
        delimiter: between CSV's columns.
        pointer: names and positions from JSON's root to the array.
    """

    input_type: str = "JSON"
    headers: tuple[str, ...] | None = None
    delimiter: str = ","
    pointer: tuple[str, ...] = ()


def read_items(body: bytes, form: Format, items_max: int | None) -> list[JSONValue]:
    """The first *items_max* items of *body*, all if None. Raises DatasetError."""
    return list(islice(READERS[form.input_type](body, form), items_max))


def _json(body: bytes, form: Format) -> Iterator[JSONValue]:
    value = _decoded(body)
    for step in form.pointer:
        value = _inside(value, step)
    if not isinstance(value, list):
        raise DatasetError("Attempting to map over non-iterable node.")
    return iter(value)


def _inside(value: JSONValue, step: str) -> JSONValue:
    if isinstance(value, dict) and step in value:
        return value[step]
    if isinstance(value, list) and _POSITION.fullmatch(step) and int(step) < len(value):
        return value[int(step)]
    raise DatasetError(f"The ItemsPointer finds nothing at '{step}'")


def _json_lines(body: bytes, form: Format) -> Iterator[JSONValue]:  # noqa: ARG001 - every reader has the same shape
    return (_decoded(line) for line in body.splitlines() if line.strip())


def _decoded(text: bytes) -> JSONValue:
    try:
        return decode(text)
    except msgspec.DecodeError as error:
        raise DatasetError(f"The object is not JSON: {error}") from error


def _csv(body: bytes, form: Format) -> Iterator[JSONValue]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"The object is not UTF-8 text: {error}") from error
    rows = (row for row in csv.reader(io.StringIO(text, newline=""), delimiter=form.delimiter) if row)
    headers = form.headers or tuple(next(rows, ()))
    return ({name: row[i] if i < len(row) else "" for i, name in enumerate(headers)} for row in rows)


READERS: Mapping[str, Callable[[bytes, Format], Iterator[JSONValue]]] = {
    "CSV": _csv,
    "JSON": _json,
    "JSONL": _json_lines,
}
