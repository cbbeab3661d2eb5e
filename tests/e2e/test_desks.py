"""Merchants and reviewers at work on a node as a user started it."""

import json
import uuid

import pytest

from .running import RunningNode

pytestmark = pytest.mark.e2e


def test_a_merchant_redeems_a_voucher_once(node: RunningNode) -> None:
    (offer, *_) = [each for each in node.request("GET", "/offers").body if each["kind"] == "voucher"]
    order = node.rested(node.order(offer["unit_id"]).body["order_id"])
    token = node.command("voucher", "merchant-token", offer["merchant"]).stdout.strip()
    code = order["vouchers"][0]["code"]

    first = node.command("voucher", "redeem", code, "--token", token, "-o", "json")
    second = node.command("voucher", "redeem", code, "--token", token)
    paper = node.request("GET", f"/orders/{order['order_id']}/vouchers/1.pdf")

    assert json.loads(first.stdout)["state"] == "used"
    assert (second.returncode, "was used on" in second.stderr) == (7, True)
    assert paper.body.startswith(b"%PDF")


@pytest.mark.parametrize(("verdict", "status"), [("approve", "completed"), ("deny", "rejected")])
def test_an_order_in_review_goes_on_as_a_person_decides(node: RunningNode, verdict: str, status: str) -> None:
    body = {"user_guid": f"review-{verdict}", "unit_id": node.unit(), "quantity": 1, "payment_token": "tok_ok"}
    placed = node.request("POST", "/orders", body, {"Idempotency-Key": str(uuid.uuid4())})
    order_id = placed.body["order_id"]
    node.reached(order_id, "review_requested")

    decided = node.command("review", verdict, order_id, "--actor", "ann", "--reason", "asked her")

    assert decided.returncode == 0, decided.stderr
    assert "its execution goes on" in decided.stderr
    assert node.rested(order_id)["status"] == status
