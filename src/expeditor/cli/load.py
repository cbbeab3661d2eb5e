"""``expeditor load``: a bounded load on the shop and a report of how it did."""

import sys
from typing import Any

import click

from expeditor.cli.clients import shop
from expeditor.cli.generator import Plan, Report, run
from expeditor.cli.output import CommandError, ExitCode, output_option, say, show

ORDERS_MAX = 1_000_000


@click.command()
@click.option("--rate", required=True, type=click.FloatRange(0.1, 10_000), help="Orders per second.")
@click.option("--duration", required=True, type=click.FloatRange(1, 3_600), help="Seconds.")
@click.option("--unit-id", help="What to buy; the offer with the most stock without it.")
@click.option("--payment-token", default="tok_ok", show_default=True)
@output_option
def command(rate: float, duration: float, unit_id: str | None, payment_token: str, output: str) -> None:
    """Put a bounded load on the shop and report how it did.

    The time from order to voucher runs from just before the order was sent to the instant its voucher was on disk.

    \b
    Example:
      expeditor load --rate 50 --duration 10
    """
    if not rate * duration <= ORDERS_MAX:
        raise CommandError(f"{rate * duration:.0f} orders are more than {ORDERS_MAX}; lower the rate or the duration")
    plan = Plan(unit_id or _most_stock(), duration, rate, payment_token=payment_token)
    report = _run_with_progress(plan, int(rate * duration))
    show(report.summary(), output)
    if report.refused or report.statuses.keys() - {"completed"}:
        raise CommandError("not every order became a voucher", ExitCode.ENDED_UNSUCCESSFULLY)


def _run_with_progress(plan: Plan, expected: int) -> Report:
    if not sys.stderr.isatty():
        say(f"sending {expected} orders")
        return run(plan)
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("orders", total=expected)
        return run(plan, lambda sent: progress.update(task, completed=sent))


def _most_stock() -> str:
    offers: list[dict[str, Any]] = shop().get("/offers")
    vouchers = [offer for offer in offers if offer["kind"] == "voucher"]
    if not vouchers:
        raise CommandError("the shop has no voucher offers", ExitCode.NOT_FOUND)
    return str(max(vouchers, key=lambda offer: offer["stock_left"])["unit_id"])
