"""Operators list orders; nobody else does, as an order's id is the right to see it."""

import pytest

from .conftest import Shop, settings

pytestmark = pytest.mark.anyio


async def test_a_list_without_the_token_is_refused(shop: Shop) -> None:
    await shop.order()

    assert (await shop.get("/operator/orders")).status == 401
    assert (await shop.get("/operator/orders", authorization="Bearer guess")).status == 401


async def test_the_token_opens_the_list_newest_first(shop: Shop) -> None:
    first = (await shop.order("k-1")).json["order_id"]
    shop.clock.advance(1)
    second = (await shop.order("k-2")).json["order_id"]

    rows = (await shop.get("/operator/orders?status=received", authorization=token(shop))).json

    assert [row["order_id"] for row in rows] == [second, first]
    assert not {"payment_token", "vouchers"} & rows[0].keys()


async def test_since_leaves_out_what_has_not_changed(shop: Shop) -> None:
    await shop.order("k-1")
    shop.clock.advance(10)
    await shop.order("k-2")

    rows = (await shop.get(f"/operator/orders?since={shop.clock.now()}", authorization=token(shop))).json

    assert len(rows) == 1


async def test_one_order_is_shown_with_its_decisions(shop: Shop) -> None:
    order_id = (await shop.order("k-1")).json["order_id"]
    await shop.order("k-2")

    (row,) = (await shop.get(f"/operator/orders?order_id={order_id}", authorization=token(shop))).json

    assert row["order_id"] == order_id
    assert [(each["experiment"], each["variant"]) for each in row["assignments"]] == [("pipeline", "instant")]
    assert (await shop.get("/operator/orders?order_id=nobody", authorization=token(shop))).json == []


@pytest.mark.parametrize("query", ["status=lost", "limit=0x", "limit=0", "limit=100000", "since=-1", "colour=red"])
async def test_a_query_that_makes_no_sense_is_refused(shop: Shop, query: str) -> None:
    answer = await shop.get(f"/operator/orders?{query}", authorization=token(shop))

    assert answer.status == 400
    assert answer.json["status"] == 400


def token(shop: Shop) -> str:
    folder = shop.store.path.parent
    return f"Bearer {settings(folder).operator_token_file.read_text()}"
