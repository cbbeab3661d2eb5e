"""What operators do to orders through the API: each act audited, refusals told, nothing without the token."""

from dataclasses import replace

import pytest

from order_processing.domain import OrderStatus, Pipeline
from order_processing.gateways import ExecutionsUnreachableError
from order_processing.operations import claim, quarantine, start_processing, take_over
from order_processing.service.app import OrderServiceApp
from order_processing.service.control_api import ControlApi
from order_processing.service.http import Reply
from order_processing.service.operators import Operators
from order_processing.service.router import Router
from order_processing.service.sessions import Seal

from .asking import Answer, Asking
from .conftest import Shop
from .test_operator import token

pytestmark = pytest.mark.anyio

WHO = {"actor": "ann", "reason": "the customer called"}


async def acted(shop: Shop, order_id: str, act: str, **fields: str) -> Answer:
    return await shop.post(f"/operator/orders/{order_id}/{act}", {**WHO, **fields}, authorization=token(shop))


async def asked(shop: Shop, target: str) -> Answer:
    return await shop.get(target, authorization=token(shop))


async def placed(shop: Shop, key: str = "k-1") -> str:
    order_id: str = (await shop.order(key)).json["order_id"]
    return order_id


@pytest.mark.parametrize("act", ["hand-over", "redrive", "pause", "resume", "resolve", "cancel", "fail"])
async def test_no_act_without_the_token(shop: Shop, act: str) -> None:
    order_id = await placed(shop)

    answer = await shop.post(f"/operator/orders/{order_id}/{act}", {**WHO, "to": "legacy"})

    assert answer.status == 401
    assert (await shop.get("/operator/stuck")).status == 401
    assert (await shop.get("/operator/audit")).status == 401
    assert shop.store.audits() == []


async def test_an_order_is_handed_over_both_ways(shop: Shop) -> None:
    order_id = await placed(shop)

    there = await acted(shop, order_id, "hand-over", to="legacy")
    back = await acted(shop, order_id, "hand-over", to="instant", release="order-processing-v9.0.0")

    assert (there.json["pipeline"], there.json["epoch"]) == ("legacy", 1)
    assert (back.json["pipeline"], back.json["epoch"], back.json["release"]) == (
        "instant",
        2,
        "order-processing-v9.0.0",
    )
    rows = (await asked(shop, f"/operator/audit?subject={order_id}")).json
    assert [row["action"] for row in rows] == ["hand-over-to-instant", "hand-over-to-legacy"]
    assert rows[0]["actor"] == "ann"


async def test_pause_and_resume(shop: Shop) -> None:
    order_id = await placed(shop)

    assert (await acted(shop, order_id, "pause")).json["paused"] == WHO["reason"]
    assert (await acted(shop, order_id, "hand-over", to="legacy")).status == 409
    assert (await acted(shop, order_id, "resume")).json["paused"] == ""
    assert (await acted(shop, order_id, "resume")).json["type"] == "/docs#refused"


async def test_an_order_is_cancelled_and_its_stock_given_back(shop: Shop) -> None:
    order_id = await placed(shop)

    answer = await acted(shop, order_id, "cancel")

    offer = shop.store.offer("spa")
    assert offer is not None
    assert (answer.json["status"], offer.stock_left) == ("cancelled", 10)
    assert (await acted(shop, order_id, "redrive")).status == 409


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"actor": ""}, 422),
        ({"reason": " "}, 422),
        ({"to": "nowhere"}, 422),
        ({"colour": "red"}, 422),
        ({"reason": "x" * 501}, 422),
    ],
)
async def test_an_act_that_makes_no_sense_is_refused(shop: Shop, fields: dict[str, str], status: int) -> None:
    order_id = await placed(shop)

    answer = await acted(shop, order_id, "hand-over", **{"to": "legacy", **fields})

    assert answer.status == status
    assert shop.store.audits() == []


async def test_an_unknown_order_is_told(shop: Shop) -> None:
    assert (await acted(shop, "o-none", "pause")).status == 404


async def test_what_is_stuck_is_grouped_and_filtered(shop: Shop) -> None:
    first, second = await placed(shop, "k-1"), await placed(shop, "k-2")
    claimed = claim(shop.services, second)
    assert claimed is not None
    start_processing(shop.services, second, claimed.epoch)
    quarantine(shop.services, second, claimed.epoch, "fraud-scan tried 5 times; last: ZeroDivisionError: a bug")
    shop.clock.advance(600)
    third = await placed(shop, "k-3")

    everything = (await asked(shop, "/operator/stuck")).json
    old = (await asked(shop, "/operator/stuck?older_than=300")).json
    failed = (await asked(shop, "/operator/stuck?error=zerodivision")).json

    assert {row["order_id"] for row in everything["orders"]} == {first, second, third}
    assert {row["order_id"] for row in old["orders"]} == {first, second}
    assert [row["order_id"] for row in failed["orders"]] == [second]
    assert failed["groups"][0]["error"] == "ZeroDivisionError"
    assert failed["groups"][0]["seconds"] == 600
    assert (await asked(shop, "/operator/stuck?pipeline=legacy")).json == {"groups": [], "orders": []}
    assert (await asked(shop, "/operator/stuck?paused=perhaps")).status == 400


async def test_an_act_done_elsewhere_is_recorded(shop: Shop) -> None:
    body = {**WHO, "action": "pause", "subject": "function/fraud-scan", "detail": "prod"}

    answer = await shop.post("/operator/audit", body, authorization=token(shop))

    assert answer.status == 201
    assert (await asked(shop, "/operator/audit?limit=1")).json[0]["after"] == {"detail": "prod"}


async def test_an_order_somebody_works_on_is_redriven_all_the_same(shop: Shop) -> None:
    order_id = await placed(shop)
    take_over(shop.services, order_id, Pipeline.LEGACY)

    answer = await acted(shop, order_id, "redrive")

    assert (answer.status, answer.json["status"]) == (200, OrderStatus.RECEIVED.value)


class Register:
    """Executions that can be stopped, or not even asked about."""

    def __init__(self, *, away: bool = False) -> None:
        self.stopped: list[str] = []
        self._away = away

    def status(self, release: str, execution: str) -> str:
        return "RUNNING"

    def stop(self, release: str, execution: str, cause: str) -> None:
        if self._away:
            raise ExecutionsUnreachableError("a test")
        self.stopped.append(f"{release}/{execution}: {cause}")


@pytest.mark.parametrize("away", [False, True])
async def test_the_execution_that_was_fenced_off_is_stopped_if_it_can_be(shop: Shop, away: bool) -> None:
    order_id = await placed(shop)
    assert claim(replace(shop.services, current_release="order-processing-v1.0.0"), order_id) is not None
    register = Register(away=away)
    operators = Operators(token(shop).removeprefix("Bearer ").encode(), Seal(lambda: b"s" * 32, "operator"), shop.clock)
    api = ControlApi(shop.services, operators, register, lambda: None)
    asking = Asking(OrderServiceApp(Router(api.routes), frozenset(), lambda _: Reply(500, b"")))

    answer = await asking.post(
        f"/operator/orders/{order_id}/hand-over", {**WHO, "to": "legacy"}, authorization=token(shop)
    )

    assert (answer.status, answer.json["pipeline"]) == (200, "legacy")
    assert register.stopped == ([] if away else [f"order-processing-v1.0.0/{order_id}: {WHO['reason']}"])
