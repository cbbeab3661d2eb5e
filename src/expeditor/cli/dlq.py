"""``expeditor dlq``: messages that used up their deliveries."""

import click

from expeditor.cli.clients import operator
from expeditor.cli.output import output_option, say, show, show_rows


@click.group()
def command() -> None:
    """Look at dead letters and send them again."""


@command.command()
@output_option
def queues(output: str) -> None:
    """List the dead-letter queues: how many messages, and how old the oldest is."""
    show_rows(operator().get("queues"), ("queue", "depth", "oldest_age_seconds"), output)


@command.command("list")
@click.argument("queue")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1_000))
@output_option
def list_(queue: str, limit: int, output: str) -> None:
    """List dead letters with the reason they are here."""
    rows = operator().get("dead-letters", {"queue": queue, "limit": limit})
    show_rows(rows, ("id", "message_id", "attempts", "last_error", "died_at"), output)


@command.command()
@click.argument("letter_id", type=int)
@output_option
def get(letter_id: int, output: str) -> None:
    """Show one dead letter with its payload."""
    show(operator().get(f"dead-letters/{letter_id}"), output)


@command.command()
@click.argument("queue")
@click.argument("letter_ids", nargs=-1, type=int)
@click.option(
    "--rate", default=50.0, show_default=True, type=click.FloatRange(0.1, 10_000), help="Messages per second."
)
def redrive(queue: str, letter_ids: tuple[int, ...], rate: float) -> None:
    """Deliver dead letters again: those named, or all of the queue."""
    body = {"queue": queue, "ids": list(letter_ids) or None, "rate_per_second": rate}
    answer = operator().post("dead-letters/redrive", body)
    say(f"{answer['redriven']} dead letters of {queue} go to their subscription again")


@command.command()
@click.argument("queue")
@click.confirmation_option(prompt="Delete all dead letters of this queue for good?")
def purge(queue: str) -> None:
    """Delete all dead letters of a queue."""
    answer = operator().post("dead-letters/purge", {"queue": queue})
    say(f"{answer['purged']} dead letters of {queue} are gone")
