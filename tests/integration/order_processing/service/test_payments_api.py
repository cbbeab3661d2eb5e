"""Operators refund, look at open payments, move the breaker and see to alerts."""

from dataclasses import replace
from typing import Any

import pytest

from order_processing.domain import OrderStatus, Purpose, captured_net_minor
from order_processing.gateways import Unknown
from order_processing.operations import PaymentUnknownError, authorize, release

from .asking import Answer
from .conftest import Shop
from .paying import cleared, completed, operator, order_of, provider

pytestmark = pytest.mark.anyio


async def refund(shop: Shop, order_id: str, key: str = "r-1", **body: Any) -> Answer:
    return await shop.post(
        f"/operator/orders/{order_id}/refunds",
        {"reason": "not as described", **body},
        authorization=operator(shop),
        idempotency_key=key,
    )


async def test_a_refund_without_the_token_or_a_key_is_refused(shop: Shop) -> None:
    order_id = await completed(shop)
    path = f"/operator/orders/{order_id}/refunds"

    assert (await shop.post(path, {"reason": "x"}, idempotency_key="k")).status == 401
    assert (await shop.post(path, {"reason": "x"}, authorization=operator(shop))).status == 400
    assert captured_net_minor(order_of(shop, order_id).payments) == 2_500


async def test_a_whole_refund_ends_the_order_and_its_vouchers(shop: Shop) -> None:
    order_id = await completed(shop)

    answer = await refund(shop, order_id)

    assert answer.status == 201
    assert (answer.json["status"], answer.json["paid_minor"]) == ("refunded", 0)
    assert [each["outcome"] for each in answer.json["refunds"]] == ["succeeded"]
    seen = (await shop.get(f"/orders/{order_id}")).json
    assert [voucher["state"] for voucher in seen["vouchers"]] == ["revoked"]
    assert [(each["amount_minor"], each["outcome"]) for each in seen["refunds"]] == [(2_500, "succeeded")]
    page = (await shop.get(f"/orders/{order_id}", accept="text/html")).text
    assert "$25.00 refunded on 14 November 2023, 1 to 5 days on your statement" in page
    assert "This order was refunded" in page
    assert "not as described" not in page


async def test_the_same_refund_twice_is_one_and_another_body_is_refused(shop: Shop) -> None:
    order_id = await completed(shop)

    first = await refund(shop, order_id, amount_minor=500)
    again = await refund(shop, order_id, amount_minor=500)
    other = await refund(shop, order_id, amount_minor=600)

    assert first.json["refunds"] == again.json["refunds"]
    assert other.status == 409
    assert provider(shop).asked.count("refund") == 1


@pytest.mark.parametrize("key", ["undo", "provider"])
async def test_a_key_that_means_a_refund_nobody_asked_for_is_refused(shop: Shop, key: str) -> None:
    order_id = await completed(shop)

    answer = await refund(shop, order_id, key)

    assert (answer.status, answer.json["field"]) == (422, "Idempotency-Key")
    assert captured_net_minor(order_of(shop, order_id).payments) == 2_500


