"""Manual acts on many things at once: chosen by id or by filter, dry or for real, at a rate, each result told."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from expeditor.cli.clients import HttpClient, shop_operator
from expeditor.cli.output import CommandError, ExitCode, machine_user, say, show_rows
from expeditor.clock import SystemClock

BULK_MAX = 1_000
_COLUMNS = ("order_id", "result", "status", "pipeline", "release", "detail")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which orders an act is for.

    Attributes:
        order_ids: these, if there are any.
        query: else those that the shop finds stuck by it; empty: nothing was asked for.
    """

    order_ids: tuple[str, ...]
    query: Mapping[str, object]


Function = TypeVar("Function", bound=Callable[..., Any])


def who_options(function: Function) -> Function:
    """The options ``--reason`` and ``--actor`` that every manual act has."""
    function = click.option("--actor", default=None, help="Who does this; this machine's user without it.")(function)
    return click.option("--reason", required=True, help="Why; kept in the audit log.")(function)


def filter_options(function: Function) -> Function:
    """The options by which orders that do not get further are chosen."""
    for option in (
        click.option("--limit", default=100, show_default=True, type=click.IntRange(1, BULK_MAX), help="At most."),
        click.option(
            "--paused", default=None, type=click.Choice(["yes", "no"]), help="Only orders stopped by hand, or not."
        ),
        click.option("--older-than", default=None, type=float, metavar="SECONDS", help="Unchanged for so long."),
        click.option("--error", default=None, help="Only orders whose problem says this, such as PaymentUnknownError."),
        click.option("--release", default=None, help="Only orders on this release."),
        click.option("--pipeline", default=None, type=click.Choice(["instant", "legacy"]), help="Only orders there."),
        click.option("--status", default=None, help="Only orders in this status."),
    ):
        function = option(function)
    return function


def bulk_options(function: Function) -> Function:
    """The options of acts on many orders: which, how fast, or only to see."""
    function = click.option("--dry-run", is_flag=True, help="Only show which orders it would be.")(function)
    function = click.option("--rate", default=20.0, show_default=True, type=float, help="Orders a second.")(function)
    return click.argument("order_ids", nargs=-1)(filter_options(function))


def actor_of(given: str | None) -> str:
    """The name that the audit log gets."""
    return given or machine_user()


def choice_of(order_ids: tuple[str, ...], given: Mapping[str, object]) -> Choice:
    """What the options of ``bulk_options`` choose.

    Raises:
        UsageError: neither ids nor a filter, or both.
    """
    query = {name: value for name, value in given.items() if value is not None and name != "limit"}
    if bool(order_ids) == bool(query):
        raise click.UsageError("name ORDER_IDS, or choose orders by --status, --pipeline, --release, --error ...")
    return Choice(order_ids, {**query, "limit": given["limit"]} if query else {})


def perform(choice: Choice, path: str, body: Mapping[str, object], *, rate: float, dry_run: bool, output: str) -> None:
    """Does an act to every order chosen and shows what came of each.

    Args:
        path: last part of the act's path, such as ``pause``.

    Raises:
        CommandError: it was refused for at least one of them.
    """
    if not rate > 0 or math.isinf(rate):
        raise click.UsageError("--rate is a number above 0")
    client = shop_operator()
    ids = choice.order_ids or tuple(row["order_id"] for row in stuck(client, choice.query)["orders"])
    if dry_run:
        show_rows([{"order_id": each, "result": "would be done"} for each in ids], ("order_id", "result"), output)
        say(f"{path}: {len(ids)} orders; nothing was done")
        return
    rows: list[dict[str, Any]] = []
    try:
        for each in paced(ids, rate):
            rows.append(_one(client, each, path, body))  # noqa: PERF401 - what was done is told if the next one raises
    finally:
        refused = _tell(path, rows, len(ids) - len(rows), output)
    if refused:
        raise CommandError(f"{refused} of {len(rows)} orders were refused; the table says why", ExitCode.CONFLICT)


def stuck(client: HttpClient, query: Mapping[str, object]) -> Any:
    """What the shop finds stuck: ``groups`` and ``orders``."""
    return client.get("stuck", query)


def paced(items: Sequence[str], rate: float) -> Iterable[str]:
    """*items*, no more than *rate* a second."""
    clock = SystemClock()
    begun_at = clock.monotonic()
    for number, item in enumerate(items):
        ahead = number / rate - (clock.monotonic() - begun_at)
        if ahead > 0:
            clock.sleep(ahead)
        yield item


def noted(action: str, subject: str, reason: str, actor: str | None, detail: str | None = None) -> None:
    """Records in the audit log what was done elsewhere than on an order."""
    body = {"actor": actor_of(actor), "reason": reason, "action": action, "subject": subject}
    shop_operator().post("audit", body | ({"detail": detail} if detail else {}))


def noted_as_done(action: str, subject: str, reason: str, actor: str | None) -> None:
    """Like ``noted``, for what has taken effect already, whatever becomes of the note.

    Raises:
        CommandError: it is not in the audit log; the message says that it was done all the same.
    """
    try:
        noted(action, subject, reason, actor)
    except CommandError as error:
        again = f"`expeditor audit note {action} {subject}` notes it later"
        raise CommandError(f"{action} {subject}: done, but not noted in the audit log ({error}); {again}") from error


def _tell(path: str, rows: Sequence[Mapping[str, Any]], unanswered: int, output: str) -> int:
    """Shows what came of each order, also when the act ended early; gives how many were refused."""
    show_rows(rows, _COLUMNS, output)
    refused = sum(1 for row in rows if row["result"] != "done")
    more = f", {unanswered} not answered or not tried" if unanswered else ""
    say(f"{path}: {len(rows) - refused} done, {refused} refused{more}")
    return refused


def _one(client: HttpClient, order_id: str, path: str, body: Mapping[str, object]) -> dict[str, Any]:
    status, answer = client.exchange("POST", f"orders/{order_id}/{path}", body)
    if status < 400:
        return {**answer, "result": "done"}
    problem = answer if isinstance(answer, dict) else {}
    return {"order_id": order_id, "result": "refused", "detail": problem.get("detail") or f"the shop answered {status}"}
