"""The little of HTTP that the hot routes need: requests read within limits, answers with the right headers."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from order_processing.service.problems import MEDIA_TYPE, Problem, ProblemError, encode_problem

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

BODY_BYTES_MAX = 16 * 1024
BODY_SECONDS_MAX = 5.0

JSON = b"application/json"
HTML = b"text/html; charset=utf-8"
FORM = b"application/x-www-form-urlencoded"

DATA_POLICY = b"default-src 'none'; frame-ancestors 'none'"
"""Content security policy of answers that programs read."""

PAGE_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content security policy of pages: nothing inline, nothing from elsewhere, in nobody's frame."""

NO_STORE = b"no-store"
NO_REFERRER = b"no-referrer"
"""The default: an order's URL is the right to see it, so it must not travel as a referrer."""

STREAM_HEADERS: tuple[Header, ...] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", NO_STORE),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", NO_REFERRER),
    (b"content-security-policy", DATA_POLICY),
)

_CLOSING = frozenset({408, 413, 415})


@dataclass(frozen=True, slots=True)
class Reply:
    """One whole answer; the headers that all answers have are added when it is sent."""

    status: int
    body: bytes
    media_type: bytes = JSON
    headers: tuple[Header, ...] = ()
    cache: bytes = NO_STORE
    referrer: bytes = NO_REFERRER


async def send_reply(send: Send, reply: Reply) -> None:
    """Sends *reply*; the connection ends with it when a body was left unread."""
    headers = [
        (b"content-type", reply.media_type),
        (b"content-length", b"%d" % len(reply.body)),
        (b"cache-control", reply.cache),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", reply.referrer),
        (b"content-security-policy", PAGE_POLICY if reply.media_type == HTML else DATA_POLICY),
        *reply.headers,
    ]
    if reply.status in _CLOSING:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def problem_reply(error: ProblemError) -> Reply:
    """The answer that *error* stands for."""
    return Reply(error.problem.status, encode_problem(error), MEDIA_TYPE, error.headers)


def header_values(scope: Scope, name: bytes) -> list[bytes]:
    """All values of the header *name*, which is in lower case."""
    return [value for each, value in scope["headers"] if each == name]


def header(scope: Scope, name: bytes) -> bytes:
    """The first value of the header *name*, b"" without one."""
    for each, value in scope["headers"]:
        if each == name:
            return bytes(value)
    return b""


def demand_media_type(scope: Scope, wanted: bytes) -> None:
    """Refuses a body that does not say it is *wanted*, in UTF-8."""
    media_type, _, parameters = header(scope, b"content-type").partition(b";")
    charset = parameters.strip().lower().replace(b'"', b"")
    if media_type.strip().lower() != wanted or charset not in (b"", b"charset=utf-8"):
        raise ProblemError(Problem.MEDIA_TYPE, f"send the body as Content-Type: {wanted.decode()}, in UTF-8")


async def read_body(scope: Scope, receive: Receive, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """The whole body.

    Raises:
        ProblemError: it is larger than *bytes_max*, slower than BODY_SECONDS_MAX, compressed, or never came.
    """
    declared = header(scope, b"content-length")
    if declared.isdigit() and int(declared[:20]) > bytes_max:
        raise _too_large(bytes_max)
    if header(scope, b"content-encoding") not in (b"", b"identity"):
        raise ProblemError(Problem.MEDIA_TYPE, "send the body without Content-Encoding")
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            return await _collect(receive, bytes_max)
    except TimeoutError:
        detail = f"the body did not arrive within {BODY_SECONDS_MAX:g} s; send it again"
        raise ProblemError(Problem.SLOW_BODY, detail) from None


async def _collect(receive: Receive, bytes_max: int) -> bytes:
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ProblemError(Problem.BAD_REQUEST, "the connection ended within the body; send it again")
        body += message.get("body", b"")
        if len(body) > bytes_max:
            raise _too_large(bytes_max)
        more = bool(message.get("more_body"))
    return body


def _too_large(bytes_max: int) -> ProblemError:
    return ProblemError(Problem.TOO_LARGE, f"the body has more than {bytes_max} bytes; send less")
