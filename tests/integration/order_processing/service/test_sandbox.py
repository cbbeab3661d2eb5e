"""The payment sandbox does what a real provider does to us, good and bad."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from order_processing.gateways.sandbox_ledger import SandboxLedger
from order_processing.gateways.sandbox_server import SandboxServer

from .asking import Answer, Asking

pytestmark = pytest.mark.anyio

ACTIONS = ("capture", "void", "refund")


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Asking]:
    ledger = opened(tmp_path)
    yield Asking(SandboxServer(ledger, hold_seconds=0.01))
    ledger.close()


def opened(folder: Path) -> SandboxLedger:
    numbers = iter(range(1, 1000))
    return SandboxLedger(folder / "payments.db", lambda: f"pay_{next(numbers)}")


def payment(token: str = "tok_ok", **changes: Any) -> dict[str, Any]:
    return {"amount_minor": 2500, "currency": "USD", "token": token, "reference": "order/o-1", **changes}


async def create(sandbox: Asking, token: str = "tok_ok", key: str = "k-1", **changes: Any) -> Answer:
    return await sandbox.post("/v1/payments", payment(token, **changes), idempotency_key=key)


async def change(sandbox: Asking, action: str, key: str, body: dict[str, Any] | None = None) -> Answer:
    return await sandbox.post(f"/v1/payments/pay_1/{action}", body or {}, idempotency_key=key)


async def test_a_good_card_is_authorized_and_found_by_reference(sandbox: Asking) -> None:
    created = await create(sandbox)
    found = await sandbox.get("/v1/payments?reference=order/o-1")

    assert created.status == 201
    assert created.json["status"] == "authorized"
    assert found.json["payments"] == [created.json]
    assert (await sandbox.get("/v1/payments/pay_1")).json == created.json


async def test_a_bad_card_is_declined_with_its_reason(sandbox: Asking) -> None:
    declined = await create(sandbox, "tok_declined")

    assert declined.status == 402
    assert (declined.json["status"], declined.json["decline_code"]) == ("declined", "card_declined")


async def test_a_late_answer_was_a_success_all_along(sandbox: Asking) -> None:
    await create(sandbox, "tok_timeout_then_ok")

    found = await sandbox.get("/v1/payments?reference=order/o-1")

    assert [each["status"] for each in found.json["payments"]] == ["authorized"]


async def test_a_card_that_never_answers_cannot_be_looked_up_either(sandbox: Asking) -> None:
    assert (await create(sandbox, "tok_timeout")).status == 504
    assert (await sandbox.get("/v1/payments?reference=order/o-1")).status == 504


async def test_a_failing_provider_created_nothing(sandbox: Asking) -> None:
    assert (await create(sandbox, "tok_error")).status == 500
    assert (await sandbox.get("/v1/payments?reference=order/o-1")).json["payments"] == []


async def test_the_same_key_gives_the_same_answer_and_one_payment(sandbox: Asking) -> None:
    first, second = await create(sandbox), await create(sandbox)
    found = await sandbox.get("/v1/payments?reference=order/o-1")

    assert (second.status, second.body) == (first.status, first.body)
    assert second.headers["idempotent-replayed"] == "true"
    assert len(found.json["payments"]) == 1


async def test_a_decline_is_replayed_as_a_decline(sandbox: Asking) -> None:
    first, second = await create(sandbox, "tok_declined"), await create(sandbox, "tok_declined")

    assert (second.status, second.body) == (402, first.body)


async def test_a_key_with_other_parameters_is_refused(sandbox: Asking) -> None:
    await create(sandbox)

    other = await create(sandbox, amount_minor=2501)

    assert other.status == 409
    assert other.json["error"]["code"] == "idempotency_key_reused"


async def test_a_restart_forgets_no_money(tmp_path: Path) -> None:
    before = opened(tmp_path)
    created = await create(Asking(SandboxServer(before, 0.01)))
    before.close()

    after = opened(tmp_path)
    again = await create(Asking(SandboxServer(after, 0.01)))
    after.close()

    assert again.body == created.body


async def test_capturing_a_part_and_refunding_it_in_two(sandbox: Asking) -> None:
    await create(sandbox)

    captured = await change(sandbox, "capture", "c", {"amount_minor": 2000})
    half = await change(sandbox, "refund", "r-1", {"amount_minor": 500})
    rest = await change(sandbox, "refund", "r-2")

    assert (captured.json["status"], captured.json["captured_minor"]) == ("captured", 2000)
    assert (half.json["status"], half.json["refunded_minor"]) == ("captured", 500)
    assert (rest.json["status"], rest.json["refunded_minor"]) == ("refunded", 2000)


async def test_refunds_never_add_up_to_more_than_was_captured(sandbox: Asking) -> None:
    await create(sandbox, capture=True)

    assert (await change(sandbox, "refund", "r", {"amount_minor": 2501})).status == 400


@pytest.mark.parametrize(
    ("before", "action"),
    [("", "refund"), ("capture", "capture"), ("capture", "void"), ("void", "capture"), ("void", "refund")],
)
async def test_what_the_state_does_not_allow_is_an_error(sandbox: Asking, before: str, action: str) -> None:
    await create(sandbox)
    if before:
        assert (await change(sandbox, before, "first")).status == 200

    refused = await change(sandbox, action, "second")

    assert (refused.status, refused.json["error"]["code"]) == (409, "illegal_state")


@pytest.mark.parametrize("action", ACTIONS)
async def test_an_unknown_payment_cannot_be_changed(sandbox: Asking, action: str) -> None:
    assert (await change(sandbox, action, "k")).status == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        json.dumps(payment(amount_minor=0)).encode(),
        json.dumps(payment(amount_minor="1")).encode(),
        json.dumps(payment(currency="usd")).encode(),
        json.dumps(payment(surprise=1)).encode(),
        b"x" * 20_000,
    ],
)
async def test_a_malformed_payment_is_refused_and_its_key_stays_free(sandbox: Asking, body: bytes) -> None:
    refused = await sandbox.post("/v1/payments", body, idempotency_key="k-1")

    assert refused.status in (400, 413)
    assert (await create(sandbox)).status == 201


async def test_without_a_key_nothing_is_charged(sandbox: Asking) -> None:
    assert (await sandbox.post("/v1/payments", payment())).status == 400
    assert (await sandbox.get("/v1/payments?reference=order/o-1")).json["payments"] == []
