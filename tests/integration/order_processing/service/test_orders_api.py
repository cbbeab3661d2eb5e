"""Placing and seeing orders through the ASGI application."""

import asyncio

import pytest

from order_processing.domain import OrderStatus
from order_processing.operations import claim, start_processing
from order_processing.stores import CommitUnknownError, PutOffer, StoreUnavailableError
from tests.order_samples import an_offer

from .conftest import BODY, Shop

pytestmark = pytest.mark.anyio


async def test_an_order_is_on_disk_when_it_is_answered(shop: Shop) -> None:
    answer = await shop.order(quantity=2)

    order = shop.store.order(answer.json["order_id"])
    assert answer.status == 201
    assert answer.json["status"] == "received"
    assert answer.headers["location"] == f"/orders/{answer.json['order_id']}"
    assert order is not None
    assert order.quantity == 2
    assert shop.store.unpublished()[0].order_id == order.order_id
    assert shop.store.offer("spa") == an_offer(stock_left=8)


async def test_an_order_can_be_seen_by_who_knows_its_id(shop: Shop) -> None:
    order_id = (await shop.order()).json["order_id"]

    seen = (await shop.get(f"/orders/{order_id}")).json

    assert (seen["user_guid"], seen["unit_id"], seen["status"]) == ("u-1", "spa", "received")
    assert (seen["pipeline"], seen["release"], seen["vouchers"]) == ("instant", "", [])
    assert seen["timeline"] == [{"at": shop.clock.now(), "event": "received"}]


async def test_what_the_order_page_must_not_tell_is_not_in_the_document(shop: Shop) -> None:
    order_id = (await shop.order(user_guid="fraud-1")).json["order_id"]
    claim(shop.services, order_id)

    text = (await shop.get(f"/orders/{order_id}")).text

    assert "tok_ok" not in text
    assert "block list" not in text
    assert "epoch" not in text


async def test_an_unknown_order_is_not_found(shop: Shop) -> None:
    answer = await shop.get("/orders/00000000000000000000000000000000")

    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_same_key_gives_the_same_answer_whatever_happened_since(shop: Shop) -> None:
    first = await shop.order()
    claimed = claim(shop.services, first.json["order_id"])
    assert claimed is not None
    start_processing(shop.services, first.json["order_id"], claimed.epoch)

    second = await shop.order()

    assert (second.status, second.body) == (201, first.body)
    assert second.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert shop.order_count() == 1


async def test_the_same_order_written_otherwise_is_the_same_order(shop: Shop) -> None:
    first = await shop.order()
    spaced = b'{ "payment_token":"tok_ok", "quantity":1,"unit_id":"sp\\u0061","user_guid":"u-1" }'

    assert (await shop.post("/orders", spaced, idempotency_key="k-1")).body == first.body


async def test_the_same_key_with_another_body_conflicts(shop: Shop) -> None:
    await shop.order()

    answer = await shop.order(quantity=2)

    assert answer.status == 409
    assert answer.json["type"].endswith("idempotency-key-reused")
    assert shop.order_count() == 1


async def test_a_known_key_is_answered_after_the_sale_is_over(shop: Shop) -> None:
    shop.store.commit((PutOffer(an_offer(unit_id="flash", stock_left=1, ends_at=shop.clock.now() + 60)),)).result()
    first = await shop.order(unit_id="flash")
    shop.clock.advance(3600)

    assert (await shop.order(unit_id="flash")).body == first.body
    assert (await shop.order("k-2", unit_id="flash")).json["type"].endswith("offer-closed")


