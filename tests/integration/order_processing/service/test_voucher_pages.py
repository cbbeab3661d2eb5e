"""The merchant's page, the buyer's list of vouchers, and vouchers on paper."""

import re

import pytest

from order_processing.domain import changed
from order_processing.service.pages import Pages
from order_processing.service.voucher_pdf import VoucherSheet, voucher_pdf
from order_processing.service.wallet import ORDERS_MAX, Wallet
from order_processing.stores import PutOrder

from .asking import Answer
from .conftest import Shop
from .desks import HTML, OWNER, TILL, code_of, cookie_of, delivered, send, sold, with_merchants, write_merchants
from .paying import order_of

pytestmark = pytest.mark.anyio


async def signed_in(shop: Shop, token: str = TILL) -> str:
    answer = await send(shop, "/merchant/session", {"token": token})
    assert (answer.status, answer.headers["location"]) == (303, "/merchant")
    assert "HttpOnly; SameSite=Strict" in answer.headers["set-cookie"]
    return cookie_of(answer)


def headline(page: Answer) -> str:
    found = re.search(r"<h1>(.*?)</h1>", page.text)
    assert found is not None
    return found[1]


async def test_a_merchant_signs_in_redeems_and_undoes(shop: Shop) -> None:
    order = await sold(with_merchants(shop))
    code = code_of(shop, order)
    assert "Merchant&#39;s token" in (await shop.get("/merchant", accept=HTML)).text
    cookie = await signed_in(shop)
    assert "Lumen Studio · till" in (await shop.get("/merchant", accept=HTML, cookie=cookie)).text

    checked = await send(shop, "/merchant/check", {"code": code}, cookie=cookie)
    redemption = re.search(r'name="redemption" value="(\w+)"', checked.text)
    assert redemption is not None
    form = {"code": code, "redemption": redemption[1]}
    redeemed = await send(shop, "/merchant/redeem", form, cookie=cookie)
    double_tap = await send(shop, "/merchant/redeem", form, cookie=cookie)
    seen_later = await send(shop, "/merchant/check", {"code": code}, cookie=cookie)
    undone = await send(shop, "/merchant/undo", {"code": code}, cookie=cookie)

    assert [headline(page) for page in (checked, redeemed, double_tap, seen_later, undone)] == [
        "Valid",
        "Redeemed",
        "Redeemed",
        "Used already",
        "Valid",
    ]
    assert "by till" in seen_later.text


async def test_a_wrong_token_and_a_wrong_code_say_so(shop: Shop) -> None:
    with_merchants(shop)
    refused = await send(shop, "/merchant/session", {"token": "guess"})
    cookie = await signed_in(shop)

    unknown = await send(shop, "/merchant/check", {"code": "0000"}, cookie=cookie)
    empty = await send(shop, "/merchant/redeem", {}, cookie=cookie)

    assert (refused.status, unknown.status, headline(unknown)) == (401, 404, "Unknown code")
    assert "set-cookie" not in refused.headers
    assert empty.status == 404


async def test_a_session_ends_with_sign_out_time_and_token(shop: Shop) -> None:
    with_merchants(shop)
    cookie = await signed_in(shop, OWNER)
    ended = await send(shop, "/merchant/session/end", {}, cookie=cookie)
    assert "Max-Age=0" in ended.headers["set-cookie"]

    write_merchants(shop, {})
    assert (await send(shop, "/merchant/check", {"code": "x"}, cookie=cookie)).status == 303

    with_merchants(shop)
    assert "owner" in (await shop.get("/merchant", cookie=cookie)).text
    shop.clock.advance(12 * 3_600)
    assert "owner" not in (await shop.get("/merchant", cookie=cookie)).text


@pytest.mark.parametrize("path", ["session", "session/end", "check", "redeem", "undo"])
async def test_forms_of_other_sites_and_reads_change_nothing(shop: Shop, path: str) -> None:
    cookie = await signed_in(with_merchants(shop))

    foreign = await send(shop, f"/merchant/{path}", {}, cookie=cookie, sec_fetch_site="cross-site")
    read = await shop.get(f"/merchant/{path}", cookie=cookie)

    assert (foreign.status, read.status) == (403, 405)


@pytest.mark.parametrize("forged", ["merchant=", "merchant=AAAA", "merchant=!!", "merchant=" + "A" * 5000])
async def test_a_forged_cookie_is_no_session(shop: Shop, forged: str) -> None:
    with_merchants(shop)

    assert "Lumen Studio · " not in (await shop.get("/merchant", cookie=forged)).text


