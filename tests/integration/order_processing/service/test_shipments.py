"""The warehouse tells what it has sent: by the API, once per parcel, and the waiting execution goes on."""

from dataclasses import replace
from typing import Any

import pytest

from order_processing.domain import OfferKind, Order, OrderStatus
from order_processing.gateways import BuiltInWarehouse
from order_processing.operations import (
    authorize,
    capture_delivered,
    claim,
    request_shipment,
    reserve_shipment,
    scan_fraud,
    start_processing,
)
from order_processing.stores import PutOffer
from tests.order_samples import an_offer

from .asking import Answer
from .conftest import Shop, settings
from .desks import HTML

pytestmark = pytest.mark.anyio

SHIPMENTS = "/operator/shipments"


def bearer(shop: Shop) -> dict[str, str]:
    return {"authorization": f"Bearer {settings(shop.store.path.parent).operator_token_file.read_text()}"}


async def packing(shop: Shop) -> tuple[str, int]:
    """An order of three mats that waits for the warehouse."""
    shop.store.commit((PutOffer(an_offer(unit_id="mat", kind=OfferKind.SALE_ITEM)),)).result()
    by_hand = replace(shop.services, warehouse=BuiltInWarehouse(at_once=False))
    order_id = (await shop.order(unit_id="mat", quantity=3)).json["order_id"]
    claimed = claim(by_hand, order_id)
    assert claimed is not None
    for operation in (start_processing, scan_fraud, authorize, reserve_shipment):
        operation(by_hand, order_id, claimed.epoch)
    request_shipment(by_hand, order_id, claimed.epoch, "token-1")
    return order_id, claimed.epoch


async def ship(shop: Shop, order_id: str, **notice: Any) -> Answer:
    return await shop.post(f"{SHIPMENTS}/{order_id}", notice, **bearer(shop))


def known(shop: Shop, order_id: str) -> Order:
    order = shop.store.order(order_id)
    assert order is not None
    return order


async def test_what_is_to_be_sent_is_listed_until_it_is_sent(shop: Shop) -> None:
    order_id, _ = await packing(shop)

    (row,) = (await shop.get(SHIPMENTS, **bearer(shop))).json
    assert (row["order_id"], row["quantity"], row["shipped"], row["waiting"]) == (order_id, 3, 0, 3)
    assert row["left_seconds"] == 3 * 86_400

    await ship(shop, order_id, quantity=3, tracking="T-1")
    assert (await shop.get(SHIPMENTS, **bearer(shop))).json == []


async def test_parts_follow_each_other_and_the_last_continues_the_execution(shop: Shop) -> None:
    order_id, epoch = await packing(shop)

    first = await ship(shop, order_id, quantity=2, tracking="T-1")
    assert shop.waiting.answered == {}
    last = await ship(shop, order_id, quantity=1, tracking="T-2")
    again = await ship(shop, order_id, quantity=1, tracking="T-2")

    assert (first.json["shipped"], first.json["waiting"], first.json["closed"]) == (2, 1, False)
    assert (last.json["closed"], last.json["passed_on"]) == (True, True)
    assert again.json == last.json
    told = shop.waiting.answered["token-1"]
    assert (told["order_id"], told["epoch"], told["shipped"]) == (order_id, epoch, 3)


async def test_the_customer_sees_what_came_what_follows_and_what_was_paid(shop: Shop) -> None:
    order_id, epoch = await packing(shop)
    waiting = (await shop.get(f"/orders/{order_id}", accept=HTML)).text
    assert "Our warehouse is packing your order" in waiting
    assert "Reserved in our warehouse" in waiting

    await ship(shop, order_id, quantity=1, tracking="T-1")
    partly = (await shop.get(f"/orders/{order_id}", accept=HTML)).text
    assert "T-1" in partly
    assert "Back-ordered, it follows" in partly

    await ship(shop, order_id, quantity=0, rest="cancelled")
    capture_delivered(shop.services, order_id, epoch)
    done = (await shop.get(f"/orders/{order_id}", accept=HTML)).text
    assert "You paid $25.00 of $75.00" in done
    assert "was not charged" in done
    assert known(shop, order_id).status is OrderStatus.PARTIALLY_FULFILLED


@pytest.mark.parametrize(
    ("notice", "status", "field"),
    [
        ({"quantity": 4, "tracking": "T-1"}, 409, None),
        ({"quantity": 0}, 409, None),
        ({"quantity": -1, "tracking": "T-1"}, 422, "/quantity"),
        ({"quantity": "two", "tracking": "T-1"}, 422, "/quantity"),
        ({"quantity": 1}, 422, "/tracking"),
        ({"quantity": 1, "tracking": "T-1", "rest": "lost"}, 422, "/rest"),
        ({"tracking": "T-1"}, 422, ""),
        ({"quantity": 1, "tracking": "T-1", "colour": "red"}, 422, ""),
    ],
)
async def test_notices_that_cannot_be_are_refused(
    shop: Shop, notice: dict[str, Any], status: int, field: str | None
) -> None:
    order_id, _ = await packing(shop)
    before = known(shop, order_id)

    answer = await ship(shop, order_id, **notice)

    assert (answer.status, answer.json.get("field")) == (status, field)
    assert known(shop, order_id) == before


async def test_strangers_and_unknown_orders_ship_nothing(shop: Shop) -> None:
    order_id, _ = await packing(shop)

    assert (await shop.post(f"{SHIPMENTS}/{order_id}", {"quantity": 3, "tracking": "T-1"})).status == 401
    assert (await shop.get(SHIPMENTS)).status == 401
    assert (await ship(shop, "nothing", quantity=1, tracking="T-1")).status == 404
