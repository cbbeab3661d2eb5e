"""A stand-in for Stripe with its semantics: ``python -m order_processing.gateways.stripe_server``.

What the shop needs of the API, version 1: PaymentIntents of manual capture, refunds, search and lists, idempotency keys
that replay status and body, errors of state, and events signed and sent to an endpoint until it acknowledges them.

Settings: ``STRIPE_PORT`` or the first argument (0, the default: any free port, printed), ``STRIPE_DB`` (default
``stripe.db``), ``STRIPE_HOLD_SECONDS`` (how long a hanging answer hangs, default 10), ``STRIPE_SEARCH_LAG_SECONDS``
(default 0), ``STRIPE_WEBHOOK_URL`` and ``STRIPE_WEBHOOK_SECRET_FILE`` (without them events are only listed).
"""

import asyncio
import contextlib
import hashlib
import hmac
import os
import re
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import uvloop

from order_processing.clock import Clock, SystemClock
from order_processing.gateways.http_client import HttpConnection, HttpError
from order_processing.gateways.stripe_ledger import Answer, Form, StripeFaultError, StripeLedger, refusal, shown
from order_processing.ids import SystemIds
from order_processing.serving import bind, end_with_parent, serve

BODY_BYTES_MAX = 64 * 1024
AMOUNT_MAX = 99_999_999
DELIVERY_SECONDS = (0.0, 0.2, 1.0, 5.0, 15.0)
"""Pauses before each try to deliver an event; after the last one it starts again with the next event."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_INTENT = re.compile(r"/v1/payment_intents/(pi_\w{1,64}|pay_\w{1,64})(?:/(capture|cancel))?")
_HELPER = re.compile(r"/v1/test_helpers/payment_intents/(pi_\w{1,64})/expire")
_BRACKETS = re.compile(r"\[([^\]]*)\]")

_ALLOWED: Mapping[str, frozenset[str]] = {
    "create": frozenset(
        {"amount", "currency", "payment_method", "payment_method_types", "capture_method", "confirm"}
        | {"error_on_requires_action", "metadata", "expand", "description"}
    ),
    "capture": frozenset({"amount_to_capture", "expand"}),
    "cancel": frozenset({"cancellation_reason", "expand"}),
    "refund": frozenset({"payment_intent", "amount", "metadata", "reason", "expand"}),
    "expire": frozenset({"expand"}),
}


class StripeServer:
    """ASGI application over a ledger.

    Args:
        hold_seconds: how long an answer is held that no client should wait for.
        changed: told after each change, as there may be events to deliver.
    """

    def __init__(self, ledger: StripeLedger, hold_seconds: float, changed: Callable[[], None]) -> None:
        self._ledger = ledger
        self._hold_seconds = hold_seconds
        self._changed = changed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = self.answer(scope, await _body(receive))
        except StripeFaultError as fault:
            answer = refusal(fault)
        self._changed()
        if answer.late:
            await self._hold(receive)
        await _send(send, answer)

    def answer(self, scope: Scope, body: bytes) -> Answer:
        """What a request is answered with, be it in time or not.

        Raises:
            StripeFaultError: it is refused.
        """
        _demand_key(scope)
        path = scope["path"]
        if scope["method"] == "POST":
            return self._change(_idempotency_key(scope), path, nested(body.decode()))
        form = nested(scope["query_string"].decode())
        return Answer(200, msgspec.json.encode(self._read(path, form)))

    def _change(self, key: str, path: str, form: Form) -> Answer:
        found, helper = _INTENT.fullmatch(path), _HELPER.fullmatch(path)
        ledger = self._ledger
        if path == "/v1/payment_intents":
            action, act = "create", lambda: ledger.create(key, _checked(form))
        elif path == "/v1/refunds":
            action, act = "refund", lambda: ledger.refund(form)
        elif helper is not None:
            action, act = "expire", lambda: ledger.cancel(helper[1], form, "automatic")
        elif found is not None and found[2] is not None:
            action, act = found[2], lambda: getattr(ledger, found[2])(found[1], form)
        else:
            raise StripeFaultError(404, "", f"Unrecognized request URL (POST: {path})")
        _demand_known(action, form)
        return ledger.change(key, path, form, act)

    def _read(self, path: str, form: Form) -> Any:
        found = _INTENT.fullmatch(path)
        if path == "/v1/payment_intents/search":
            payments = self._ledger.search(str(form.get("query", "")))
            if payments is None:
                raise StripeFaultError(504, "", "the request timed out")
            return _page("search_result", path, [shown(each, form) for each in payments])
        if path == "/v1/payment_intents":
            return self._recent(path, form)
        if found is not None and found[2] is None:
            return shown(self._ledger.payment(found[1]), form)
        if path == "/v1/refunds":
            return _page("list", path, self._ledger.refunds(str(form.get("payment_intent", ""))))
        if path == "/v1/events":
            return _page("list", path, self._ledger.events())
        raise StripeFaultError(404, "", f"Unrecognized request URL (GET: {path})")

    def _recent(self, path: str, form: Form) -> Any:
        limit = int(form.get("limit", 10))
        since = float(form.get("created", {}).get("gte", 0))
        payments = self._ledger.recent(since, str(form.get("starting_after", "")), limit + 1)
        listed = [shown(each, form) for each in payments[:limit]]
        return {**_page("list", path, listed), "has_more": len(payments) > limit}

    async def _hold(self, receive: Receive) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._hold_seconds):
                while (await receive())["type"] != "http.disconnect":
                    pass


class Deliveries:
    """Sends events to an endpoint, signed, in their order, each until it is acknowledged."""

    def __init__(self, ledger: StripeLedger, url: str, secret: bytes, clock: Clock) -> None:
        self._ledger = ledger
        self._target = urlsplit(url).path or "/"
        self._connection = HttpConnection(url, timeout_seconds=5.0)
        self._secret = secret
        self._clock = clock
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Looks for events now."""
        self._news.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            for pause in DELIVERY_SECONDS:
                await asyncio.sleep(pause)
                if await self._round():
                    break
            await self._news.wait()
            self._news.clear()

    async def _round(self) -> bool:
        """Whether everything is delivered."""
        for event_id, body in self._ledger.undelivered():
            if not await asyncio.to_thread(self._deliver, body):
                return False
            self._ledger.delivered(event_id)
        return True

    def _deliver(self, body: bytes) -> bool:
        signature = signature_of(body, self._secret, int(self._clock.now()))
        headers = f"Content-Type: application/json\r\nStripe-Signature: {signature}\r\n"
        try:
            status, _ = self._connection.ask("POST", self._target, headers, body)
        except HttpError:
            return False
        return 200 <= status < 300


