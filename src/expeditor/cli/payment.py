"""``expeditor payment``: what is open with the payment provider, its circuit breaker, alerts."""

import click

from expeditor.cli.acting import actor_of, who_options
from expeditor.cli.clients import shop_operator
from expeditor.cli.output import output_option, say, show, show_rows

_OPEN = ("order_id", "status", "purpose", "amount_minor", "seconds", "detail")
_ALERTS = ("alert_id", "kind", "owner", "raised_at", "text")


@click.group()
def command() -> None:
    """See what is open with the payment provider, stop and start it, see to alerts."""


@command.command()
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1_000))
@output_option
def unknown(limit: int, output: str) -> None:
    """List payments whose outcome is unknown, and money that must go back and has not, the oldest first."""
    show_rows(shop_operator().get("payments/unknown", {"limit": limit}), _OPEN, output)


@command.command()
@click.argument("order_id", required=False)
@who_options
@output_option
def settle(order_id: str | None, reason: str, actor: str | None, output: str) -> None:
    """Ask the provider now what became of open payments, and give back what nobody is owed, as the job does.

    With ORDER_ID only for that order; then also that is tried again which the provider has refused too often.

    \b
    Example:
      expeditor payment settle --reason "the provider is back"
    """
    body = {"actor": actor_of(actor), "reason": reason, **({"order_id": order_id} if order_id else {})}
    show(shop_operator().post("payments/unknown", body), output)


@command.command()
@click.option("--open", "state", flag_value="open", help="Stop all payments until somebody closes it.")
@click.option("--close", "state", flag_value="closed", help="Let payments pass again.")
@click.option("--reason", default=None, help="Why; needed to move it, kept in the audit log.")
@click.option("--actor", default=None, help="Who does this; this machine's user without it.")
@output_option
def breaker(state: str | None, reason: str | None, actor: str | None, output: str) -> None:
    """Show the circuit breaker of the payment provider, or move it by hand.

    \b
    Examples:
      expeditor payment breaker
      expeditor payment breaker --open --reason "double charges, see their status page"
    """
    if state is None:
        show(shop_operator().get("payments/breaker"), output)
        return
    if not reason:
        raise click.UsageError("say why with --reason; it is kept in the audit log")
    body = {"state": state, "actor": actor_of(actor), "reason": reason}
    show(shop_operator().post("payments/breaker", body), output)


@command.command()
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1_000))
@output_option
def alerts(limit: int, output: str) -> None:
    """List alerts that nobody has resolved: late payments, undos and refunds that were refused."""
    show_rows(shop_operator().get("payments/alerts", {"limit": limit}), _ALERTS, output)


@command.command("resolve-alert")
@click.argument("alert_id")
@who_options
def resolve_alert(alert_id: str, reason: str, actor: str | None) -> None:
    """Mark an alert as seen to."""
    alert = shop_operator().post(f"payments/alerts/{alert_id}", {"actor": actor_of(actor), "reason": reason})
    say(f"{alert['alert_id']} was resolved by {alert['resolved_by']}: {alert['note']}")
