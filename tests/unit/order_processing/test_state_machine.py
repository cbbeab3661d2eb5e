"""The order-processing state machine, whole: every way an order can go through it."""

from typing import Any

import pytest

from expeditor.testing import TestedMachine, fails, never, returns

ORDER = {"order_id": "o-1", "epoch": 1, "user_guid": "u-1", "unit_id": "n-1"}
VOUCHER = {**ORDER, "kind": "voucher"}
DECLINED = "PaymentDeclinedError"
UNKNOWN = "PaymentUnknownError"

TO_PAYMENT = ["ChangeOrderStatus", "FraudScan", "IsFraudOrder", "AuthorizePayment"]
TO_END = ["CapturePayment", "SendConfirmation", "OrderCompleted"]

pytestmark = pytest.mark.machine("src/order_processing/order-processing.asl.json")


def scanned(machine: TestedMachine, verdict: str = "cleared", **order: Any) -> None:
    """The order is taken up and scanned with *verdict*."""
    machine.mock("start-order-processing", result=VOUCHER)
    machine.mock("fraud-scan", result={**VOUCHER, **order, "fraud_verdict": verdict})


def fulfilled(machine: TestedMachine) -> None:
    """All that follows an authorised payment of a voucher goes well."""
    machine.mock("issue-vouchers", result=VOUCHER)
    machine.mock("capture-payments", result=VOUCHER)
    machine.mock("send-confirmation", result=VOUCHER)


def test_cleared_order_gets_its_voucher(machine: TestedMachine) -> None:
    scanned(machine)
    machine.mock("authorize-payments", result=VOUCHER)
    fulfilled(machine)

    execution = machine.run(ORDER)

    execution.assert_succeeded()
    execution.assert_path([*TO_PAYMENT, "WarehouseChoice", "IssueVoucher", *TO_END])
    assert execution.elapsed_seconds == 0
    assert execution.input_of("FraudScan") == {**ORDER, "order": VOUCHER}


def reserved(machine: TestedMachine) -> None:
    """A sale item is paid for and put aside; the warehouse has been asked for it."""
    scanned(machine, kind="sale_item")
    machine.mock("authorize-payments", result=VOUCHER)
    machine.mock("reserve-shipment", result=VOUCHER)
    machine.mock("request-shipment", result={})


def test_sale_item_is_charged_when_the_warehouse_has_shipped_it(machine: TestedMachine) -> None:
    reserved(machine)
    machine.succeed_task("AwaitShipment", {"shipped": 1, "closed": True}, after_seconds=86_400)
    machine.mock("capture-payments", result=VOUCHER)
    machine.mock("send-confirmation", result=VOUCHER)

    execution = machine.run(ORDER)

    execution.assert_path([..., "WarehouseChoice", "ReserveShipment", "AwaitShipment", "IsAnythingShipped", *TO_END])
    assert execution.elapsed_seconds == 86_400
    asked = execution.calls_of("AwaitShipment")[0]
    assert asked.event == {"order_id": "o-1", "epoch": 1, "task_token": asked.token}


def test_warehouse_that_can_ship_nothing_ends_the_order_uncharged(machine: TestedMachine) -> None:
    reserved(machine)
    machine.succeed_task("AwaitShipment", {"shipped": 0, "closed": True})
    machine.mock("release-order", result=VOUCHER)

    execution = machine.run(ORDER)

    execution.assert_path([..., "IsAnythingShipped", "ReleaseUnshippedOrder", "OrderNotShipped"])
    assert execution.calls_of("ReleaseUnshippedOrder")[0].event["outcome"] == "failed"


@pytest.mark.parametrize(("shipped", "then"), [(2, "CapturePayment"), (0, "ReleaseUnshippedOrder")])
def test_warehouse_that_misses_its_deadline_is_paid_for_what_it_shipped(
    machine: TestedMachine, shipped: int, then: str
) -> None:
    reserved(machine)
    machine.mock("close-shipment", result={"shipped": shipped, "closed": True})
    machine.mock("capture-payments", result=VOUCHER, optional=True)
    machine.mock("send-confirmation", result=VOUCHER, optional=True)
    machine.mock("release-order", result=VOUCHER, optional=True)

    execution = machine.run(ORDER)

    execution.assert_path([..., "AwaitShipment", "CloseShipment", "IsAnythingShipped", then, ...])
    execution.assert_succeeded()
    assert execution.elapsed_seconds == 3 * 86_400