async def test_units_are_refunded_with_their_share(shop: Shop) -> None:
    order_id = await completed(shop, quantity=3)

    answer = await refund(shop, order_id, units=[2])

    assert (answer.status, answer.json["paid_minor"]) == (201, 5_000)
    assert (await refund(shop, order_id, "r-2", units=[2])).status == 409
    states = [voucher["state"] for voucher in (await shop.get(f"/orders/{order_id}")).json["vouchers"]]
    assert states == ["issued", "revoked", "issued"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount_minor": 0}, "/amount_minor"),
        ({"amount_minor": 1.5}, "/amount_minor"),
        ({"amount_minor": True}, "/amount_minor"),
        ({"amount_minor": "5"}, "/amount_minor"),
        ({"units": []}, "/units"),
        ({"units": [0]}, "/units"),
        ({"units": "1"}, "/units"),
        ({"units": [1], "amount_minor": 5}, "/units"),
        ({"reason": ""}, "/reason"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_a_body_that_makes_no_sense_is_refused_by_field(shop: Shop, body: dict[str, Any], field: str) -> None:
    answer = await refund(shop, await completed(shop), **body)

    assert (answer.status, answer.json["field"]) == (422, field)


async def test_more_than_was_paid_or_an_order_not_paid_or_unknown_is_refused(shop: Shop) -> None:
    order_id = await completed(shop)
    unpaid, _ = await cleared(shop, user_guid="u-2")

    assert (await refund(shop, order_id, amount_minor=2_501)).status == 409
    assert (await refund(shop, unpaid)).status == 409
    assert (await refund(shop, "nothing")).status == 404


async def test_a_refund_whose_answer_is_lost_is_accepted_and_found_out_by_the_same_request(shop: Shop) -> None:
    order_id = await completed(shop)
    provider(shop).lose = 1

    lost = await refund(shop, order_id)
    (row,) = (await shop.get("/operator/payments/unknown", authorization=operator(shop))).json
    found = await refund(shop, order_id)

    assert (lost.status, lost.json["refunds"][0]["outcome"]) == (202, "unknown")
    assert (row["order_id"], row["purpose"], row["amount_minor"]) == (order_id, "refund", 2_500)
    assert (found.status, found.json["status"]) == (201, "refunded")
    assert (await shop.get("/operator/payments/unknown", authorization=operator(shop))).json == []
    assert provider(shop).asked.count("refund") == 1


async def test_a_list_of_nothing_is_not_asked_for(shop: Shop) -> None:
    for limit in ("0", "0.5"):
        answer = await shop.get(f"/operator/payments/unknown?limit={limit}", authorization=operator(shop))
        assert (answer.status, answer.json["detail"]) == (400, "limit is between 1 and 1000")


async def test_unknown_payments_are_listed_and_worked_off_on_request(shop: Shop) -> None:
    order_id, epoch = await cleared(shop, payment_token="tok_timeout_then_ok")
    with pytest.raises(PaymentUnknownError):
        authorize(shop.services, order_id, epoch)
    shop.clock.advance(30)

    (row,) = (await shop.get("/operator/payments/unknown", authorization=operator(shop))).json
    answer = await shop.post(
        "/operator/payments/unknown", {"actor": "ann", "reason": "asked by phone"}, authorization=operator(shop)
    )

    assert (row["order_id"], row["purpose"], row["seconds"]) == (order_id, "authorize", 30)
    assert answer.json["resolved"] == 1
    assert order_of(shop, order_id).status is OrderStatus.AUTHORIZED
    assert [entry.action for entry in shop.store.audits()] == ["resolve-payments"]


async def test_the_breaker_is_opened_and_closed_by_hand_and_holds_refunds(shop: Shop) -> None:
    order_id = await completed(shop)
    path, act = "/operator/payments/breaker", {"actor": "ann", "reason": "double charges"}
    assert (await shop.get(path, authorization=operator(shop))).json["state"] == "closed"

    opened = await shop.post(path, {"state": "open", **act}, authorization=operator(shop))
    held = await refund(shop, order_id)
    await shop.post(path, {"state": "closed", **act}, authorization=operator(shop))

    assert (opened.json["state"], opened.json["by"], opened.json["gateway"]) == ("open", "ann", "sandbox")
    assert (held.status, held.json["error"]) == (503, "PaymentHeldError")
    assert (await refund(shop, order_id)).status == 201
    assert [entry.action for entry in shop.store.audits("payments/sandbox")] == ["closed-breaker", "open-breaker"]
    assert (await shop.post(path, {"state": "ajar", **act}, authorization=operator(shop))).status == 422
    assert (await shop.get(path)).status == 401


async def test_an_alert_is_listed_until_somebody_has_seen_to_it(shop: Shop) -> None:
    order_id = await completed(shop, payment_token="tok_undo_refused")
    assert (await refund(shop, order_id)).status == 409

    (alert,) = (await shop.get("/operator/payments/alerts", authorization=operator(shop))).json
    path = f"/operator/payments/alerts/{alert['alert_id']}"
    resolved = await shop.post(path, {"actor": "ann", "reason": "paid by cheque"}, authorization=operator(shop))

    assert (alert["kind"], alert["order_id"], alert["owner"]) == ("refund_failed", order_id, "customer care")
    assert (resolved.json["resolved_by"], resolved.json["note"]) == ("ann", "paid by cheque")
    assert (await shop.get("/operator/payments/alerts", authorization=operator(shop))).json == []
    missing = await shop.post(path + "0", {"actor": "a", "reason": "b"}, authorization=operator(shop))
    assert missing.status == 404


async def test_one_order_is_tried_again_that_was_left_to_a_person(shop: Shop) -> None:
    order_id, epoch = await cleared(shop, payment_token="tok_undo_refused")
    silent = replace(shop.services, payments=_Silent(provider(shop)))
    with pytest.raises(PaymentUnknownError):
        authorize(silent, order_id, epoch)
    release(shop.services, order_id, epoch, OrderStatus.CANCELLED, "no")
    attempt = order_of(shop, order_id).payments[0]
    assert attempt.purpose is Purpose.AUTHORIZE

    body = {"actor": "ann", "reason": "again", "order_id": order_id}
    answer = await shop.post("/operator/payments/unknown", body, authorization=operator(shop))

    assert (answer.status, answer.json["status"]) == (200, "cancelled")


class _Silent:
    """The gateway, which takes no authorisation in."""

    def __init__(self, payments: object) -> None:
        self._payments = payments

    def __getattr__(self, name: str) -> object:
        return getattr(self._payments, name)

    def authorize(self, request: object) -> Unknown:
        return Unknown("no answer")
