"""``expeditor shipment``: what the warehouse has to send, and has sent."""

import click

from expeditor.cli.acting import actor_of
from expeditor.cli.clients import shop_operator
from expeditor.cli.output import output_option, say, show_rows


@click.group()
def command() -> None:
    """See what the warehouse has to send, and tell what it has sent."""


@command.command("list")
@output_option
def list_(output: str) -> None:
    """List orders that wait for the warehouse, the most urgent first."""
    rows = [row | {"left": f"{row['left_seconds']:.0f} s"} for row in shop_operator().get("shipments")]
    show_rows(rows, ("order_id", "title", "quantity", "shipped", "waiting", "left"), output)


@command.command()
@click.argument("order_id")
@click.option("--quantity", required=True, type=click.IntRange(0, 1_000), help="Units in the parcel.")
@click.option("--tracking", default="", help="The carrier's number of the parcel; tell it twice, it is one parcel.")
@click.option("--cancel-rest", is_flag=True, help="Nothing else will be sent; without it the rest is back-ordered.")
@click.option("--actor", default=None, help="Who does this; this machine's user without it.")
def send(order_id: str, quantity: int, tracking: str, cancel_rest: bool, actor: str | None) -> None:
    """Tell that a parcel has left; once nothing more is waited for, what was sent is charged.

    \b
    Examples:
      expeditor shipment send ORDER_ID --quantity 2 --tracking 1Z999
      expeditor shipment send ORDER_ID --quantity 0 --cancel-rest
    """
    body = {"quantity": quantity, "tracking": tracking, "actor": actor_of(actor)}
    noted = shop_operator().post(f"shipments/{order_id}", body | ({"rest": "cancelled"} if cancel_rest else {}))
    state = "closed" if noted["closed"] else f"{noted['waiting']} still to send"
    say(f"order {order_id}: {noted['shipped']} sent, {state}")
