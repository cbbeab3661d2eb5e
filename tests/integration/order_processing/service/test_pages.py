"""The storefront without a browser: what the pages say, and the form that buys."""

import re
from collections.abc import Mapping
from urllib.parse import urlencode

import pytest

from order_processing.domain import Category, OfferKind, OrderStatus, TimelineEntry, moved
from order_processing.operations import authorize, capture, claim, issue_vouchers, scan_fraud, start_processing
from order_processing.stores import PutOffer, PutOrder
from tests.order_samples import an_offer

from .asking import Answer
from .conftest import Shop

pytestmark = pytest.mark.anyio

HTML = "text/html,application/xhtml+xml,*/*;q=0.8"


def hidden(page: Answer, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    assert found is not None
    return found[1]


async def open_offer(shop: Shop, unit_id: str = "spa") -> Answer:
    return await shop.get(f"/units/{unit_id}", accept=HTML)


async def send_form(shop: Shop, page: Answer, headers: Mapping[str, str] | None = None, **changes: str) -> Answer:
    fields = {
        "idempotency_key": hidden(page, "idempotency_key"),
        "user_guid": hidden(page, "user_guid"),
        "quantity": "1",
        "payment_token": "tok_ok",
        "shopper": "",
        **changes,
    }
    given = {"content_type": "application/x-www-form-urlencoded", "sec_fetch_site": "same-origin", "accept": HTML}
    return await shop.ask("POST", "/units/spa", urlencode(fields).encode(), headers={**given, **(headers or {})})


async def test_the_front_page_lists_offers_by_city(shop: Shop) -> None:
    bistro = an_offer(unit_id="bistro", title="Brunch", city="Boston", category=Category.DINING, stock_left=0)
    shop.store.commit((PutOffer(bistro),)).result()

    page = (await shop.get("/", accept=HTML)).text

    assert page.index("<h2>Austin</h2>") < page.index("<h2>Boston</h2>")
    assert 'href="/units/spa"' in page
    assert "$25.00" in page
    assert "Only 10 left" in page
    assert "Sold out" in page


async def test_a_city_without_offers_says_so(shop: Shop) -> None:
    assert "Nothing here right now" in (await shop.get("/?city=Miami", accept=HTML)).text


async def test_each_offer_page_carries_a_key_of_its_own(shop: Shop) -> None:
    first, second = await open_offer(shop), await open_offer(shop)

    assert hidden(first, "idempotency_key") != hidden(second, "idempotency_key")
    assert first.headers["cache-control"] == "private, no-cache"


async def test_a_guest_stays_the_same_guest(shop: Shop) -> None:
    first = await open_offer(shop)
    cookie = first.headers["set-cookie"].partition(";")[0]

    second = await shop.get("/units/spa", accept=HTML, cookie=f"other=1; {cookie}")

    assert hidden(second, "user_guid") == hidden(first, "user_guid")
    assert "HttpOnly" in first.headers["set-cookie"]


async def test_buying_leads_to_the_order_page(shop: Shop) -> None:
    bought = await send_form(shop, await open_offer(shop), quantity="2")

    assert bought.status == 303
    page = await shop.get(bought.headers["location"], accept=HTML)
    assert page.status == 200
    assert "Checking" in page.text
    assert "$50.00" in page.text
    assert '<noscript><meta http-equiv="refresh"' in page.text


async def test_pressing_buy_twice_gives_one_order(shop: Shop) -> None:
    page = await open_offer(shop)

    first, second = await send_form(shop, page), await send_form(shop, page)

    assert first.headers["location"] == second.headers["location"]
    assert shop.order_count() == 1


async def test_going_back_and_changing_the_quantity_asks_again_with_a_new_key(shop: Shop) -> None:
    page = await open_offer(shop)
    await send_form(shop, page)

    refused = await send_form(shop, page, quantity="2")

    assert refused.status == 409
    assert hidden(refused, "idempotency_key") != hidden(page, "idempotency_key")
    assert '<option value="2" selected>' in refused.text
    assert "You have ordered from this page before" in refused.text
    assert "Idempotency-Key" not in refused.text


@pytest.mark.parametrize("user_guid", ["a\r\nSet-Cookie: x=1", "a; Domain=example", "☃"])
async def test_an_id_that_a_form_made_up_gets_no_cookie(shop: Shop, user_guid: str) -> None:
    refused = await send_form(shop, await open_offer(shop), user_guid=user_guid)

    assert refused.status == 422
    assert "set-cookie" not in refused.headers


async def test_links_of_a_campaign_lead_to_the_front_page(shop: Shop) -> None:
    page = await shop.get("/?city=Austin&utm_source=mail&fbclid=x&fbclid=y", accept=HTML)

    assert page.status == 200
    assert "Austin, this week" in page.text


async def test_a_city_that_is_none_is_named_with_those_that_are(shop: Shop) -> None:
    assert "City is one of: Atlanta, Austin" in (await shop.get("/?city=Nowhere", accept=HTML)).text


async def test_a_sold_out_offer_cannot_be_bought_and_says_so(shop: Shop) -> None:
    page = await open_offer(shop)
    for number in range(10):
        await shop.order(f"k-{number}")

    refused = await send_form(shop, page)

    assert refused.status == 409
    assert "Not enough units are left" in refused.text
    assert "Someone was quicker" in (await open_offer(shop)).text


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "", "origin": "https://evil.example"},
        {"sec_fetch_site": "", "origin": "null"},
        {"sec_fetch_site": "", "origin": "http://127.0.0.1:9999"},
    ],
)
async def test_a_form_of_another_site_buys_nothing(shop: Shop, headers: dict[str, str]) -> None:
    refused = await send_form(shop, await open_offer(shop), headers)

    assert refused.status == 403
    assert shop.order_count() == 0


