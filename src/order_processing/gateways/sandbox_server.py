"""A stand-in for the payment provider: ``python -m order_processing.gateways.sandbox_server``.

Settings: ``PAYMENTS_PORT`` or the first argument (0, the default: any free port, printed), ``PAYMENTS_DB`` (file,
default ``payments.db``), ``PAYMENTS_HOLD_SECONDS`` (how long a hanging answer hangs, default 10),
``PAYMENTS_AUTHORIZATION_SECONDS`` (how long an authorisation lasts, default a week).
"""

import asyncio
import os
import re
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs

import msgspec
import uvloop

from order_processing.clock import SystemClock
from order_processing.gateways.sandbox_ledger import (
    Answer,
    Change,
    Create,
    Lifetime,
    RefusedError,
    SandboxLedger,
    refusal,
)
from order_processing.ids import SystemIds
from order_processing.serving import bind, end_with_parent, serve

BODY_BYTES_MAX = 16 * 1024
BODY_SECONDS_MAX = 5.0
AMOUNT_MINOR_MAX = 10**12
KEY_LENGTH_MAX = 255
AUTHORIZATION_SECONDS = 7 * 86_400

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
T = TypeVar("T")

_PAYMENT = re.compile(r"/v1/payments/([\w-]{1,64})(?:/(capture|void|refund))?")
_CURRENCY = re.compile(r"[A-Z]{3}")


class SandboxServer:
    """ASGI application over a ledger.

    Args:
        hold_seconds: how long an answer is held that no client should wait for; the connection is freed earlier when
            the client goes.
    """

    def __init__(self, ledger: SandboxLedger, hold_seconds: float) -> None:
        self._ledger = ledger
        self._hold_seconds = hold_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(scope, receive)
        except RefusedError as error:
            answer = refusal(error.status, error.code, str(error))
        if answer.late:
            await self._hold(receive)
        await _send(send, answer)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        method, path = scope["method"], scope["path"]
        if path == "/v1/payments":
            return await self._collection(method, scope, receive)
        if path == "/healthz":
            return Answer(200, b'{"status":"ok"}')
        found = _PAYMENT.fullmatch(path)
        if found is None:
            raise RefusedError(404, "not_found", f"there is nothing at {path}; payments are at /v1/payments")
        payment_id, action = found.groups()
        if action is None:
            _demand_method(method, "GET")
            return self._ledger.get(payment_id)
        _demand_method(method, "POST")
        key = _key(scope)
        return self._ledger.change(key, payment_id, action, _parse(await _body(receive) or b"{}", Change))

    async def _collection(self, method: str, scope: Scope, receive: Receive) -> Answer:
        if method == "GET":
            references = parse_qs(scope["query_string"].decode("latin-1")).get("reference", [])
            if len(references) != 1:
                raise RefusedError(400, "reference_missing", "name one reference: GET /v1/payments?reference=R")
            return self._ledger.find(references[0])
        _demand_method(method, "POST")
        return self._ledger.create(_key(scope), _checked(_parse(await _body(receive), Create)))

    async def _hold(self, receive: Receive) -> None:
        try:
            async with asyncio.timeout(self._hold_seconds):
                while (await receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return


def _demand_method(method: str, allowed: str) -> None:
    if method != allowed:
        raise RefusedError(405, "method_not_allowed", f"{method} is not possible here; use {allowed}")


def _key(scope: Scope) -> str:
    keys = [value for name, value in scope["headers"] if name == b"idempotency-key"]
    if len(keys) != 1 or not 1 <= len(keys[0]) <= KEY_LENGTH_MAX:
        raise RefusedError(
            400, "idempotency_key_missing", f"send one Idempotency-Key of 1 to {KEY_LENGTH_MAX} characters"
        )
    return str(keys[0], "latin-1")


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            while True:
                message = await receive()
                body += message.get("body", b"")
                if len(body) > BODY_BYTES_MAX:
                    raise RefusedError(413, "body_too_large", f"a body has at most {BODY_BYTES_MAX} bytes")
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        raise RefusedError(408, "body_too_slow", f"a body must arrive within {BODY_SECONDS_MAX:g} s") from None


def _parse(body: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(400, "body_invalid", str(error)) from None


def _checked(request: Create) -> Create:
    """*request* when its values make sense."""
    checks: Mapping[str, bool] = {
        f"amount_minor is between 1 and {AMOUNT_MINOR_MAX}": 1 <= request.amount_minor <= AMOUNT_MINOR_MAX,
        "currency is three capital letters": _CURRENCY.fullmatch(request.currency) is not None,
        "reference has 1 to 255 characters": 1 <= len(request.reference) <= KEY_LENGTH_MAX,
    }
    broken = [rule for rule, holds in checks.items() if not holds]
    if broken:
        raise RefusedError(400, "body_invalid", "; ".join(broken))
    return request


async def _send(send: Send, answer: Answer) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer.body))]
    if answer.replayed:
        headers.append((b"idempotent-replayed", b"true"))
    if answer.status in (408, 413):
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _run(port: int, path: Path, hold_seconds: float, lifetime: Lifetime) -> None:
    ids = SystemIds()
    ledger = SandboxLedger(path, lambda: "pay_" + ids.order_id(), lifetime)
    listener = bind(port)
    announcement = f"payment sandbox listens on http://127.0.0.1:{listener.getsockname()[1]}"
    await serve(SandboxServer(ledger, hold_seconds), listener, lambda: print(announcement, flush=True))
    ledger.close()


def main(arguments: list[str], environment: Mapping[str, str]) -> None:
    """Serves until SIGTERM; the answer to every accepted request is on disk before it is sent."""
    end_with_parent()
    port = int(arguments[0] if arguments else environment.get("PAYMENTS_PORT", "0"))
    path = Path(environment.get("PAYMENTS_DB", "payments.db"))
    hold_seconds = float(environment.get("PAYMENTS_HOLD_SECONDS", "10"))
    lasting = float(environment.get("PAYMENTS_AUTHORIZATION_SECONDS", AUTHORIZATION_SECONDS))
    lifetime = Lifetime(SystemClock().now, lasting)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(port, path, hold_seconds, lifetime))


if __name__ == "__main__":
    main(sys.argv[1:], os.environ)
