"""What operators do and AWS's API has no call for: JSON under ``/operator``, used by the command line."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from expeditor.errors import ExpeditorError, ServiceError
from expeditor.functions import Functions, LogRecord
from expeditor.topics import DeadLetter, Topics

BODY_BYTES_MAX = 65_536
LOG_RECORDS_MAX = 10_000
LETTERS_MAX = 1_000


class BadRequestError(ExpeditorError):
    """A request that cannot be understood.

    Attributes:
        field: what is wrong, as a JSON pointer or parameter name.
    """

    def __init__(self, detail: str, field: str = "") -> None:
        super().__init__(detail)
        self.field = field


class SubscriptionName(msgspec.Struct, forbid_unknown_fields=True):
    """Body of pause and resume."""

    subscription: str


class RedriveOrder(msgspec.Struct, forbid_unknown_fields=True):
    """Body of redrive; *ids* None means all of the queue."""

    queue: str
    ids: list[int] | None = None
    rate_per_second: float | None = None


class QueueName(msgspec.Struct, forbid_unknown_fields=True):
    """Body of purge."""

    queue: str


Body = TypeVar("Body", SubscriptionName, RedriveOrder, QueueName)
Endpoint = Callable[[Request], Awaitable[Response]]


def operator_routes(topics: Topics, functions: Functions) -> list[Route]:
    """The routes, to be mounted at the root."""
    operator = _Operator(topics, functions)
    table: dict[str, tuple[str, Callable[[Request], Awaitable[Any]]]] = {
        "/operator/subscriptions": ("GET", operator.subscriptions),
        "/operator/subscriptions/pause": ("POST", operator.pause),
        "/operator/subscriptions/resume": ("POST", operator.resume),
        "/operator/queues": ("GET", operator.queues),
        "/operator/dead-letters": ("GET", operator.dead_letters),
        "/operator/dead-letters/redrive": ("POST", operator.redrive),
        "/operator/dead-letters/purge": ("POST", operator.purge),
        "/operator/dead-letters/{letter_id:int}": ("GET", operator.dead_letter),
        "/operator/functions/{name}/logs": ("GET", operator.logs),
    }
    return [Route(path, _answered(endpoint), methods=[method]) for path, (method, endpoint) in table.items()]


class _Operator:
    def __init__(self, topics: Topics, functions: Functions) -> None:
        self._topics = topics
        self._functions = functions

    async def subscriptions(self, _request: Request) -> list[dict[str, Any]]:
        rows = self._topics.stats().subscriptions
        return [{"subscription": row.subscription_arn, **asdict(row)} for row in rows]

    async def pause(self, request: Request) -> dict[str, Any]:
        body = await _body(request, SubscriptionName)
        await self._topics.pause(body.subscription)
        return {"paused": True}

    async def resume(self, request: Request) -> dict[str, Any]:
        body = await _body(request, SubscriptionName)
        await self._topics.pause(body.subscription, paused=False)
        return {"paused": False}

    async def queues(self, _request: Request) -> list[dict[str, Any]]:
        return [asdict(row) for row in self._topics.queues.stats()]

    async def dead_letters(self, request: Request) -> list[dict[str, Any]]:
        limit = _number(request, "limit", 50, LETTERS_MAX)
        queue = request.query_params.get("queue", "")
        return [_letter(each) for each in self._topics.queues.letters(queue, limit=limit)]

    async def dead_letter(self, request: Request) -> dict[str, Any]:
        letter = self._topics.queues.letter(request.path_params["letter_id"])
        return _letter(letter) | {"payload": letter.message.notification}

    async def redrive(self, request: Request) -> dict[str, Any]:
        body = await _body(request, RedriveOrder)
        if body.rate_per_second is not None and body.rate_per_second <= 0:
            raise BadRequestError("give a rate above 0", "/rate_per_second")
        done = await self._topics.queues.redrive(body.queue, body.ids, rate=body.rate_per_second)
        return {"redriven": done.moved, "left": list(done.left)}

    async def purge(self, request: Request) -> dict[str, Any]:
        body = await _body(request, QueueName)
        return {"purged": await self._topics.queues.purge(body.queue)}

    async def logs(self, request: Request) -> list[LogRecord]:
        limit = _number(request, "limit", 100, LOG_RECORDS_MAX)
        request_id = request.query_params.get("request_id")
        return self._functions.logs(request.path_params["name"], request_id=request_id, limit=limit)


def _letter(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.dead_letter_id,
        "message_id": letter.message.message_id,
        "endpoint": letter.endpoint,
        "reason": letter.reason.value,
        "attempts": letter.attempts,
        "first_error": letter.first_error,
        "last_error": letter.last_error,
        "died_at": letter.dead_at,
    }


def _answered(endpoint: Callable[[Request], Awaitable[Any]]) -> Endpoint:
    """*endpoint* with its result as JSON and its refusals as problem documents (RFC 9457)."""

    async def answer(request: Request) -> Response:
        try:
            return Response(msgspec.json.encode(await endpoint(request)), media_type="application/json")
        except BadRequestError as error:
            return _problem(400, "Bad request", str(error), error.field)
        except ServiceError as error:
            return _problem(404 if "NotFound" in error.code else 400, error.code, str(error))

    return answer


def _problem(status: int, title: str, detail: str, field: str = "") -> Response:
    content = {"title": title, "status": status, "detail": detail} | ({"field": field} if field else {})
    return Response(msgspec.json.encode(content), status, media_type="application/problem+json")


async def _body(request: Request, kind: type[Body]) -> Body:
    """The request's JSON body.

    A browser cannot send this content type to another site without asking first, so no page can act for an operator.
    """
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise BadRequestError("send JSON with Content-Type: application/json")
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > BODY_BYTES_MAX:
            raise BadRequestError(f"the body is larger than {BODY_BYTES_MAX} bytes")
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequestError(str(error)) from error


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text[:9]) <= most:
        raise BadRequestError(f"{name} is {text[:20]!r}; give a number between 1 and {most}", name)
    return int(text)
