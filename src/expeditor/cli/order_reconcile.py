"""``expeditor order reconcile``: what is recorded in different places, compared, and mended on request."""

import re
from collections import Counter
from typing import Any

import click

from expeditor.cli.acting import actor_of
from expeditor.cli.clients import shop_operator
from expeditor.cli.output import CommandError, ExitCode, output_option, say, show_rows
from expeditor.clock import SystemClock

_COLUMNS = ("order_id", "kind", "detail", "repair", "result")
_SPAN = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([smhd])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_MENDED = ("repaired", "gone")


class Span(click.ParamType[float]):
    """A time span such as ``90s``, ``30m``, ``24h`` or ``7d``, as seconds."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Misuse: not such a span."""
        if isinstance(value, float):
            return value
        match = _SPAN.fullmatch(str(value).strip())
        if match is None:
            self.fail(f"{value!r} is no time span; write it like 24h", param, ctx)
        return float(match[1]) * _SECONDS[match[2]]


@click.command()
@click.option(
    "--since", "since_seconds", default="24h", type=Span(), metavar="SPAN", help="Changed since then. Default: 24h."
)
@click.option("--patience", default="10m", type=Span(), metavar="SPAN", help="Unchanged for so long. Default: 10m.")
@click.option("--apply", "applies", is_flag=True, help="Mend what was found, as proposed.")
@click.option("--reason", default=None, help="Why; needed with --apply, kept in the audit log.")
@click.option("--actor", default=None, help="Who does this; this machine's user without it.")
@output_option
def reconcile(
    since_seconds: float, patience: float, applies: bool, reason: str | None, actor: str | None, output: str
) -> None:
    """Compare orders with their executions, payments, vouchers and stock in both pipelines, and propose repairs.

    The payment provider is asked by our references. With --apply the repairs are made; made twice they do nothing more.
    The exit code is 1 while differences are left.

    \b
    Examples:
      expeditor order reconcile --since 7d
      expeditor order reconcile --apply --reason "after the outage"
    """
    if applies and not reason:
        raise click.UsageError("--apply needs --reason")
    body = {"apply": "yes", "actor": actor_of(actor), "reason": reason} if applies else {"apply": "no"}
    body["patience"] = repr(patience)
    rows, checked, unreachable = _all(SystemClock().now() - since_seconds, body)
    show_rows(rows, _COLUMNS, output)
    counted = ", ".join(f"{number} {kind}" for kind, number in sorted(Counter(row["kind"] for row in rows).items()))
    say(f"{checked} orders compared: {counted or 'everything agrees'}")
    for source in unreachable:
        say(f"the {source} could not be asked about some orders; run it again later")
    left = [row for row in rows if row["result"] not in _MENDED]
    if left:
        raise CommandError(f"{len(left)} differences are left; --apply makes the repairs proposed", ExitCode.FAILED)


def _all(since: float, body: dict[str, Any]) -> tuple[list[dict[str, Any]], int, list[str]]:
    """Every page: the findings, each once, how many orders were compared, and which sources did not answer."""
    client, at = shop_operator(), since
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    checked, unreachable = 0, set[str]()
    while True:
        page = client.post("reconciliations", {"since": repr(at), **body})
        for row in page["findings"]:
            found.setdefault((row["order_id"], row["kind"], row["repair"]), row)
        checked += page["checked"]
        unreachable.update(page["unreachable"])
        if page["next_since"] is None:
            return list(found.values()), checked, sorted(unreachable)
        at = page["next_since"]
