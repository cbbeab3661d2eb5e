"""``expeditor function gc``: delete function versions that nothing can call any more."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import click

from expeditor.cli.clients import aws
from expeditor.cli.output import Format, output_option, say, show_rows
from expeditor.cli.releasing import actor_named, function_acts, refusals_told
from expeditor.releases import COLLECT, Clients, Found, FunctionAct, FunctionActs, collect, collectable
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
        who = actor_named(actor, reason)
        rows = [row for each in _by_function(found, chosen) for row in _collected(clients, acts, who, each)]
    _show(rows, output)
    say(f"{sum(row['result'] == 'deleted' for row in rows)} of {len(rows)} versions were deleted")


def _demand_yes(found: Sequence[Found], unused: Sequence[Found]) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here; add --yes, or --dry-run to see what it would be")
    for each in unused:
        say(f"{each.function} version {each.version}")
    click.confirm(f"Delete these {len(unused)} of {len(found)} versions for good?", abort=True, err=True)


def _by_function(found: Sequence[Found], chosen: set[tuple[str, str]]) -> Iterator[list[tuple[Found, bool]]]:
    """Versions of one function after the other, each with whether it is to be deleted."""
    for _, versions in groupby(found, key=lambda each: each.function):
        yield [(each, not each.reasons and (each.function, each.version) in chosen) for each in versions]


def _collected(
    clients: Clients, acts: FunctionActs, author: Author, versions: Sequence[tuple[Found, bool]]
) -> list[dict[str, Any]]:
    """Deletes those of one function; their act is kept before, so that whatever dies, none goes without."""
    going = [each for each, goes in versions if goes]
    if going:
        acts.add(_act(author, going[0].function, tuple(each.version for each in going)))
    rows = [_done(clients, each, goes) for each, goes in versions]
    kept = [
        f"{row['version']} ({row['why'][0]})"
        for row, (_, goes) in zip(rows, versions, strict=True)
        if goes and row["why"]
    ]
    if kept:
        acts.add(_act(replace(author, reason=f"not deleted: {', '.join(kept)}"), going[0].function, ()))
    return rows


def _done(clients: Clients, found: Found, goes: bool) -> dict[str, Any]:
    if not goes:
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


def _act(author: Author, name: str, versions: tuple[str, ...]) -> FunctionAct:
    return FunctionAct(
        action=COLLECT, function=name, at=author.at, by=author.by, reason=author.reason, versions=versions
    )
