"""``expeditor function gc``: delete function versions that nothing can call any more."""

import sys
from collections.abc import Sequence
from typing import Any

import click

from expeditor.cli.clients import aws
from expeditor.cli.output import Format, output_option, say, show_rows
from expeditor.cli.releasing import actor_named, function_acts, refusals_told
from expeditor.releases import COLLECT, Clients, Found, FunctionAct, collect, collectable
from expeditor.rollout import Author

KEEP_USUAL = 3
_COLUMNS = ("function", "version", "bytes", "result", "why")


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--keep",
    default=KEEP_USUAL,
    show_default=True,
    type=click.IntRange(0),
    help="So many newest of each function stay.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be deleted, and why the others stay.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--reason", default="nothing can call them any more", help="Why; kept in the audit log.")
@click.option("--actor", default=None, help="Who does this; this machine's user without it.")
@output_option
def gc(
    names: tuple[str, ...], keep: int, *, dry_run: bool, yes: bool, reason: str, actor: str | None, output: str
) -> None:
    """Delete published versions of functions NAMES (all without any) that nothing can call any more.

    A version stays that a state machine names, in its definition, in a version of it, or in the one an execution runs
    on or can be redriven on; that an alias leads to, with whatever weight, or goes back to by undo; that a topic, an
    event source or a resource policy reaches; that is among the newest; and $LATEST. Each line says why.

    \b
    Example:
      expeditor function gc --dry-run
      expeditor function gc --keep 5 --yes --reason "monthly"
    """
    with refusals_told():
        clients, acts = Clients(aws("stepfunctions"), aws("lambda"), aws("sns")), function_acts()
        found = collectable(clients, acts, names, keep)
    unused = [each for each in found if not each.reasons]
    if dry_run or not unused:
        _show([_row(each, "stays" if each.reasons else "would be deleted") for each in found], output)
        say(f"{len(unused)} of {len(found)} versions can go" + ("; nothing was deleted" if unused else ""))
        return
    if not yes:
        _demand_yes(found, unused)
    with refusals_told():
        # Asking takes its time: what came into use meanwhile stays.
        found = collectable(clients, acts, names, keep)
        chosen = {(each.function, each.version) for each in unused}
        rows = [_done(clients, each, (each.function, each.version) in chosen) for each in found]
        for act in _acts(rows, actor_named(actor, reason)):
            acts.add(act)
    _show(rows, output)
    say(f"{sum(row['result'] == 'deleted' for row in rows)} of {len(rows)} versions were deleted")


def _demand_yes(found: Sequence[Found], unused: Sequence[Found]) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here; add --yes, or --dry-run to see what it would be")
    for each in unused:
        say(f"{each.function} version {each.version}")
    click.confirm(f"Delete these {len(unused)} of {len(found)} versions for good?", abort=True, err=True)


def _done(clients: Clients, found: Found, is_chosen: bool) -> dict[str, Any]:
    if found.reasons or not is_chosen:
        return _row(found, "stays")
    refusal = collect(clients, found)
    return _row(found, "deleted") if refusal is None else _row(found, "stays") | {"why": [refusal]}


def _row(found: Found, result: str) -> dict[str, Any]:
    return {
        "function": found.function,
        "version": found.version,
        "bytes": found.code_bytes,
        "result": result,
        "why": list(found.reasons),
    }


def _show(rows: list[dict[str, Any]], output: str) -> None:
    if output == Format.TEXT:
        rows = [row | {"why": ", ".join(row["why"])} for row in rows]
    show_rows(rows, _COLUMNS, output)


def _acts(rows: Sequence[dict[str, Any]], author: Author) -> list[FunctionAct]:
    """An act per function of which versions were deleted."""
    deleted: dict[str, list[str]] = {}
    for row in rows:
        if row["result"] == "deleted":
            deleted.setdefault(row["function"], []).append(row["version"])
    return [
        FunctionAct(
            action=COLLECT, function=name, at=author.at, by=author.by, reason=author.reason, versions=tuple(versions)
        )
        for name, versions in deleted.items()
    ]
