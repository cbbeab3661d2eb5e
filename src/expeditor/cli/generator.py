"""A bounded load on the shop: orders at a rate, or a number of them in flight, and what became of them."""

import socket
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

import httptools
import msgspec

from expeditor.cli.clients import REQUEST_SECONDS_MAX, HttpClient, settings
from expeditor.cli.output import CommandError
from expeditor.clock import SystemClock
from expeditor.ids import SystemIds
from expeditor.settings import HOST

THREADS_MAX = 64
SETTLE_SECONDS_MAX = 60.0
WAIT_SECONDS = 10
RECEIVE_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send.

    Attributes:
        unit_id: the offer to buy.
        rate: orders per second, however long each takes; None: as many as *in_flight* allows.
        in_flight: most orders underway at once.
        until_voucher: whether an order stays in flight until its end, rather than until it was accepted.
    """

    unit_id: str
    duration_seconds: float
    rate: float | None = None
    in_flight: int = THREADS_MAX
    until_voucher: bool = False
    payment_token: str = "tok_ok"  # noqa: S105 - the sandbox's well-known token


@dataclass(slots=True)
class Report:
    """What became of the orders. Times are in milliseconds.

    Attributes:
        statuses: orders by the status they were last seen in.
        refused: answers that were not 201, by HTTP status; "no answer" for broken connections.
    """

    sent: int = 0
    accepted: int = 0
    seconds: float = 0.0
    refused: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    accept_ms: list[float] = field(default_factory=list)
    voucher_ms: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """The report as one flat record."""
        return {
            "sent": self.sent,
            "accepted": self.accepted,
            "completed": self.statuses["completed"],
            "errors": sum(self.refused.values()),
            "orders_per_s": round(self.accepted / self.seconds, 1) if self.seconds else 0.0,
            **{f"accept_{name}_ms": value for name, value in percentiles(self.accept_ms).items()},
            **{f"order_to_voucher_{name}_ms": value for name, value in percentiles(self.voucher_ms).items()},
            "statuses": dict(self.statuses),
            "refused": dict(self.refused),
        }


def percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """p50, p95 and p99 of *values*; None where there are none."""
    if len(values) < 2:
        return dict.fromkeys(("p50", "p95", "p99"), round(values[0], 2) if values else None)
    cuts = quantiles(values, n=100, method="inclusive")
    return {"p50": round(cuts[49], 2), "p95": round(cuts[94], 2), "p99": round(cuts[98], 2)}


def run(plan: Plan, progress: Callable[[int], None] | None = None) -> Report:
    """Sends what *plan* says, then waits until every accepted order has come to an end or a minute has passed.

    Args:
        progress: told the number of orders sent so far, from any thread.
    """
    generator = _Generator(plan, progress)
    threads = [threading.Thread(target=generator.work, daemon=True) for _ in range(min(plan.in_flight, THREADS_MAX))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return generator.settled()


class _Generator:
    """The state that the sending threads share."""

    def __init__(self, plan: Plan, progress: Callable[[int], None] | None) -> None:
        self._plan = plan
        self._progress = progress
        self._clock = SystemClock()
        self._ids = SystemIds()
        self._lock = threading.Lock()
        self._report = Report()
        self._pending: dict[str, float] = {}
        self._started = self._clock.monotonic()

    def work(self) -> None:
        """Sends orders, one after the other, until the plan's time is over."""
        client = _Shop()
        while (number := self._next_number()) is not None:
            self._send(client, number)

    def settled(self) -> Report:
        """The report, once what was accepted has ended."""
        client = _Shop()
        deadline = self._clock.monotonic() + SETTLE_SECONDS_MAX
        for order_id, sent_at in self._pending.items():
            wait = max(0, min(WAIT_SECONDS, deadline - self._clock.monotonic()))
            self._record_end(client.request("GET", f"/orders/{order_id}", None, _wait(wait)), sent_at)
        return self._report

    def _next_number(self) -> int | None:
        """The next order's number, once it is due; None when the time is over."""
        plan = self._plan
        with self._lock:
            number = self._report.sent
            elapsed = self._clock.monotonic() - self._started
            due = elapsed if plan.rate is None else number / plan.rate
            if due >= plan.duration_seconds:
                return None
            self._report.sent += 1
        if due > elapsed:
            self._clock.sleep(due - elapsed)
        if self._progress is not None:
            self._progress(number + 1)
        return number

    def _send(self, client: "_Shop", number: int) -> None:
        body = {
            "user_guid": f"load-{number % 1000}",
            "unit_id": self._plan.unit_id,
            "quantity": 1,
            "payment_token": self._plan.payment_token,
        }
        sent_at, began = self._clock.now(), self._clock.monotonic()
        try:
            status, answer = client.exchange("POST", "/orders", body, {"Idempotency-Key": self._ids.uuid()})
        except CommandError:
            status, answer = 0, None
        taken_ms = (self._clock.monotonic() - began) * 1000
        with self._lock:
            self._report.seconds = self._clock.monotonic() - self._started
            if status != 201:
                self._report.refused[str(status or "no answer")] += 1
                return
            self._report.accepted += 1
            self._report.accept_ms.append(taken_ms)
            if not self._plan.until_voucher:
                self._pending[answer["order_id"]] = sent_at
                return
        self._record_end(client.request("GET", f"/orders/{answer['order_id']}", None, _wait(WAIT_SECONDS)), sent_at)

    def _record_end(self, order: Any, sent_at: float) -> None:
        ended = [entry["at"] for entry in order["timeline"] if entry["event"] == "completed"]
        with self._lock:
            self._report.seconds = max(self._report.seconds, self._clock.monotonic() - self._started)
            self._report.statuses[order["status"]] += 1
            self._report.voucher_ms.extend((at - sent_at) * 1000 for at in ended[:1])


def _wait(seconds: float) -> dict[str, str]:
    """Asks for the answer once the order has come to rest (RFC 7240, section 4.3)."""
    return {"Prefer": f"wait={seconds:.0f}"}


class _Shop(HttpClient):
    """The shop over a connection that costs little: ``http.client`` parses every answer's headers as mail."""

    def __init__(self) -> None:
        super().__init__("the shop", settings().shop_port)
        self._address = (HOST, settings().shop_port)
        self._socket: socket.socket | None = None

    def exchange(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        content = b"" if body is None else msgspec.json.encode(body)
        sent = {"Accept": "application/json", "Content-Type": "application/json", **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        head = f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n{lines}Content-Length: {len(content)}\r\n\r\n"
        try:
            answer = self._answer(head.encode("latin-1") + content)
        except (OSError, httptools.HttpParserError) as error:
            self._hang_up()
            message = f"{self.name} does not answer at port {self._address[1]} ({error}); `expeditor up` starts it"
            raise CommandError(message) from error
        if not answer.keeps_connection:
            self._hang_up()
        return answer.status, self._decoded(bytes(answer.body))

    def _answer(self, request: bytes) -> "_Answer":
        if self._socket is None:
            self._socket = socket.create_connection(self._address, REQUEST_SECONDS_MAX)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(request)
        answer = _Answer()
        while not answer.is_complete:
            received = self._socket.recv(RECEIVE_BYTES)
            if not received:
                raise ConnectionError("the connection was closed before the answer")
            answer.parser.feed_data(received)
        return answer

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class _Answer:
    """An answer while it arrives; httptools calls the methods named ``on_...``."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.body = bytearray()
        self.is_complete = False
        self.status = 0
        self.keeps_connection = False

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        self.is_complete = True
        self.status = self.parser.get_status_code()
        self.keeps_connection = self.parser.should_keep_alive()
