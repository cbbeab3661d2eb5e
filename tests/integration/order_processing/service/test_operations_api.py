"""The per-order API: another system drives single steps; and the way back, a function has another system take one."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from order_processing.domain import OrderStatus, Pipeline
from order_processing.functions import task
from order_processing.gateways import (
    RemoteOperation,
    RemoteRefusedError,
    RemoteSettingsError,
    RemoteUnavailableError,
    remote_operations,
)
from order_processing.operations import TASKS, claim, take_over

from .asking import Answer
from .conftest import Shop
from .test_operator import token

pytestmark = pytest.mark.anyio

WAY = (
    "start-order-processing",
    "fraud-scan",
    "authorize-payments",
    "issue-vouchers",
    "capture-payments",
    "send-confirmation",
)


async def stepped(shop: Shop, order_id: str, name: str, **event: Any) -> Answer:
    return await shop.post(f"/orders/{order_id}/operations/{name}", event, authorization=token(shop))


async def placed(shop: Shop) -> str:
    order_id: str = (await shop.order()).json["order_id"]
    return order_id


async def test_another_system_carries_an_order_step_by_step(shop: Shop) -> None:
    order_id = await placed(shop)
    taken = await stepped(shop, order_id, "take-over-order")
    epoch = taken.json["epoch"]

    for _ in range(2):  # a step taken again has its effect once
        answers = [await stepped(shop, order_id, name, epoch=epoch) for name in WAY]
        assert {answer.status for answer in answers} == {200}

    order = shop.store.order(order_id)
    assert order is not None
    assert (order.status, order.pipeline) == (OrderStatus.COMPLETED, Pipeline.LEGACY)
    assert answers[1].json["fraud_verdict"] == "cleared"


async def test_a_stale_epoch_is_a_conflict_that_names_the_error(shop: Shop) -> None:
    order_id = await placed(shop)
    epoch = (await stepped(shop, order_id, "take-over-order")).json["epoch"]

    answer = await stepped(shop, order_id, "start-order-processing", epoch=epoch - 1)

    assert (answer.status, answer.json["error"]) == (409, "StaleOwnerError")
    assert answer.json["type"] == "/docs#stale-owner"


@pytest.mark.parametrize(
    ("name", "event", "status", "error"),
    [
        ("fly-to-the-moon", {"epoch": 1}, 404, "UnknownOperationError"),
        ("fraud-scan", {}, 422, "TaskInputError"),
        ("fraud-scan", {"epoch": True}, 422, "TaskInputError"),
        ("release-order", {"epoch": 0, "outcome": "completed"}, 422, "TaskInputError"),
        ("take-over-order", {"pipeline": "third"}, 422, "TaskInputError"),
        ("capture-payments", {"epoch": 0}, 409, "IllegalTransitionError"),
    ],
)
async def test_what_cannot_be_done_is_told(
    shop: Shop, name: str, event: dict[str, object], status: int, error: str
) -> None:
    answer = await stepped(shop, await placed(shop), name, **event)

    assert (answer.status, answer.json["error"]) == (status, error)


async def test_nothing_without_the_token_or_for_unknown_orders(shop: Shop) -> None:
    order_id = await placed(shop)

    assert (await shop.post(f"/orders/{order_id}/operations/fraud-scan", {"epoch": 0})).status == 401
    assert (await stepped(shop, "o-none", "fraud-scan", epoch=0)).status == 404
    assert (
        await shop.post(f"/orders/{order_id}/operations/fraud-scan", b"[]", authorization=token(shop))
    ).status == 422


class Monolith:
    """The order service behind a real socket, standing for a system that takes one step for us."""

    def __init__(self, shop: Shop, loop: asyncio.AbstractEventLoop) -> None:
        self.asked: list[str] = []
        self.answer: Callable[[], tuple[int, bytes]] | None = None
        monolith = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                monolith.asked.append(self.path)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, text = monolith.answer() if monolith.answer else monolith.forward(self, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                return

        self._shop, self._loop = shop, loop
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def forward(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        given = handler.headers["Authorization"]
        asked = self._shop.post(handler.path, body, authorization=given)
        answer = asyncio.run_coroutine_threadsafe(asked, self._loop).result(10)
        return answer.status, answer.body

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
async def monolith(shop: Shop) -> Any:
    running = Monolith(shop, asyncio.get_running_loop())
    yield running
    running.server.shutdown()
    running.server.server_close()
    running.thread.join()


@pytest.fixture
def functions(shop: Shop, monolith: Monolith, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Functions of a version whose environment sends the fraud scan to the monolith."""
    (tmp_path / "token").write_text(token(shop).removeprefix("Bearer "))
    monkeypatch.setenv("REMOTE_OPERATIONS", f"fraud-scan={monolith.url}/orders/{{order_id}}/operations/fraud-scan")
    monkeypatch.setenv("REMOTE_OPERATIONS_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setattr(task, "shared_services", lambda: shop.services)
    task._remote.cache_clear()
    yield
    task._remote.cache_clear()


async def test_one_step_is_taken_by_the_monolith_and_the_others_here(
    shop: Shop, monolith: Monolith, functions: None
) -> None:
    order_id = await placed(shop)
    claimed = claim(shop.services, order_id)
    assert claimed is not None
    event = {"order_id": order_id, "epoch": claimed.epoch}

    answers = [await asyncio.to_thread(task.take, name, event) for name in WAY]

    assert monolith.asked == [f"/orders/{order_id}/operations/fraud-scan"]
    assert answers[1]["fraud_verdict"] == "cleared"
    assert answers[-1]["status"] == "completed"


async def test_the_monoliths_refusal_keeps_its_name(shop: Shop, monolith: Monolith, functions: None) -> None:
    order_id = await placed(shop)
    claimed = claim(shop.services, order_id)
    assert claimed is not None
    shop.clock.advance(1_000)
    take_over(shop.services, order_id, Pipeline.LEGACY)

    with pytest.raises(RemoteRefusedError) as refused:
        await asyncio.to_thread(task.take, "fraud-scan", {"order_id": order_id, "epoch": claimed.epoch})

    assert type(refused.value).__name__ == "StaleOwnerError"


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, b"{}", RemoteUnavailableError),
        (200, b"<html>", RemoteUnavailableError),
        (400, b"not json", RemoteRefusedError),
        (503, b'{"detail": "later"}', RemoteUnavailableError),
    ],
)
async def test_what_the_monolith_answers_is_never_taken_for_more_than_it_is(
    monolith: Monolith, status: int, body: bytes, error: type[Exception]
) -> None:
    monolith.answer = lambda: (status, body)
    remote = RemoteOperation("fraud-scan", monolith.url + "/scan")

    with pytest.raises(error):
        await asyncio.to_thread(remote.perform, {"order_id": "o-1", "epoch": 1})