async def test_64_clients_with_one_key_make_one_order(shop: Shop) -> None:
    answers = await asyncio.gather(*(shop.order() for _ in range(64)))

    assert {answer.status for answer in answers} == {201}
    assert len({answer.body for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert shop.order_count() == 1
    assert shop.store.offer("spa") == an_offer(stock_left=9)


async def test_one_key_for_the_last_unit_is_never_told_sold_out(shop: Shop) -> None:
    shop.store.commit((PutOffer(an_offer(unit_id="last", stock_left=1)),)).result()

    answers = await asyncio.gather(*(shop.order(unit_id="last") for _ in range(8)))

    assert {answer.status for answer in answers} == {201}


async def test_500_buyers_of_10_units_buy_exactly_10(shop: Shop) -> None:
    answers = await asyncio.gather(*(shop.order(f"k-{number}") for number in range(500)))

    sold = [answer for answer in answers if answer.status == 201]
    refused = [answer for answer in answers if answer.status != 201]
    assert len(sold) == shop.order_count() == 10
    assert {answer.json["type"] for answer in refused} == {"/docs#sold-out"}


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"unit_id": "nowhere"}, 404, "/unit_id"),
        ({"quantity": 11}, 422, "/quantity"),
        ({"quantity": 0}, 422, "/quantity"),
        ({"quantity": 10}, 409, "/quantity"),
    ],
)
async def test_what_the_shop_cannot_sell_names_the_field(
    shop: Shop, changes: dict[str, object], status: int, field: str
) -> None:
    await shop.order("k-0")

    answer = await shop.order(**changes)

    assert (answer.status, answer.json["field"]) == (status, field)
    assert shop.order_count() == 1


@pytest.mark.parametrize("error", [StoreUnavailableError("orders.db", "disk full"), CommitUnknownError("fsync")])
async def test_a_store_that_fails_never_gives_a_201(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def failing(_: object) -> None:
        raise error

    monkeypatch.setattr(shop.store, "commit", failing)

    answer = await shop.order()

    assert answer.status == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json["type"].endswith("unavailable")


async def test_a_bug_is_answered_without_its_insides(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(shop.store, "offer", failing)

    answer = await shop.order()

    assert answer.status == 500
    assert "secret" not in answer.text


async def test_waiting_for_the_end_answers_when_the_order_is_at_rest(shop: Shop) -> None:
    order_id = (await shop.order()).json["order_id"]
    waiting = asyncio.create_task(shop.get(f"/orders/{order_id}", prefer="respond-async, wait=20"))
    await asyncio.sleep(0)

    await asyncio.to_thread(cancelled, shop, order_id)

    assert (await waiting).json["status"] == "cancelled"


def cancelled(shop: Shop, order_id: str) -> None:
    from order_processing.domain import TimelineEntry, moved
    from order_processing.stores import PutOrder

    order = shop.store.order(order_id)
    assert order is not None
    after = moved(order, OrderStatus.CANCELLED, TimelineEntry(shop.clock.now(), "cancelled", "test"))
    shop.store.commit((PutOrder(after, order.version),)).result()


async def test_offers_can_be_filtered(shop: Shop) -> None:
    shop.store.commit((PutOffer(an_offer(unit_id="bistro", city="Boston")),)).result()

    every = (await shop.get("/offers")).json
    boston = (await shop.get("/offers?city=Boston&category=beauty")).json

    assert [offer["unit_id"] for offer in every] == ["spa", "bistro"]
    assert [offer["unit_id"] for offer in boston] == ["bistro"]
    assert every[0] | {"ends_at": 0} == {
        "unit_id": "spa",
        "title": "A day at the spa",
        "merchant": "Lumen Studio",
        "city": "Austin",
        "category": "beauty",
        "kind": "voucher",
        "price_minor": 2500,
        "currency": "USD",
        "stock_left": 10,
        "max_per_order": 10,
        "starts_at": 0.0,
        "ends_at": 0,
        "valid_days": 90,
    }


@pytest.mark.parametrize("query", ["city=Rome", "category=cars", "town=Austin", "city=Austin&city=Boston", "city=%ff"])
async def test_a_filter_that_cannot_match_is_refused(shop: Shop, query: str) -> None:
    assert (await shop.get(f"/offers?{query}")).status in (400, 422)


async def test_what_happened_is_counted(shop: Shop) -> None:
    await shop.order()
    await shop.order()
    await shop.order("k-2", quantity=0)

    figures = (await shop.get("/metrics")).text

    for line in ('{outcome="accepted"} 1.0', '{outcome="replayed"} 1.0', '{outcome="refused"} 1.0'):
        assert f"order_requests_total{line}" in figures
    assert 'order_refusals_total{problem="invalid-field"} 1.0' in figures
    assert BODY["user_guid"] not in figures