async def test_a_form_of_this_site_is_known_by_its_origin_too(shop: Shop) -> None:
    headers = {"sec_fetch_site": "", "origin": "http://127.0.0.1:8080"}

    assert (await send_form(shop, await open_offer(shop), headers)).status == 303


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": "many"},
        {"quantity": "-1"},
        {"quantity": "9" * 400},
        {"payment_token": "4111111111111111"},
        {"user_guid": "<script>"},
        {"shopper": "vip-"},
        {"idempotency_key": ""},
    ],
)
async def test_a_forged_form_is_refused_and_echoed_harmlessly(shop: Shop, changes: dict[str, str]) -> None:
    refused = await send_form(shop, await open_offer(shop), **changes)

    assert 400 <= refused.status < 500
    assert "<script>" not in refused.text.replace('<script src="', "")
    assert shop.order_count() == 0


async def test_a_form_with_strange_fields_is_refused(shop: Shop) -> None:
    page = await open_offer(shop)

    assert (await send_form(shop, page, price_minor="1")).status == 400
    assert (await send_form(shop, page, {"content_type": "application/json"})).status == 415


async def voucher_of(shop: Shop) -> str:
    """Carries an order to its voucher by the operations that functions call."""
    order_id: str = (await shop.order()).json["order_id"]
    claimed = claim(shop.services, order_id)
    assert claimed is not None
    for step in (start_processing, scan_fraud, authorize, issue_vouchers, capture):
        shop.clock.advance(0.01)
        step(shop.services, order_id, claimed.epoch)
    return order_id


async def test_a_ready_voucher_is_shown_with_its_code(shop: Shop) -> None:
    order_id = await voucher_of(shop)
    document = (await shop.get(f"/orders/{order_id}")).json
    code = document["vouchers"][0]["code"]

    page = await shop.get(f"/orders/{order_id}", accept=HTML)

    assert document["status"] == "completed"
    assert "<h1>Your voucher is ready</h1>" in page.text
    assert "Ready 50 ms after you ordered" in page.text
    assert code in page.text
    assert "Valid until" in page.text
    assert "http-equiv" not in page.text


async def test_the_code_is_an_image_too_for_who_knows_the_order(shop: Shop) -> None:
    order_id = await voucher_of(shop)

    image = await shop.get(f"/orders/{order_id}/vouchers/1.svg")

    assert (image.status, image.headers["content-type"]) == (200, "image/svg+xml")
    assert image.headers["cache-control"] == "no-store"
    assert b"<svg" in image.body
    assert (await shop.get(f"/orders/{order_id}/vouchers/2.svg")).status == 404
    assert (await shop.get("/orders/nobody/vouchers/1.svg")).status == 404


async def test_delivery_is_measured_once_per_order(shop: Shop) -> None:
    await voucher_of(shop)
    shop.service.voucher_times.measure()
    shop.service.voucher_times.measure()

    figures = (await shop.get("/metrics")).text

    assert 'order_to_voucher_seconds_count{pipeline="instant"} 1.0' in figures


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (OrderStatus.REJECTED, "We could not accept this order"),
        (OrderStatus.IN_REVIEW, "We are checking your order."),
        (OrderStatus.CANCELLED, "Any hold on your card is released."),
    ],
)
async def test_other_ends_are_told_calmly(shop: Shop, status: OrderStatus, words: str) -> None:
    order_id = (await shop.order()).json["order_id"]
    for to in (OrderStatus.PROCESSING, status):
        order = shop.store.order(order_id)
        assert order is not None
        after = moved(order, to, TimelineEntry(1.0, to.value, "test", "secret reason"))
        shop.store.commit((PutOrder(after, order.version),)).result()

    page = (await shop.get(f"/orders/{order_id}", accept=HTML)).text

    assert words in page
    assert "secret reason" not in page


async def test_a_sale_item_promises_a_parcel_not_a_voucher(shop: Shop) -> None:
    shop.store.commit((PutOffer(an_offer(unit_id="mat", kind=OfferKind.SALE_ITEM)),)).result()

    assert "Sent from our warehouse" in (await open_offer(shop, "mat")).text


async def test_a_problem_is_a_page_for_people(shop: Shop) -> None:
    missing = await shop.get("/orders/nobody", accept=HTML)

    assert (missing.status, missing.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is no such order" in missing.text


async def test_programs_get_documents_unless_they_ask_for_pages(shop: Shop) -> None:
    order_id = (await shop.order()).json["order_id"]

    for accept in ("", "*/*", "application/json", "application/json, text/html", "text/html;q=0.5, application/json"):
        assert (await shop.get(f"/orders/{order_id}", accept=accept)).headers["content-type"] == "application/json"


async def test_pages_load_nothing_from_elsewhere(shop: Shop) -> None:
    order_id = await voucher_of(shop)

    for target in ("/", "/units/spa", f"/orders/{order_id}", "/docs"):
        answer = await shop.get(target, accept=HTML)
        page = answer.text
        assert answer.status == 200
        assert not re.search(r'(src|href|action)="(https?:)?//', page)
        assert not re.search(r"<style|style=|<script>|\son\w+=", page)


async def test_static_files_may_be_kept_for_ever(shop: Shop) -> None:
    page = (await shop.get("/", accept=HTML)).text
    found = re.search(r'href="(/static/shop.css\?v=[0-9a-f]{12})"', page)
    assert found is not None

    style = await shop.get(found[1])

    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in style.headers["cache-control"]
    assert (await shop.get("/static/openapi.json")).status == 404


async def test_head_is_answered_like_get(shop: Shop) -> None:
    assert (await shop.ask("HEAD", "/offers")).status == 200
