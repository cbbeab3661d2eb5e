"""``expeditor review``: orders that the fraud scan left to a person."""

from typing import Any

import click

from expeditor.cli.acting import actor_of, who_options
from expeditor.cli.clients import shop_operator
from expeditor.cli.output import output_option, say, show_rows

_ACTOR = "Who does this; this machine's user without it."


@click.group()
def command() -> None:
    """Decide on orders that the fraud scan was not sure of; the shop's page /operator/reviews does the same."""


@command.command("list")
@output_option
def list_(output: str) -> None:
    """List orders that wait for a decision, the most urgent first: how old, how long still, and why."""
    rows = [_readable(row) for row in shop_operator().get("reviews")]
    show_rows(rows, ("order_id", "amount", "score", "age", "left", "claimed_by", "why"), output)


@command.command()
@click.argument("order_id")
@click.option("--actor", default=None, help=_ACTOR)
def claim(order_id: str, actor: str | None) -> None:
    """Keep other reviewers off an order for ten minutes."""
    row = shop_operator().post(f"reviews/{order_id}/claim", {"actor": actor_of(actor)})
    say(f"order {order_id} is {row['claimed_by']}'s for ten minutes")


@command.command()
@click.argument("order_id")
@click.option("--reason", default="", help="Why; recorded with the decision.")
@click.option("--actor", default=None, help=_ACTOR)
def approve(order_id: str, reason: str, actor: str | None) -> None:
    """Clear an order: it goes on to its payment. The first decision stands."""
    _decide(order_id, "approve", reason, actor)


@command.command()
@click.argument("order_id")
@who_options
def deny(order_id: str, reason: str, actor: str | None) -> None:
    """Reject an order as fraud: its stock goes back, nothing is charged. The first decision stands."""
    _decide(order_id, "deny", reason, actor)


def _decide(order_id: str, verdict: str, reason: str, actor: str | None) -> None:
    body = {"actor": actor_of(actor), "verdict": verdict} | ({"reason": reason} if reason else {})
    decided = shop_operator().post(f"reviews/{order_id}/decision", body)
    told = "its execution goes on" if decided["passed_on"] else "no execution was waiting"
    say(f"order {order_id} was {decided['decision']} by {decided['decided_by']} and is {decided['status']}; {told}")


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "age": f"{row['age_seconds']:.0f} s",
        "left": f"{row['left_seconds']:.0f} s",
        "why": ", ".join(row["reasons"]),
    }