async def test_the_query_of_an_address_is_sent_with_it(monolith: Monolith) -> None:
    monolith.answer = lambda: (200, b'{"order_id": "o-1"}')
    remote = RemoteOperation("fraud-scan", monolith.url + "/scan/{order_id}?tenant=gilt")

    await asyncio.to_thread(remote.perform, {"order_id": "o-1", "epoch": 1})

    assert monolith.asked == ["/scan/o-1?tenant=gilt"]


def test_a_monolith_that_is_away_may_be_asked_again() -> None:
    with pytest.raises(RemoteUnavailableError):
        RemoteOperation("fraud-scan", "http://127.0.0.1:9/").perform({"order_id": "o-1"})


@pytest.mark.parametrize(
    "entries", ["fraud-scan=http://example.com/x", "fraud-scan", "fraud-scan=ftp://127.0.0.1/", "=https://a.example/"]
)
def test_only_https_or_this_machine_is_allowed(entries: str) -> None:
    with pytest.raises(RemoteSettingsError):
        remote_operations({"REMOTE_OPERATIONS": entries}, TASKS)


def test_a_step_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(RemoteSettingsError, match=r"names 'fraud-scam', which is no step; there are .*, fraud-scan, "):
        remote_operations({"REMOTE_OPERATIONS": "fraud-scam=https://a.example/"}, TASKS)
