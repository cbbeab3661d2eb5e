"""A node that pays by Stripe: its SDK in the functions, our Stripe server behind it, its events coming back."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .running import RunningNode, free_port, running_node

pytestmark = pytest.mark.e2e


@contextlib.contextmanager
def stripe(folder: Path, shop_port: int) -> Iterator[str]:
    """Our Stripe server, which sends its events to the shop."""
    environment = {
        **os.environ,
        "STRIPE_DB": str(folder / "stripe.db"),
        "STRIPE_SEARCH_LAG_SECONDS": "60",
        "STRIPE_HOLD_SECONDS": "30",
        "STRIPE_WEBHOOK_URL": f"http://127.0.0.1:{shop_port}/webhooks/stripe",
        "STRIPE_WEBHOOK_SECRET_FILE": str(folder / "home" / "secrets" / "stripe-webhook.secret"),
    }
    command = [sys.executable, "-m", "order_processing.gateways.stripe_server"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    folder = tmp_path_factory.mktemp("stripe")
    secrets = folder / "home" / "secrets"
    secrets.mkdir(parents=True, mode=0o700)
    (secrets / "stripe.key").write_text("sk_test_of_a_test")
    (secrets / "stripe-webhook.secret").write_text("whsec_of_a_test")
    shop_port = free_port()
    with stripe(folder, shop_port) as url:
        parameters = ("PaymentsGateway=stripe", f"StripeApiBase={url}")
        with running_node(folder / "home", shop_port=shop_port, parameters=parameters) as started:
            yield started


def test_an_order_is_paid_by_stripe_and_refunded_by_command(node: RunningNode) -> None:
    order = node.rested(node.order(node.unit(), quantity=2).body["order_id"])
    assert order["status"] == "completed"

    one = node.command("order", "refund", order["order_id"], "--unit", "2", "--reason", "one is missing", "-o", "json")
    rest = node.command("order", "refund", order["order_id"], "--reason", "the rest too", "-o", "json")

    assert json.loads(one.stdout)["paid_minor"] == order["amount_minor"] // 2, one.stderr
    assert json.loads(rest.stdout)["status"] == "refunded", rest.stderr
    assert [each["state"] for each in node.rested(order["order_id"])["vouchers"]] == ["revoked", "revoked"]


def test_a_declined_card_is_declined(node: RunningNode) -> None:
    assert node.rested(node.order(node.unit(), "tok_declined").body["order_id"])["status"] == "declined"


def test_an_event_tells_of_a_payment_whose_answer_never_comes(node: RunningNode) -> None:
    placed = node.order(node.unit(), "tok_timeout_then_ok").body["order_id"]

    order = node.reached(placed, "authorize_succeeded", seconds=6)  # the call itself is given up after eight

    assert order["status"] in ("authorized", "fulfilling", "completed")


def test_the_breaker_is_stripe_s_and_stops_payments(node: RunningNode) -> None:
    opened = node.command("payment", "breaker", "--open", "--reason", "a test", "-o", "json")
    placed = node.order(node.unit()).body["order_id"]
    node.reached(placed, "cleared")
    closed = node.command("payment", "breaker", "--close", "--reason", "it is over", "-o", "json")

    assert (json.loads(opened.stdout)["state"], json.loads(opened.stdout)["gateway"]) == ("open", "stripe")
    assert json.loads(closed.stdout)["state"] == "closed"
    assert node.rested(placed, seconds=30)["status"] == "completed"
