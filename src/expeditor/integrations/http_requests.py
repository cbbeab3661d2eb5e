"""From the parameters of an HTTP task and its connection to the request that is sent."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from expeditor.integrations.http_addresses import Origin, target_of
from expeditor.integrations.http_bodies import ArrayFormat, form, query_pairs, query_string, scalar
from expeditor.integrations.http_connections import Connection
from expeditor.integrations.http_exchange import HttpRequest
from expeditor.payloads import JSONValue, encode

METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"})
FIELDS = frozenset(
    {
        "ApiEndpoint",
        "Authentication",
        "Headers",
        "InvocationConfig",
        "Method",
        "QueryParameters",
        "RequestBody",
        "Transform",
    }
)

_JSON = "application/json; charset=UTF-8"
_RANGE = "bytes=0-262144"
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[\x20-\x7e\t\x80-\xff]*")
_FORBIDDEN = re.compile(
    r"a-im|accept-(charset|datetime|encoding)|authorization|cache-control|connection|content-(encoding|length|md5)|date"
    r"|expect|forwarded|from|host|http2-settings|if-(match|modified-since|none-match|range|unmodified-since)"
    r"|max-forwards|origin|pragma|proxy-authorization|referer|server|te|trailer|transfer-encoding|upgrade|via|warning"
    r"|(x-forwarded|x-amz|x-amzn)-.*",
    re.IGNORECASE,
)
"""Source: "Call HTTPS APIs", Headers; ``Content-Length`` besides, which would let one request hide another."""


def connection_arn(fields: Mapping[str, JSONValue]) -> str | None:
    """The ARN of the connection that the parameters name. Raises ValueError."""
    named = fields.get("InvocationConfig") or fields.get("Authentication")
    if named is None:
        return None
    arn = named.get("ConnectionArn") if isinstance(named, dict) else None
    if not isinstance(arn, str):
        raise ValueError("The field 'ConnectionArn' is required but was missing")
    return arn


def http_request(fields: Mapping[str, JSONValue], connection: Connection | None, region: str) -> HttpRequest:
    """The request of an HTTP task.

    What the connection has wins over what the definition has.

    Raises:
        ValueError: a parameter cannot be used.
        ForbiddenAddressError: the URL is none.
    """
    _check(fields)
    origin, parts = target_of(str(fields["ApiEndpoint"]))
    query = query_string(parts.query, _query(fields, connection))
    path = quote(parts.path, safe="%/:@!$&'()*+,;=~-._") or "/"
    headers = _headers(fields, connection, origin, region)
    return HttpRequest(
        origin=origin,
        method=str(fields["Method"]),
        target=f"{path}?{query}" if query else path,
        headers=headers,
        body=_body(fields, connection),
    )


def _check(fields: Mapping[str, JSONValue]) -> None:
    unknown = sorted(fields.keys() - FIELDS)
    if unknown:
        raise ValueError(f"The field '{unknown[0]}' is not supported by Step Functions")
    for name in ("ApiEndpoint", "Method"):
        if not isinstance(fields.get(name), str):
            raise ValueError(f"The field '{name}' is required but was missing")
    if fields["Method"] not in METHODS:
        raise ValueError(f"The value for the field 'Method' must be one of {', '.join(sorted(METHODS))}")


def _query(fields: Mapping[str, JSONValue], connection: Connection | None) -> list[tuple[str, str]]:
    added = {} if connection is None else connection.query
    return [pair for pair in query_pairs(fields.get("QueryParameters")) if pair[0] not in added] + [*added.items()]


def _headers(
    fields: Mapping[str, JSONValue], connection: Connection | None, origin: Origin, region: str
) -> dict[str, str]:
    given = {} if fields.get("Headers") is None else fields["Headers"]
    if not isinstance(given, dict):
        raise ValueError("The value for the field 'Headers' must be a valid JSON object")
    for name in given:
        if _FORBIDDEN.fullmatch(name):
            raise ValueError(f"The header '{name}' may not be given in an HTTP task")
    headers = {"content-type": ("Content-Type", _JSON)} if fields.get("RequestBody") is not None else {}
    headers |= {name.lower(): (name, _header_text(value)) for name, value in given.items()}
    if connection is not None:
        headers |= {name.lower(): (name, value) for name, value in connection.headers.items()}
    headers["user-agent"] = ("User-Agent", f"Amazon|StepFunctions|HttpInvoke|{region}")
    headers["range"] = ("Range", _RANGE)
    headers["host"] = ("Host", origin.authority)
    headers["connection"] = ("Connection", "close")
    for name, text in headers.values():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(text):
            raise ValueError(f"The header {name!r:.100} has characters that no header may have")
    return dict(headers.values())


def _header_text(value: JSONValue) -> str:
    return ", ".join(map(scalar, value)) if isinstance(value, list) else scalar(value)


def _body(fields: Mapping[str, JSONValue], connection: Connection | None) -> bytes | None:
    body, added = fields.get("RequestBody"), {} if connection is None else connection.body
    if added:
        if not isinstance(body, dict | None):
            raise ValueError("RequestBody is no JSON object, so the connection's body parameters cannot be added to it")
        body = {**(body or {}), **added}
    encoding = _arrays(fields.get("Transform"))
    if body is None:
        return None
    if encoding is not None:
        return form(body, encoding).encode()
    return body.encode() if isinstance(body, str) else encode(body)


def _arrays(transform: JSONValue) -> ArrayFormat | None:
    """How to URL-encode the body; None when it is sent as JSON."""
    if transform is None:
        return None
    if not isinstance(transform, dict) or transform.get("RequestBodyEncoding", "NONE") not in ("NONE", "URL_ENCODED"):
        raise ValueError("The value for the field 'RequestBodyEncoding' must be NONE or URL_ENCODED")
    if transform.get("RequestBodyEncoding", "NONE") == "NONE":
        return None
    options = transform.get("RequestEncodingOptions") or {}
    name = options.get("ArrayFormat", ArrayFormat.INDICES) if isinstance(options, dict) else None
    if name not in tuple(ArrayFormat):
        raise ValueError(f"The value for the field 'ArrayFormat' must be one of {', '.join(ArrayFormat)}")
    return ArrayFormat(str(name))