def test_fraud_ends_before_any_payment(machine: TestedMachine) -> None:
    scanned(machine, "fraud")

    execution = machine.run(ORDER)

    execution.assert_path(["ChangeOrderStatus", "FraudScan", "IsFraudOrder", "FraudOrderTerminal"])
    execution.assert_succeeded()
    assert execution.attempts("AuthorizePayment") == 0


@pytest.mark.parametrize(("verdict", "then"), [("cleared", "AuthorizePayment"), ("fraud", "FraudOrderTerminal")])
def test_review_decides(machine: TestedMachine, verdict: str, then: str) -> None:
    scanned(machine, "review")
    machine.mock("request-fraud-review", result={})
    machine.succeed_task("RequestFraudReview", {"fraud_verdict": verdict}, after_seconds=1800)
    machine.mock("authorize-payments", result=VOUCHER, optional=True)
    machine.mock("issue-vouchers", result=VOUCHER, optional=True)
    machine.mock("capture-payments", result=VOUCHER, optional=True)
    machine.mock("send-confirmation", result=VOUCHER, optional=True)

    execution = machine.run(ORDER)

    execution.assert_path([..., "RequestFraudReview", "IsReviewCleared", then, ...])
    execution.assert_succeeded()
    assert execution.elapsed_seconds == 1800
    asked = execution.calls_of("RequestFraudReview")[0]
    assert asked.event == {"order_id": "o-1", "epoch": 1, "task_token": asked.token}


def test_review_that_misses_its_deadline_releases_the_order(machine: TestedMachine) -> None:
    scanned(machine, "review")
    machine.mock("request-fraud-review", result={})
    machine.mock("release-order", result=VOUCHER)

    execution = machine.run(ORDER)

    execution.assert_path([..., "RequestFraudReview", "ReleaseUnreviewedOrder", "FraudOrderTerminal"])
    assert execution.elapsed_seconds == 3600
    assert execution.calls_of("ReleaseUnreviewedOrder")[0].event == {
        "order_id": "o-1",
        "epoch": 1,
        "outcome": "rejected",
        "reason": "nobody decided the fraud review in time",
    }


@pytest.mark.parametrize("state", ["IsFraudOrder", "IsReviewCleared"])
def test_verdict_nobody_knows_hands_the_order_over(machine: TestedMachine, state: str) -> None:
    scanned(machine, "purple" if state == "IsFraudOrder" else "review")
    machine.mock("request-fraud-review", result={}, optional=True)
    machine.succeed_task("RequestFraudReview", {"fraud_verdict": "purple"})
    machine.mock("hand-over-order", result=VOUCHER)

    execution = machine.run(ORDER)

    execution.assert_path([..., state, "UnexpectedValue", "HandOver", "OrderHandedOver"])
    execution.assert_failed("OrderHandedOver")


def test_declined_payment_releases_the_order_without_another_try(machine: TestedMachine) -> None:
    scanned(machine)
    machine.mock("authorize-payments", error=DECLINED, cause="insufficient funds")
    machine.mock("release-order", result=VOUCHER)

    execution = machine.run(ORDER)

    execution.assert_path([*TO_PAYMENT, "ReleaseDeclinedOrder", "OrderDeclined"])
    execution.assert_succeeded()
    assert execution.attempts("AuthorizePayment") == 1


def test_unknown_payment_is_asked_for_again_with_growing_delays(machine: TestedMachine) -> None:
    scanned(machine)
    machine.mock("authorize-payments", fails(UNKNOWN), fails(UNKNOWN), fails(UNKNOWN), returns(VOUCHER))
    fulfilled(machine)

    execution = machine.run(ORDER)

    execution.assert_path([*TO_PAYMENT, "WarehouseChoice", "IssueVoucher", *TO_END])
    assert [call.at for call in execution.calls_of("AuthorizePayment")] == [0, 1, 3, 7]


