"""Request bodies and query strings of HTTP tasks."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from urllib.parse import parse_qsl, quote, urlencode

from expeditor.payloads import JSONValue, encode


class ArrayFormat(StrEnum):
    """How a form spells arrays. Source: "Call HTTPS APIs", applying URL-encoding on request body."""

    INDICES = "INDICES"
    REPEAT = "REPEAT"
    COMMAS = "COMMAS"
    BRACKETS = "BRACKETS"


def form(body: JSONValue, arrays: ArrayFormat) -> str:
    """*body* as ``application/x-www-form-urlencoded``; a text is taken as it is."""
    if isinstance(body, str):
        return body
    if not isinstance(body, dict):
        raise ValueError("RequestBody must be a JSON object to be URL-encoded")
    return urlencode(list(_pairs("", body, arrays)), quote_via=quote)


def _pairs(key: str, value: JSONValue, arrays: ArrayFormat) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _pairs(f"{key}[{name}]" if key else name, each, arrays)
    elif isinstance(value, list) and arrays is ArrayFormat.COMMAS:
        yield key, ",".join(scalar(each) for each in value)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _pairs(key + _SUFFIX[arrays].format(index), each, arrays)
    else:
        yield key, scalar(value)


_SUFFIX: Mapping[ArrayFormat, str] = {
    ArrayFormat.INDICES: "[{}]",
    ArrayFormat.REPEAT: "",
    ArrayFormat.BRACKETS: "[]",
}


def scalar(value: JSONValue) -> str:
    """A value as a header, a form or a query has it: text as it is, null as nothing, the rest as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else encode(value).decode()


def query_pairs(given: JSONValue) -> list[tuple[str, str]]:
    """``QueryParameters``: an object whose values may be arrays, or the text of a query. Raises ValueError."""
    if given is None:
        return []
    if isinstance(given, str):
        return parse_qsl(given.removeprefix("?"), keep_blank_values=True, max_num_fields=1_000)
    if not isinstance(given, dict):
        raise ValueError("QueryParameters must be a JSON object or text")
    return [
        (name, scalar(each))
        for name, value in given.items()
        for each in (value if isinstance(value, list) else [value])
    ]


def query_string(present: str, pairs: list[tuple[str, str]]) -> str:
    """The query of a URL that has *present* already."""
    added = urlencode(pairs, quote_via=quote)
    return "&".join(part for part in (quote(present, safe="%&=+;,:@!$'()*/?~-._[]"), added) if part)
