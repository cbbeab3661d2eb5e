"""Redeeming through the API: once, by the right merchant, within limits, and with nothing to learn from a refusal."""

import asyncio

import pytest

from order_processing.domain import UNDO_SECONDS
from order_processing.operations import issue_vouchers
from order_processing.service.throttle import KEYS_MAX, Limits, Throttle

from .conftest import Shop, settings
from .desks import OWNER, RIVAL, TILL, ask_desk, code_of, delivered, sold, with_merchants, write_merchants

pytestmark = pytest.mark.anyio

NO_CODE = "0000-0000-0000-0000"


async def test_a_voucher_is_valid_then_used(shop: Shop) -> None:
    order = await sold(with_merchants(shop), quantity=2)
    code = code_of(shop, order, 2)

    before = (await ask_desk(shop, "checks", code)).json
    redeemed = await ask_desk(shop, "redemptions", code.lower().replace("-", " "))
    after = (await ask_desk(shop, "checks", code)).json

    assert (before["state"], before["number"], before["quantity"], before["undo_until"]) == ("valid", 2, 2, None)
    assert redeemed.status == 201
    assert (after["state"], after["redeemed_by"]) == ("used", "till")
    assert after["undo_until"] == shop.clock.now() + UNDO_SECONDS
    assert (await ask_desk(shop, "checks", code_of(shop, order, 1))).json["state"] == "valid"


async def test_merchants_see_nothing_of_the_buyer_nor_the_whole_code(shop: Shop) -> None:
    order = await sold(with_merchants(shop))
    code = code_of(shop, order)

    answer = await ask_desk(shop, "checks", code)

    assert answer.json["last4"] == code[-4:]
    assert not {"user_guid", "order_id", "payment_token", "code"} & answer.json.keys()
    assert code[:4] not in answer.text


async def test_a_used_voucher_is_refused_with_the_time_it_was_used(shop: Shop) -> None:
    order = await sold(with_merchants(shop))
    await ask_desk(shop, "redemptions", code_of(shop, order))

    again = await ask_desk(shop, "redemptions", code_of(shop, order), OWNER)

    assert (again.status, again.json["type"]) == (409, "/docs#voucher-used")
    assert "used on 14 November 2023, 16:13 CST" in again.json["detail"]


async def test_a_request_repeated_under_its_key_is_one_redemption(shop: Shop) -> None:
    order = await sold(with_merchants(shop))
    code = code_of(shop, order)

    first = await ask_desk(shop, "redemptions", code, idempotency_key="r-1")
    second = await ask_desk(shop, "redemptions", code, idempotency_key="r-1")
    other = await ask_desk(shop, "redemptions", code, idempotency_key="r-2")
    someone_else = await ask_desk(shop, "redemptions", code, OWNER, idempotency_key="r-1")

    assert (first.status, second.status, first.body) == (201, 201, second.body)
    assert (other.status, someone_else.status) == (409, 409)


async def test_unknown_foreign_and_malformed_codes_look_the_same(shop: Shop) -> None:
    order = await sold(with_merchants(shop))
    foreign = await ask_desk(shop, "checks", code_of(shop, order), RIVAL)
    unknown = await ask_desk(shop, "checks", NO_CODE, RIVAL)
    malformed = [await ask_desk(shop, "checks", text, RIVAL) for text in ("x", "!" * 500, "ÄÖÜ ☃")]

    assert unknown.status == 404
    assert {(each.status, each.body, str(each.headers)) for each in (foreign, *malformed)} == {
        (404, unknown.body, str(unknown.headers))
    }


async def test_a_voucher_that_is_not_paid_yet_is_unknown(shop: Shop) -> None:
    with_merchants(shop)
    order = delivered(shop, (await shop.order()).json["order_id"], issue_vouchers)

    assert (await ask_desk(shop, "checks", code_of(shop, order))).status == 404


async def test_an_expired_voucher_is_refused_from_the_first_second_of_the_next_day(shop: Shop) -> None:
    order = await sold(with_merchants(shop))
    shop.clock.advance(order.vouchers[0].expires_at + 0.9 - shop.clock.now())
    assert (await ask_desk(shop, "checks", code_of(shop, order))).json["state"] == "valid"
    shop.clock.advance(0.1)

    refused = await ask_desk(shop, "redemptions", code_of(shop, order))

    assert (refused.status, refused.json["type"]) == (410, "/docs#voucher-expired")


async def test_a_redemption_is_undone_within_a_minute_by_the_same_user(shop: Shop) -> None:
    order = await sold(with_merchants(shop))
    code = code_of(shop, order)
    await ask_desk(shop, "redemptions", code)

    by_other = await ask_desk(shop, "reversals", code, OWNER)
    undone = await ask_desk(shop, "reversals", code)
    await ask_desk(shop, "redemptions", code)
    shop.clock.advance(UNDO_SECONDS)
    too_late = await ask_desk(shop, "reversals", code)

    assert (by_other.status, by_other.json["type"]) == (409, "/docs#redemption-stands")
    assert (undone.status, undone.json["state"]) == (200, "valid")
    assert too_late.status == 409


