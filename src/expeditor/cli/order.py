"""``expeditor order``: place orders and follow them, through the shop's API."""

import uuid
from typing import Any

import click

from expeditor.cli.clients import HttpClient, shop, shop_operator
from expeditor.cli.order_acts import COMMANDS
from expeditor.cli.output import CommandError, ExitCode, output_option, say, show, show_rows
from expeditor.clock import SystemClock
from expeditor.ids import SystemIds

POLL_SECONDS = 0.05
UNSUCCESSFUL = {"rejected", "declined", "failed", "cancelled", "quarantined"}


@click.group()
def command() -> None:
    """Place orders, follow them, and step in."""


for _act in COMMANDS:
    command.add_command(_act)


@command.command()
@click.option("--unit-id", help="What to buy; the first offer in stock without it.")
@click.option("--quantity", default=1, show_default=True, type=int)
@click.option("--user-guid", help="Who buys; a new guest without it.")
@click.option("--payment-token", default="tok_ok", show_default=True)
@click.option("--idempotency-key", help="Repeat with the same key to get the same order; a fresh one without it.")
@click.option("--wait", "wait_seconds", default=0.0, type=float, help="Seconds to wait for the end.", metavar="SECONDS")
@output_option
def create(
    unit_id: str | None,
    quantity: int,
    user_guid: str | None,
    payment_token: str,
    idempotency_key: str | None,
    wait_seconds: float,
    output: str,
) -> None:
    """Place an order.

    \b
    Example:
      expeditor order create --quantity 2 --wait 5
    """
    client, key = shop(), idempotency_key or SystemIds().uuid()
    say(f"idempotency key: {key}")
    body = {
        "user_guid": user_guid or str(uuid.UUID(bytes=SystemIds().seed())),
        "unit_id": unit_id or _first_in_stock(client),
        "quantity": quantity,
        "payment_token": payment_token,
    }
    order = client.post("/orders", body, {"Idempotency-Key": key})
    if wait_seconds:
        order = _wait(client, order["order_id"], wait_seconds)
    show(order, output)
    _exit_as(order)
    if wait_seconds and not order["at_rest"]:
        raise _still(order)


@command.command()
@click.argument("order_id")
@output_option
def get(order_id: str, output: str) -> None:
    """Show one order with its vouchers and timeline."""
    show(shop().get(f"/orders/{order_id}"), output)


@command.command("list")
@click.option("--status", help="Only orders in this status.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1_000))
@output_option
def list_(status: str | None, limit: int, output: str) -> None:
    """List orders by their last change, newest first; needs to read EXPEDITOR_HOME/secrets/operator.token."""
    rows = shop_operator().get("orders", {"limit": limit} | ({"status": status} if status else {}))
    show_rows(rows, ("order_id", "status", "pipeline", "release", "unit_id", "created_at"), output)


@command.command()
@click.argument("order_id")
@click.option("--timeout", "timeout_seconds", default=60.0, show_default=True, type=float)
def watch(order_id: str, timeout_seconds: float) -> None:
    """Print each step of an order as it happens, until it ends."""
    client, seen, waited = shop(), 0, 0.0
    while True:
        order = client.get(f"/orders/{order_id}")
        for entry in order["timeline"][seen:]:
            click.echo(f"{entry['at']}  {entry['event']}")
        seen = len(order["timeline"])
        if order["at_rest"]:
            _exit_as(order)
            return
        if waited >= timeout_seconds:
            raise _still(order)
        SystemClock().sleep(POLL_SECONDS)
        waited += POLL_SECONDS


def _wait(client: HttpClient, order_id: str, timeout_seconds: float) -> Any:
    waited = 0.0
    while True:
        order = client.get(f"/orders/{order_id}")
        if order["at_rest"] or waited >= timeout_seconds:
            return order
        SystemClock().sleep(POLL_SECONDS)
        waited += POLL_SECONDS


def _first_in_stock(client: HttpClient) -> str:
    for offer in client.get("/offers"):
        if offer["stock_left"] > 0:
            return str(offer["unit_id"])
    raise CommandError("every offer is sold out; add stock or name another shop", ExitCode.CONFLICT)


def _still(order: Any) -> CommandError:
    return CommandError(f"order {order['order_id']} is still {order['status']}", ExitCode.WAIT_TIMED_OUT)


def _exit_as(order: Any) -> None:
    if order["status"] in UNSUCCESSFUL:
        raise CommandError(f"order {order['order_id']} ended {order['status']}", ExitCode.ENDED_UNSUCCESSFULLY)
