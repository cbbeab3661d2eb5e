"""What operators do to orders by hand: ``expeditor order stuck | hand-over | redrive | pause | resume | ...``."""

from typing import Any

import click

from expeditor.cli.acting import (
    actor_of,
    bulk_options,
    choice_of,
    filter_options,
    perform,
    stuck,
    who_options,
)
from expeditor.cli.clients import shop_operator
from expeditor.cli.order_reconcile import reconcile
from expeditor.cli.output import Format, output_option, say, show, show_rows
from expeditor.ids import SystemIds

_GROUPS = ("status", "pipeline", "release", "error", "orders", "seconds")
_ORDERS = ("order_id", "status", "pipeline", "release", "updated_at", "problem")


@click.command("stuck")
@click.option("--orders", "by_order", is_flag=True, help="List the orders instead of groups of them.")
@filter_options
@output_option
def stuck_(by_order: bool, output: str, **query: Any) -> None:
    """Show what does not get further, and since when, by status, pipeline, release and error.

    \b
    Example:
      expeditor order stuck --older-than 300
    """
    asked = {name: value for name, value in query.items() if value is not None}
    found = stuck(shop_operator(), asked)
    if output == Format.JSON:
        show(found, output)
    elif by_order:
        show_rows(found["orders"], _ORDERS, output)
    else:
        show_rows(found["groups"], _GROUPS, output)


@click.command("hand-over")
@click.option("--to", required=True, type=click.Choice(["instant", "legacy"]), help="The pipeline that gets them.")
@click.option("--on-release", default=None, help="Release to carry them from now on, instead of the one assigned.")
@who_options
@bulk_options
@output_option
def hand_over(to: str, on_release: str | None, **options: Any) -> None:
    """Hand orders to the other pipeline, or back; whoever has them now is fenced off.

    \b
    Examples:
      expeditor order hand-over 5f3c... --to legacy --reason "stuck in review"
      expeditor order hand-over --release order-processing-v1.1.0 --to legacy --reason "bad release" --dry-run
    """
    _perform("hand-over", options, {"to": to, **_release(on_release)})


@click.command()
@click.option("--on-release", default=None, help="Release to carry them from now on, instead of the one assigned.")
@who_options
@bulk_options
@output_option
def redrive(on_release: str | None, **options: Any) -> None:
    """Have their own pipeline try orders again, from where they stand, with a whole budget of attempts.

    \b
    Example:
      expeditor order redrive --status quarantined --error PaymentUnknownError --rate 5 --reason "provider is back"
    """
    _perform("redrive", options, _release(on_release))


@click.command()
@who_options
@bulk_options
@output_option
def pause(**options: Any) -> None:
    """Stop orders: no pipeline takes them until they are resumed; their stock stays held."""
    _perform("pause", options, {})


@click.command()
@who_options
@bulk_options
@output_option
def resume(**options: Any) -> None:
    """Let stopped orders go on in their pipeline."""
    _perform("resume", options, {})


@click.command()
@who_options
@bulk_options
@output_option
def resolve(**options: Any) -> None:
    """Ask the payment provider what became of payments whose outcome is unknown; nothing is charged again."""
    _perform("resolve", options, {})


@click.command()
@click.option("--as", "outcome", default="cancelled", show_default=True, type=click.Choice(["cancelled", "failed"]))
@who_options
@bulk_options
@output_option
def cancel(outcome: str, **options: Any) -> None:
    """End orders for good: money, stock and vouchers go back."""
    _perform("cancel" if outcome == "cancelled" else "fail", options, {})


@click.command()
@click.argument("order_id")
@click.option("--amount-minor", default=None, type=click.IntRange(1), help="Minor units, such as cents.")
@click.option("--unit", "units", multiple=True, type=click.IntRange(1), help="A unit, from 1; may be repeated.")
@click.option("--idempotency-key", help="Repeat with the same key to get the same refund; a fresh one without it.")
@who_options
@output_option
def refund(order_id: str, idempotency_key: str | None, output: str, **options: Any) -> None:
    """Pay a customer back: some amount, some units with their vouchers, or all that is left.

    \b
    Examples:
      expeditor order refund 5f3c... --reason "not as described"
      expeditor order refund 5f3c... --unit 2 --reason "one of them was not delivered"
    """
    key = idempotency_key or SystemIds().uuid()
    say(f"idempotency key: {key}")
    if options["units"] and options["amount_minor"]:
        raise click.UsageError("name --amount-minor or --unit, not both")
    body: dict[str, Any] = {"reason": options["reason"], "actor": actor_of(options["actor"])}
    body |= {"units": list(options["units"])} if options["units"] else {}
    body |= {"amount_minor": options["amount_minor"]} if options["amount_minor"] else {}
    refunded = shop_operator().post(f"orders/{order_id}/refunds", body, {"Idempotency-Key": key})
    show(refunded, output)
    if any(each["outcome"] == "unknown" for each in refunded["refunds"]):
        say("the provider has not said what became of it; the same command with this key finds out")


COMMANDS = (stuck_, hand_over, redrive, pause, resume, resolve, cancel, refund, reconcile)


def _release(name: str | None) -> dict[str, str]:
    return {} if name is None else {"release": name}


def _perform(path: str, options: dict[str, Any], fields: dict[str, str]) -> None:
    asked = {name: options.pop(name) for name in ("rate", "dry_run", "output", "order_ids", "reason", "actor")}
    body = {"actor": actor_of(asked["actor"]), "reason": asked["reason"], **fields}
    choice = choice_of(asked["order_ids"], options)
    perform(choice, path, body, rate=asked["rate"], dry_run=asked["dry_run"], output=asked["output"])