def test_payment_that_stays_unknown_hands_the_order_over(machine: TestedMachine) -> None:
    scanned(machine)
    machine.mock("authorize-payments", error=UNKNOWN)
    machine.mock("hand-over-order", result=VOUCHER)

    execution = machine.run(ORDER)

    execution.assert_failed("OrderHandedOver")
    assert execution.attempts("AuthorizePayment") == 7
    assert execution.elapsed_seconds == 1 + 2 + 4 + 8 + 10 + 10


def test_crash_of_a_function_is_tried_again(machine: TestedMachine) -> None:
    scanned(machine)
    machine.mock("authorize-payments", result=VOUCHER)
    machine.mock("issue-vouchers", fails("Runtime.ExitError"), fails("Lambda.Unknown"), returns(VOUCHER))
    machine.mock("capture-payments", result=VOUCHER)
    machine.mock("send-confirmation", result=VOUCHER)

    execution = machine.run(ORDER)

    execution.assert_path([*TO_PAYMENT, "WarehouseChoice", "IssueVoucher", *TO_END])
    assert execution.attempts("IssueVoucher") == 3
    assert 0 <= execution.elapsed_seconds <= 1 + 2


def test_function_that_hangs_is_given_up_after_its_time_out(machine: TestedMachine) -> None:
    scanned(machine)
    machine.mock("authorize-payments", never(), returns(VOUCHER))
    fulfilled(machine)

    execution = machine.run(ORDER)

    execution.assert_succeeded()
    assert 30 <= execution.elapsed_seconds <= 31


@pytest.mark.parametrize(
    ("function", "state"),
    [
        ("start-order-processing", "ChangeOrderStatus"),
        ("fraud-scan", "FraudScan"),
        ("authorize-payments", "AuthorizePayment"),
        ("issue-vouchers", "IssueVoucher"),
        ("capture-payments", "CapturePayment"),
    ],
)
def test_step_that_keeps_failing_hands_the_order_over(machine: TestedMachine, function: str, state: str) -> None:
    for name in ("start-order-processing", "authorize-payments", "issue-vouchers", "capture-payments"):
        if name != function:
            machine.mock(name, result=VOUCHER, optional=True)
    if function != "fraud-scan":
        machine.mock("fraud-scan", result={**VOUCHER, "fraud_verdict": "cleared"}, optional=True)
    machine.mock(function, error="ConnectionError", cause="the store is away")
    machine.mock("hand-over-order", result=VOUCHER)

    execution = machine.run(ORDER)

    execution.assert_path([..., state, "HandOver", "OrderHandedOver"])
    assert execution.attempts(state) == 9
    handed_over = execution.calls_of("HandOver")[0].event
    assert handed_over == {
        "order_id": "o-1",
        "epoch": 1,
        "error": {"Error": "ConnectionError", "Cause": "the store is away"},
    }


def test_order_that_cannot_be_handed_over_is_stuck(machine: TestedMachine) -> None:
    machine.mock("start-order-processing", error="TaskInputError")
    machine.mock("hand-over-order", error="ConnectionError")

    execution = machine.run(ORDER)

    execution.assert_failed("OrderStuck")
    assert execution.attempts("HandOver") == 13


def test_stale_owner_stops_without_any_further_effect(machine: TestedMachine) -> None:
    scanned(machine)
    machine.mock("authorize-payments", error="StaleOwnerError")

    execution = machine.run(ORDER)

    execution.assert_path([*TO_PAYMENT, "TakenOver"])
    assert execution.attempts("AuthorizePayment") == 1


def test_mail_that_cannot_be_sent_fails_the_execution_but_not_the_order(machine: TestedMachine) -> None:
    scanned(machine)
    machine.mock("authorize-payments", result=VOUCHER)
    machine.mock("issue-vouchers", result=VOUCHER)
    machine.mock("capture-payments", result=VOUCHER)
    machine.mock("send-confirmation", error="SMTPServerDisconnected")

    execution = machine.run(ORDER)

    execution.assert_path([..., "SendConfirmation", "ConfirmationNotSent"])
    execution.assert_failed("ConfirmationNotSent")
    assert execution.attempts("HandOver") == 0
