"""The ASGI application that speaks AWS's wire protocols."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, TypeAlias

from expeditor.api.endpoints import Compiled, Endpoint
from expeditor.api.errors import (
    InternalError,
    RequestTooLargeError,
    UnavailableError,
    UnknownOperationError,
    ValidationError,
)
from expeditor.api.guard import Guard
from expeditor.api.protocol import BODY_BYTES_MAX, Answer, Call, HttpRequest, HttpResponse, Operations
from expeditor.errors import ExpeditorError, LimitExceededError, ServiceError
from expeditor.ids import Ids

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

_DATED_PATH = re.compile(r"/20[0-9]{2}-[0-9]{2}-[0-9]{2}/")

DISCARDED_BYTES_MAX = 134_217_728
"""Of a body that is too long so much is read and thrown away: a client that still sends does not hear a refusal."""

_CLOSING = "the node closed before the call was through, which may have taken effect; call again when it is up"

log = logging.getLogger("expeditor.api")


def is_aws_request(scope: Scope) -> bool:
    """Whether a request is for the AWS endpoint, not for the console beside it."""
    if scope["type"] != "http":
        return False
    if _DATED_PATH.match(scope["path"]) or (scope["path"] == "/" and scope["method"] == "POST"):
        return True
    if scope["path"] == "/" and b"Action=" in scope["query_string"]:
        return True
    return any(
        name == b"x-amz-target" or (name == b"authorization" and value.startswith(b"AWS4-"))
        for name, value in scope["headers"]
    )


class CallerLeft(Exception):  # noqa: N818 - nothing went wrong here
    """The caller hung up before the answer."""


class Api:
    """All services behind one port."""

    def __init__(self, services: Mapping[str, Operations], guard: Guard, ids: Ids) -> None:
        self.endpoints = {service: Endpoint(service, operations) for service, operations in services.items()}
        self._by_target = {
            endpoint.model.metadata.target_prefix: endpoint
            for endpoint in self.endpoints.values()
            if endpoint.model.metadata.protocol == "json"
        }
        self._guard = guard
        self._ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = self._ids.uuid()
        request = _head(scope)
        endpoint = self._endpoint_of(request)
        try:
            response = await self._respond(endpoint, request, receive, request_id)
        except CallerLeft:
            return
        except asyncio.CancelledError:
            # The server is closing and has waited long enough; this is the last thing it is told before it ends.
            response = endpoint.wire.write_error(UnavailableError(_CLOSING), request_id)
        except ExpeditorError as error:
            response = endpoint.wire.write_error(_refusal(error, request_id), request_id)
        except Exception:
            # The process edge: a bug in one call must neither end the node nor show its inside to the caller.
            log.exception("request %s failed: %s %s", request_id, request.method, request.path[:256])
            response = endpoint.wire.write_error(InternalError(request_id), request_id)
        await _send(send, response)

    def _endpoint_of(self, request: HttpRequest) -> Endpoint:
        """The service a request speaks to, or at least speaks like; a refusal has to have some form."""
        target = request.headers.get("x-amz-target")
        if target is not None:
            return self._by_target.get(target.rpartition(".")[0], self.endpoints["stepfunctions"])
        if _DATED_PATH.match(request.path):
            return self.endpoints["lambda"]
        return self.endpoints["sns"]

    async def _respond(
        self, endpoint: Endpoint, request: HttpRequest, receive: Receive, request_id: str
    ) -> HttpResponse:
        """Reads, calls, writes."""
        self._guard.check(request)
        _known_target(endpoint, request)
        found = endpoint.find(request) if endpoint.named_by_head else None
        request.body = await _body(request, receive, found.operation.body_bytes_max if found else BODY_BYTES_MAX)
        compiled = found or endpoint.find(request)
        call = Call(compiled.name, compiled.codec.read(request), request.headers, request_id)
        answer = await _perform(compiled, call, receive)
        return compiled.codec.write(answer, request_id)


def _known_target(endpoint: Endpoint, request: HttpRequest) -> None:
    """Refuses another service's target, which got here only to be refused in its own protocol."""
    target = request.headers.get("x-amz-target")
    if target is not None and target.rpartition(".")[0] != endpoint.model.metadata.target_prefix:
        raise UnknownOperationError(target)


async def _perform(compiled: Compiled, call: Call, receive: Receive) -> Answer:
    """The operation's answer; one that waits is cancelled when its caller hangs up.

    Raises:
        CallerLeft: nobody is there to be answered.
    """
    if not compiled.operation.waits:
        return await compiled.operation.handle(call)
    work = asyncio.ensure_future(compiled.operation.handle(call))
    gone = asyncio.ensure_future(receive())
    try:
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        work.cancel()
        await asyncio.wait((work,))
        raise CallerLeft
    finally:
        gone.cancel()
        work.cancel()


def _refusal(error: ExpeditorError, request_id: str) -> ServiceError:
    """What the caller is told; a fault of the node is logged and asks for another try."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, LimitExceededError):
        return ValidationError(str(error))
    log.error("request %s failed: %s", request_id, error)
    return UnavailableError(f"the node cannot answer now; try again, its log has the reason under {request_id}")


def _head(scope: Scope) -> HttpRequest:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    path = scope.get("raw_path") or scope["path"].encode()
    return HttpRequest(scope["method"], path.decode("latin-1"), scope["query_string"].decode("latin-1"), headers)


async def _body(request: HttpRequest, receive: Receive, allowed: int) -> bytes:
    """The whole body.

    Raises:
        RequestTooLargeError: it says, or turns out, to be longer than *allowed* bytes.
        CallerLeft: it broke off.
    """
    length = request.headers.get("content-length", "")
    is_too_large = length.isdecimal() and int(length[:20]) > allowed
    parts: list[bytes] = []
    received = 0
    more = True
    while more and received < DISCARDED_BYTES_MAX:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerLeft
        part, more = message.get("body", b""), message.get("more_body", False)
        received += len(part)
        is_too_large = is_too_large or received > allowed
        if is_too_large:
            parts.clear()
        else:
            parts.append(part)
    if is_too_large:
        raise RequestTooLargeError(allowed)
    return b"".join(parts)


async def _send(send: Send, response: HttpResponse) -> None:
    headers = _encoded(response.headers, len(response.body), close=response.status == 413)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


def _encoded(headers: Iterable[tuple[str, str]], length: int, *, close: bool) -> list[tuple[bytes, bytes]]:
    """The headers as ASGI wants them; a body that was not read ends the connection."""
    encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
    encoded.append((b"content-length", str(length).encode()))
    if close:
        encoded.append((b"connection", b"close"))
    return encoded


async def _live(receive: Receive, send: Send) -> None:
    """Nothing to start or to end here: the rooms behind the operations live as long as the node."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