async def test_a_hundred_at_once_are_one_redemption(shop: Shop) -> None:
    order = await sold(with_merchants(shop))

    answers = await asyncio.gather(*(ask_desk(shop, "redemptions", code_of(shop, order)) for _ in range(100)))

    assert sorted(answer.status for answer in answers) == [201] + [409] * 99
    timeline = shop.store.order(order.order_id).timeline  # type: ignore[union-attr]
    assert [entry.event for entry in timeline].count("voucher_redeemed") == 1


@pytest.mark.parametrize("given", [{}, {"authorization": "Bearer guess"}, {"authorization": "mt_till"}])
async def test_nobody_without_a_token_is_answered(shop: Shop, given: dict[str, str]) -> None:
    order = await sold(with_merchants(shop))

    for path in ("checks", "redemptions", "reversals"):
        answer = await shop.post(f"/vouchers/{path}", {"code": code_of(shop, order)}, **given)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_a_token_taken_out_of_the_file_is_worth_nothing_at_once(shop: Shop) -> None:
    order = await sold(with_merchants(shop))
    assert (await ask_desk(shop, "checks", code_of(shop, order))).status == 200

    write_merchants(shop, {"The Blue Room": {}})

    assert (await ask_desk(shop, "checks", code_of(shop, order))).status == 401


async def test_a_broken_file_of_tokens_stops_redeeming_only(shop: Shop) -> None:
    settings(shop.store.path.parent).merchants_file.write_text("{")

    assert (await ask_desk(shop, "checks", NO_CODE)).status == 503
    assert (await shop.get("/offers")).status == 200


async def test_ten_wrong_codes_lock_the_merchant_out_even_with_a_good_one(shop: Shop) -> None:
    order = await sold(with_merchants(shop))
    wrong = await asyncio.gather(*(ask_desk(shop, "checks", f"{NO_CODE[:-2]}{n:02}") for n in range(30)))

    locked = await ask_desk(shop, "redemptions", code_of(shop, order))

    assert [answer.status for answer in wrong] == [404] * 10 + [429] * 20
    assert (locked.status, locked.json["type"]) == (429, "/docs#too-many-tries")
    assert int(locked.headers["retry-after"]) <= 900
    shop.clock.advance(900)
    assert (await ask_desk(shop, "redemptions", code_of(shop, order))).status == 201


async def test_ten_wrong_tokens_lock_their_address_out(shop: Shop) -> None:
    order = await sold(with_merchants(shop))
    statuses = [(await ask_desk(shop, "checks", NO_CODE, f"mt_{n}")).status for n in range(11)]

    assert statuses == [401] * 10 + [429]
    assert (await ask_desk(shop, "checks", code_of(shop, order))).status == 429


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"code": 7}', b'{"code": ""}', b'{"code": "a", "to": "b"}', b"nope"])
async def test_a_body_that_is_no_code_is_refused_with_its_field(shop: Shop, body: bytes) -> None:
    with_merchants(shop)

    answer = await shop.post("/vouchers/redemptions", body, authorization=f"Bearer {TILL}")

    assert answer.status in (400, 422)
    assert "field" in answer.json


async def test_operators_see_and_revoke_vouchers(shop: Shop) -> None:
    order = await sold(with_merchants(shop), quantity=2)
    token = {"authorization": f"Bearer {settings(shop.store.path.parent).operator_token_file.read_text()}"}
    void = {"order_id": order.order_id, "number": "1", "actor": "ann", "reason": "lost phone"}

    shown = await shop.post("/operator/vouchers/shown", {"code": code_of(shop, order)}, **token)
    both = await shop.post("/operator/vouchers/shown", {"order_id": order.order_id}, **token)
    voided = await shop.post("/operator/vouchers/voids", void, **token)
    again = await shop.post("/operator/vouchers/voids", void, **token)

    assert (shown.json[0]["order_id"], shown.json[0]["code"][:4]) == (order.order_id, "****")
    assert [each["number"] for each in both.json] == [1, 2]
    assert (voided.status, voided.json["state"], again.status) == (200, "revoked", 409)
    redeemed = await ask_desk(shop, "redemptions", code_of(shop, order))
    assert (redeemed.status, redeemed.json["type"]) == (410, "/docs#voucher-revoked")
    assert (await shop.post("/operator/vouchers/voids", void)).status == 401


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"number": "9"}, 404),
        ({"number": "one"}, 422),
        ({"number": "²"}, 422),
        ({"number": "0000012"}, 422),  # not the first of the order's vouchers
        ({"order_id": "nothing"}, 404),
        ({"reason": ""}, 422),
    ],
)
async def test_a_revocation_that_makes_no_sense_is_refused(shop: Shop, change: dict[str, str], status: int) -> None:
    order = await sold(shop)
    token = {"authorization": f"Bearer {settings(shop.store.path.parent).operator_token_file.read_text()}"}
    void = {"order_id": order.order_id, "number": "1", "actor": "ann", "reason": "lost phone", **change}

    assert (await shop.post("/operator/vouchers/voids", void, **token)).status == status


def test_a_throttle_forgets_the_keys_asked_longest_ago() -> None:
    throttle = Throttle(lambda: 0.0, Limits(asked_max=1))
    for number in range(KEYS_MAX + 1):
        throttle.demand(f"source {number}")

    throttle.demand("source 0")
