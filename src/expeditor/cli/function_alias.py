"""``expeditor function alias``: move an alias, see its moves, take them back."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from expeditor.cli.acting import who_options
from expeditor.cli.clients import aws
from expeditor.cli.output import output_option, say, show, show_rows
from expeditor.cli.releasing import actor_named, function_acts, instant, refusals_told
from expeditor.releases import OTHER_TOOL, AliasMoves, FunctionAct, Pointing, ToldMove

_COLUMNS = ("at", "by", "action", "alias", "before", "after", "reason")


@click.group()
def alias() -> None:
    """Aliases: names that point to a version, or in shares to two, and can be moved."""


@alias.command("set")
@click.argument("name")
@click.argument("alias_name", metavar="ALIAS")
@click.argument("version")
@click.option(
    "--weight", "weights", multiple=True, metavar="VERSION=SHARE", help="Share of another version, such as 4=0.1."
)
@who_options
@output_option
def set_(
    name: str, alias_name: str, version: str, *, weights: tuple[str, ...], reason: str, actor: str | None, output: str
) -> None:
    """Point ALIAS of function NAME to VERSION, and a share of invocations to another; creates the alias if needed.

    \b
    Example:
      expeditor function alias set fraud-scan prod 3 --weight 4=10% --reason "try the new rule"
    """
    wanted = Pointing(version, _shares(weights))
    with refusals_told():
        made = _moves().set(name, alias_name, wanted, actor_named(actor, reason))
    if made is None:
        say(f"{alias_name} of {name} points to {wanted} already; nothing was moved")
        return
    show(_told_act(made), output)


@alias.command()
@click.argument("name")
@click.argument("alias_name", metavar="[ALIAS]", default="prod")
@who_options
@output_option
def undo(name: str, alias_name: str, reason: str, actor: str | None, output: str) -> None:
    """Take the latest move of ALIAS (prod without it) back; once more, the one before it."""
    with refusals_told():
        made = _moves().undo(name, alias_name, actor_named(actor, reason))
    show(_told_act(made), output)


@alias.command()
@click.argument("name")
@click.argument("alias_name", metavar="[ALIAS]", required=False)
@output_option
def history(name: str, alias_name: str | None, output: str) -> None:
    """Show the moves of a function's aliases, newest first: who, when, why, from where to where.

    AWS's API tells no moves, so those that other tools made, such as a deployment, are told as one each, without when
    and why, as far as moves made here lie around them.
    """
    with refusals_told():
        moves = _moves()
        aliases = [alias_name] if alias_name else moves.aliases(name)
        rows = [_row(each, move) for each in aliases for move in moves.history(name, each)]
    if not alias_name and len(aliases) > 1:
        rows.sort(key=lambda row: str(row["at"] or ""), reverse=True)
    show_rows(rows, _COLUMNS, output)


def _moves() -> AliasMoves:
    return AliasMoves(aws("lambda"), function_acts())


def _row(alias_name: str, move: ToldMove) -> dict[str, Any]:
    act = move.act
    told: dict[str, Any] = {"at": None, "by": OTHER_TOOL, "action": "moved", "reason": None}
    if act is not None:
        told = {"at": instant(act.at), "by": act.by, "action": act.action, "reason": act.reason or None}
    return told | {"alias": alias_name, "before": _told(move.before), "after": _told(move.after)}


def _told_act(act: FunctionAct) -> Mapping[str, Any]:
    ends = {"before": _told(act.before), "after": _told(act.after)}
    return {"function": act.function, "alias": act.alias, "action": act.action, **ends, "reason": act.reason}


def _told(pointing: Pointing | None) -> str | None:
    return None if pointing is None else str(pointing)


def _shares(given: Sequence[str]) -> dict[str, float]:
    """``VERSION=SHARE`` options; a share is 0.1 or 10%.

    Raises:
        UsageError: not written so, or not between 0 and 1.
    """
    return dict(map(_share, given))


def _share(text: str) -> tuple[str, float]:
    version, _, share = text.partition("=")
    try:
        value = float(share.removesuffix("%")) / (100 if share.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not version or not 0 <= value <= 1:
        raise click.UsageError(f"{text!r} is no share of a version; write it like 4=0.1 or 4=10%")
    return version, value