async def test_each_byte_of_a_session_is_signed(shop: Shop) -> None:
    name, _, value = (await signed_in(with_merchants(shop))).partition("=")

    for at in range(0, len(value) - 1, 7):
        other = "A" if value[at] != "A" else "B"
        forged = f"{name}={value[:at]}{other}{value[at + 1 :]}"
        assert "Lumen Studio · " not in (await shop.get("/merchant", cookie=forged)).text


async def buy(shop: Shop, key: str, cookie: str = "") -> Answer:
    fields = {"idempotency_key": key, "user_guid": "0" * 32, "quantity": "1", "payment_token": "tok_ok", "shopper": ""}
    return await send(shop, "/units/spa", fields, **({"cookie": cookie} if cookie else {}))


async def test_the_browser_keeps_its_orders(shop: Shop) -> None:
    first = await buy(shop, "k-1")
    second = await buy(shop, "k-2", cookie_of(first))

    page = (await shop.get("/vouchers", cookie=cookie_of(second))).text

    assert "HttpOnly; SameSite=Lax" in second.headers["set-cookie"]
    assert page.index(second.headers["location"]) < page.index(first.headers["location"])
    assert "orders under way" in page


async def test_an_order_of_a_newer_release_is_left_out_of_the_list(shop: Shop) -> None:
    first = await buy(shop, "k-1")
    second = await buy(shop, "k-2", cookie_of(first))
    newer = order_of(shop, first.headers["location"].rpartition("/")[2])
    written = changed(newer, schema=newer.schema + 1, version=newer.version + 1)
    shop.store.commit((PutOrder(written, newer.version),)).result(10)

    page = await shop.get("/vouchers", cookie=cookie_of(second))

    assert page.status == 200
    assert second.headers["location"] in page.text
    assert first.headers["location"] not in page.text


async def test_the_list_is_bounded(shop: Shop) -> None:
    wallet, cookie = Wallet(shop.services, Pages(shop.clock, shop.services.voucher_secret)), b""
    for number in range(ORDERS_MAX + 5):
        header = [(b"cookie", cookie.partition(b";")[0])]
        cookie = wallet.with_order({"headers": header}, f"{number:032}")

    assert len(cookie) < 4_000
    known = wallet._order_ids({"headers": [(b"cookie", cookie.partition(b";")[0])]})
    assert (len(known), known[0], known[-1]) == (ORDERS_MAX, f"{ORDERS_MAX + 4:032}", f"{5:032}")


async def test_vouchers_are_listed_unused_used_and_expired(shop: Shop) -> None:
    bought = await buy(with_merchants(shop), "k-1")
    shop_cookie = cookie_of(bought)
    order = delivered(shop, bought.headers["location"].rpartition("/")[2])

    unused = (await shop.get("/vouchers", cookie=shop_cookie)).text
    assert code_of(shop, order) in unused
    shop.clock.advance(order.vouchers[0].expires_at + 1 - shop.clock.now())
    expired = (await shop.get("/vouchers", cookie=shop_cookie)).text
    assert "Expired on" in expired
    assert code_of(shop, order) not in expired


async def test_a_browser_without_orders_sees_an_empty_list(shop: Shop) -> None:
    page = await shop.get("/vouchers", accept=HTML, cookie="orders=forged")

    assert (page.status, "Nothing here yet" in page.text) == (200, True)


async def test_a_voucher_prints_as_the_same_pdf_each_time(shop: Shop) -> None:
    order = await sold(shop)

    first = await shop.get(f"/orders/{order.order_id}/vouchers/1.pdf")
    second = await shop.get(f"/orders/{order.order_id}/vouchers/1.pdf")

    assert (first.status, first.headers["content-type"]) == (200, "application/pdf")
    assert first.body.startswith(b"%PDF-1.")
    assert first.body == second.body
    assert (await shop.get(f"/orders/{order.order_id}/vouchers/2.pdf")).status == 404


def test_a_sheet_with_any_title_prints() -> None:
    for title in ("A day at the spa " * 12, "早安 ☃", "Crème brûlée"):
        assert voucher_pdf(VoucherSheet(title, "Here", "ABCD-EFGH-JKMN-PQRS", "today", 1, 2)).startswith(b"%PDF")
