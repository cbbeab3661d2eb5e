"""``expeditor audit``: what was done by hand: who, when, why, before and after."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click

from expeditor.cli.acting import noted, who_options
from expeditor.cli.clients import shop_operator
from expeditor.cli.output import output_option, say, show_rows
from expeditor.cli.releasing import flag_store, function_acts
from expeditor.releases import FunctionAct

_COLUMNS = ("time", "actor", "action", "subject", "reason", "changed")


@click.group()
def command() -> None:
    """See what was done by hand, and note what was done elsewhere."""


@command.command("list")
@click.option("--subject", default=None, help="Only acts on this order, or on a name such as function/pay:prod.")
@click.option("--actor", default=None, help="Only acts of this person.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1_000))
@output_option
def list_(subject: str | None, actor: str | None, limit: int, output: str) -> None:
    """List manual acts on orders, experiments, releases and functions, newest first."""
    query = {"limit": limit} | ({"subject": subject} if subject else {})
    rows = [*shop_operator().get("audit", query), *_moves(), *_function_acts()]
    kept = [row for row in rows if subject in (None, row["subject"]) and actor in (None, row["actor"])]
    kept.sort(key=lambda row: row["at"], reverse=True)
    show_rows([row | {"time": _time(row["at"]), "changed": _changed(row)} for row in kept[:limit]], _COLUMNS, output)


@command.command()
@click.argument("action")
@click.argument("subject")
@click.option("--detail", default=None, help="What changed.")
@who_options
def note(action: str, subject: str, detail: str | None, reason: str, actor: str | None) -> None:
    """Record an act that was done with another tool.

    \b
    Example:
      expeditor audit note restart payments-provider --reason "they asked for it"
    """
    noted(action, subject, reason, actor, detail)
    say(f"noted: {action} {subject}")


def _moves() -> Iterator[dict[str, Any]]:
    """Changes of weights, targets and kill switches; they are audited where the flags are kept."""
    store = flag_store()
    for flags in store.history() if store.exists() else ():
        change = flags.change
        yield {
            "at": change.at,
            "actor": change.by,
            "action": change.action,
            "subject": "experiments",
            "reason": change.reason,
            "before": {"revision": change.follows},
            "after": {"revision": change.revision},
        }


def _function_acts() -> Iterator[dict[str, Any]]:
    """Moves of aliases, and versions that were deleted; they are kept beside the flags."""
    for act in function_acts().all():
        is_move = bool(act.alias)
        yield {
            "at": act.at,
            "actor": act.by,
            "action": act.action,
            "subject": f"function/{act.function}:{act.alias}" if is_move else f"function/{act.function}",
            "reason": act.reason,
            "before": {"version": str(act.before)} if act.before else {},
            "after": _after(act),
        }


def _after(act: FunctionAct) -> dict[str, str]:
    if act.alias:
        return {"version": str(act.after)}
    return {"deleted": ", ".join(act.versions)} if act.versions else {}


def _changed(row: dict[str, Any]) -> str:
    before, after = row["before"], row["after"]
    names = [name for name in after if before.get(name) != after[name]]
    return ", ".join(f"{name}: {before.get(name, '-')} → {after[name]}" for name in names)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