def signature_of(body: bytes, secret: bytes, at: int) -> str:
    """The header ``Stripe-Signature`` for an event sent at the instant *at*."""
    signed = hmac.digest(secret, str(at).encode() + b"." + body, hashlib.sha256).hex()
    return f"t={at},v1={signed}"


def nested(text: str) -> dict[str, Any]:
    """A form's fields as Stripe reads them: ``a[b]=c`` is ``{"a": {"b": "c"}}``, lists have numbers for names."""
    form: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        first, bracket, rest = name.partition("[")
        at, into = first, form
        for inner in _BRACKETS.findall(bracket + rest):
            into = into.setdefault(at, {})
            at = inner
        into[at] = value
    return form


def _demand_key(scope: Scope) -> None:
    given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    if not given.startswith(b"Bearer sk_test_"):
        raise StripeFaultError(401, "", "Invalid API Key provided; this server takes any that begins with sk_test_")


def _demand_known(action: str, form: Form) -> None:
    amounts = {name: str(form[name]) for name in ("amount", "amount_to_capture") if name in form}
    wrong = [name for name, text in amounts.items() if not text.isdecimal() or not 1 <= int(text[:12]) <= AMOUNT_MAX]
    if wrong:
        raise StripeFaultError(400, "parameter_invalid_integer", "Invalid positive integer", param=wrong[0])
    unknown = sorted(form.keys() - _ALLOWED[action])
    if unknown:
        raise StripeFaultError(400, "parameter_unknown", f"Received unknown parameter: {unknown[0]}", param=unknown[0])


def _checked(form: Form) -> Form:
    """The form when it asks for what this server can do."""
    missing = [name for name in ("amount", "currency", "payment_method") if name not in form]
    if missing:
        message = f"Missing required param: {missing[0]}."
        raise StripeFaultError(400, "parameter_missing", message, param=missing[0])
    if form.get("capture_method") != "manual" or form.get("confirm") != "true":
        message = "this server only does capture_method=manual with confirm=true"
        raise StripeFaultError(400, "parameter_invalid", message, param="capture_method")
    return form


def _idempotency_key(scope: Scope) -> str:
    return next((str(value, "latin-1") for name, value in scope["headers"] if name == b"idempotency-key"), "")


def _page(kind: str, path: str, data: list[Any]) -> dict[str, Any]:
    return {"object": kind, "url": path, "has_more": False, "data": data}


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY_BYTES_MAX:
            raise StripeFaultError(413, "", f"a body has at most {BODY_BYTES_MAX} bytes")
        if not message.get("more_body"):
            return bytes(body)


async def _send(send: Send, answer: Answer) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer.body))]
    if answer.replayed:
        headers.append((b"idempotent-replayed", b"true"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _run(port: int, ledger: StripeLedger, environment: Mapping[str, str]) -> None:
    url = environment.get("STRIPE_WEBHOOK_URL", "")
    deliveries = None
    if url:
        secret = Path(environment["STRIPE_WEBHOOK_SECRET_FILE"]).read_bytes().strip()
        deliveries = Deliveries(ledger, url, secret, SystemClock())
    hold_seconds = float(environment.get("STRIPE_HOLD_SECONDS", "10"))
    server = StripeServer(ledger, hold_seconds, deliveries.wake if deliveries else lambda: None)
    listener = bind(port)
    announcement = f"stripe stand-in listens on http://127.0.0.1:{listener.getsockname()[1]}"
    task = asyncio.create_task(deliveries.run()) if deliveries else None
    await serve(server, listener, lambda: print(announcement, flush=True))
    if task is not None:
        task.cancel()
    ledger.close()


def main(arguments: list[str], environment: Mapping[str, str]) -> None:
    """Serves until SIGTERM; the answer to every accepted request is on disk before it is sent."""
    end_with_parent()
    port = int(arguments[0] if arguments else environment.get("STRIPE_PORT", "0"))
    path = Path(environment.get("STRIPE_DB", "stripe.db"))
    lag = float(environment.get("STRIPE_SEARCH_LAG_SECONDS", "0"))
    ledger = StripeLedger(path, SystemClock(), SystemIds(), lag)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(port, ledger, environment))


if __name__ == "__main__":
    main(sys.argv[1:], os.environ)
