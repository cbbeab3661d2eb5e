"""The measured state machine: five functions, two choices, and the order that goes through it."""

import json
from typing import Any

FUNCTIONS = ("start_order", "fraud_scan", "authorize_payment", "issue_voucher", "send_mail")


def definition(arns: dict[str, str]) -> str:
    """The machine in ASL; *arns* are the functions' version ARNs by name."""

    def task(function: str, following: str | None) -> dict[str, Any]:
        way: dict[str, Any] = {"Next": following} if following else {"End": True}
        return {"Type": "Task", "Resource": arns[function], "TimeoutSeconds": 30, **way}

    cleared = {"Variable": "$.fraud_verdict", "StringEquals": "cleared", "Next": "AuthorizePayment"}
    fraud = {"Variable": "$.fraud_verdict", "StringEquals": "fraud", "Next": "FraudOrderTerminal"}
    voucher = {"Variable": "$.kind", "StringEquals": "voucher", "Next": "IssueVoucher"}
    states = {
        "ChangeOrderStatus": task("start_order", "FraudScan"),
        "FraudScan": task("fraud_scan", "IsFraudOrder"),
        "IsFraudOrder": {"Type": "Choice", "Choices": [cleared, fraud]},
        "AuthorizePayment": task("authorize_payment", "WarehouseChoice"),
        "WarehouseChoice": {"Type": "Choice", "Choices": [voucher], "Default": "FraudOrderTerminal"},
        "IssueVoucher": task("issue_voucher", "SendMail"),
        "SendMail": task("send_mail", None),
        "FraudOrderTerminal": {
            "Type": "Pass",
            "Result": "This is the end of an order that was not cleared",
            "End": True,
        },
    }
    return json.dumps({"StartAt": "ChangeOrderStatus", "States": states})


def order(number: int) -> dict[str, Any]:
    """One order, some 300 bytes of JSON."""
    return {
        "order_id": f"order-{number:012d}",
        "user_guid": "3b9f1c1e-2d0a-4c5e-9a53-7c1b2f6d8e90",
        "unit_id": "chicago-dining-0042",
        "kind": "voucher",
        "city": "chicago",
        "amount_minor": 4_900,
        "currency": "USD",
        "lines": [{"unit_id": "chicago-dining-0042", "quantity": 2, "price_minor": 2_450}],
        "placed_at": "2026-11-23T12:00:00Z",
    }
