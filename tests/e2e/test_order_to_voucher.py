"""The way of one order, as a customer, an AWS tool and an operator see it."""

import subprocess
import sys
import uuid
from pathlib import Path

import boto3
import pytest

from .running import RunningNode

pytestmark = pytest.mark.e2e


def test_the_node_prints_three_addresses_and_ready(node: RunningNode) -> None:
    addresses = [line for line in node.printed if "http://127.0.0.1:" in line]

    assert len(addresses) == 3
    assert node.printed[-1] == "ready"


def test_an_order_becomes_a_voucher(node: RunningNode) -> None:
    placed = node.order(node.unit())
    assert placed.status == 201, placed

    order = node.rested(placed.body["order_id"])

    assert order["status"] == "completed"
    assert order["pipeline"] == "instant"
    assert order["release"].startswith("order-processing-v")
    assert len(order["vouchers"]) == 1
    assert order["vouchers"][0]["code"]


def test_two_units_give_two_vouchers(node: RunningNode) -> None:
    order = node.rested(node.order(node.unit(), quantity=2).body["order_id"])

    assert len({voucher["code"] for voucher in order["vouchers"]}) == 2


def test_the_same_key_gives_the_same_order_and_says_so(node: RunningNode) -> None:
    unit, key = node.unit(), str(uuid.uuid4())
    first, second = node.order(unit, key=key), node.order(unit, key=key)

    assert (first.status, second.status) == (201, 201)
    assert first.body == second.body
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"


def test_the_same_key_with_another_body_is_refused(node: RunningNode) -> None:
    unit, key = node.unit(), str(uuid.uuid4())
    node.order(unit, key=key)

    assert node.order(unit, key=key, quantity=2).status == 409


def test_a_declined_card_ends_without_voucher(node: RunningNode) -> None:
    order = node.rested(node.order(node.unit(), "tok_declined").body["order_id"])

    assert order["status"] == "declined"
    assert order["vouchers"] == []


def test_a_payment_that_times_out_but_worked_is_looked_up_and_charged_once(node: RunningNode) -> None:
    order = node.rested(node.order(node.unit(), "tok_timeout_then_ok").body["order_id"], 60)

    assert order["status"] == "completed"
    assert len(order["vouchers"]) == 1


def test_a_sale_item_goes_through_the_warehouse(node: RunningNode) -> None:
    order = node.rested(node.order(node.unit("sale_item")).body["order_id"])

    assert order["status"] == "completed"
    assert order["vouchers"] == []


def test_boto3_sees_the_execution_of_the_order(node: RunningNode) -> None:
    order_id = node.order(node.unit()).body["order_id"]
    node.rested(order_id)
    client = boto3.client(
        "stepfunctions",
        endpoint_url=f"http://127.0.0.1:{node.node_port}",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )

    machines = {
        machine["name"]: machine["stateMachineArn"] for machine in client.list_state_machines()["stateMachines"]
    }
    arn = machines["order-processing-v1.0.0"].replace(":stateMachine:", ":execution:") + f":{order_id}"
    entered = [
        event["stateEnteredEventDetails"]["name"]
        for event in client.get_execution_history(executionArn=arn)["events"]
        if "stateEnteredEventDetails" in event
    ]

    assert client.describe_execution(executionArn=arn)["status"] == "SUCCEEDED"
    assert entered[:5] == ["ChangeOrderStatus", "FraudScan", "IsFraudOrder", "AuthorizePayment", "WarehouseChoice"]
    client.close()


def test_the_aws_command_line_works_after_the_printed_exports(node: RunningNode) -> None:
    exports = dict(
        line.removeprefix("export ").split("=", 1) for line in node.command("env", "aws").stdout.splitlines()
    )

    listed = subprocess.run(
        [Path(sys.executable).with_name("aws"), "lambda", "list-functions", "--query", "Functions[].FunctionName"],
        env=node.environment | exports,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert listed.returncode == 0, listed.stderr
    assert "order-notification-dispatcher" in listed.stdout


def test_the_command_line_places_and_follows_an_order(node: RunningNode) -> None:
    created = node.command("order", "create", "--wait", "20", "-o", "json")

    assert created.returncode == 0, created.stderr
    assert '"status": "completed"' in created.stdout


def test_a_bounded_load_reports_how_it_did(node: RunningNode) -> None:
    loaded = node.command("load", "--rate", "20", "--duration", "2", "-o", "json")

    assert loaded.returncode == 0, loaded.stderr
    assert '"completed": 40' in loaded.stdout
