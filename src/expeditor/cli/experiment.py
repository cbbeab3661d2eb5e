"""``expeditor experiment``: both A/B points: weights, targets, kill switches, and why an order got what it got."""

from typing import Any

import click

from expeditor.cli.output import CommandError, ExitCode, output_option, say, show, show_rows
from expeditor.cli.releasing import (
    Instant,
    author,
    flag_store,
    instant,
    observations,
    operator_orders,
    refusals_told,
    target_of,
    traffic,
)
from expeditor.releases import Move
from expeditor.rollout import WHOLE, Flag, Flags, first_flags, mismatch_probability, switched, untargeted, weighted

_REASON = click.option("--reason", default="", help="Why; kept in the history of moves.")


@click.group()
def command() -> None:
    """Look at both A/B points, weigh them, target them, switch them off, and ask why.

    pipeline: instant or legacy, decided in the order service. release: which release, decided in the dispatcher. Both
    decisions are recorded on the order, and no change here moves an order that has one.
    """


@command.command()
@click.argument("stable_release")
def init(stable_release: str) -> None:
    """Make the first document of flags where there is none, as in a parameter on AWS."""
    with refusals_told():
        store = flag_store()
        if store.exists():
            raise CommandError("there are flags already; `expeditor experiment list` shows them")
        store.write(first_flags(stable_release, author().at, author().by))


@command.command("list")
@output_option
def list_(output: str) -> None:
    """List the experiments with the weights for everyone."""
    with refusals_told():
        flags = flag_store().read()
    rows = [
        {
            "experiment": flag.key,
            "state": "on" if flag.enabled else "off",
            "stable": flag.stable,
            "everyone": _shares(flag.everyone.weights),
            "rules": ", ".join(rule.name for rule in flag.rules[:-1]) or None,
        }
        for flag in flags.flags.values()
    ]
    show_rows(rows, ("experiment", "state", "stable", "everyone", "rules"), output)


@command.command()
@click.argument("experiment")
@output_option
def get(experiment: str, output: str) -> None:
    """Show the rules of an experiment in the order in which they are asked."""
    with refusals_told():
        flag = flag_store().read().flag(experiment)
    rows = [
        {
            "rule": rule.segment,
            "weights": _shares(rule.weights),
            "from_at": instant(rule.from_at),
            "until_at": instant(rule.until_at),
        }
        for rule in flag.rules
    ]
    show_rows(rows, ("rule", "weights", "from_at", "until_at"), output)


@command.command("set-weight")
@click.argument("experiment")
@click.argument("weights", nargs=-1, required=True, metavar="VARIANT=WEIGHT...")
@click.option("--segment", help="Only for these: employees, city=Chicago, category=dining, amount>=5000.")
@click.option("--from", "from_at", type=Instant(), help="Only from this instant on, ISO 8601.")
@click.option("--until", "until_at", type=Instant(), help="Only before this instant.")
@_REASON
@output_option
def set_weight(
    experiment: str,
    weights: tuple[str, ...],
    segment: str | None,
    from_at: float | None,
    until_at: float | None,
    reason: str,
    output: str,
) -> None:
    """Set the weights of an experiment, for everyone or for a segment, now or at certain times.

    \b
    Example:
      expeditor experiment set-weight pipeline instant=90 legacy=10
      expeditor experiment set-weight pipeline instant=100 --segment employees
    """
    wanted = {name: _weight(weight) for name, _, weight in (each.partition("=") for each in weights)}
    action = f"set {experiment} to {' '.join(weights)} for {segment or 'everyone'}"
    target = target_of(segment, from_at, until_at)
    with refusals_told():
        _demand_known(flag_store().read(), experiment, set(wanted))
        moved = traffic().change(lambda flags: weighted(flags, experiment, wanted, target), author(reason), action)
    _told(moved, experiment, output)


@command.command()
@click.argument("experiment")
@click.argument("segment")
@click.option("--from", "from_at", type=Instant(), help="The rule's, if it has one.")
@click.option("--until", "until_at", type=Instant(), help="The rule's, if it has one.")
@_REASON
@output_option
def untarget(
    experiment: str, segment: str, from_at: float | None, until_at: float | None, reason: str, output: str
) -> None:
    """Remove the rule for a segment."""
    target, action = target_of(segment, from_at, until_at), f"no more rule for {segment} in {experiment}"
    with refusals_told():
        moved = traffic().change(lambda flags: untargeted(flags, experiment, target), author(reason), action)
    _told(moved, experiment, output)


@command.command()
@click.argument("experiment")
@_REASON
@output_option
def stop(experiment: str, reason: str, output: str) -> None:
    """Kill switch: everyone gets the stable variant (of pipeline: legacy), whatever the rules say."""
    _switch(experiment, output, reason, enabled=False)


@command.command()
@click.argument("experiment")
@_REASON
@output_option
def start(experiment: str, reason: str, output: str) -> None:
    """Let the rules of an experiment count again."""
    _switch(experiment, output, reason, enabled=True)


@command.command()
@_REASON
@output_option
def undo(reason: str, output: str) -> None:
    """Take the latest change of either experiment back; once more, the one before it."""
    with refusals_told():
        move = traffic().undo(author(reason))
    show({"revision": move.after.change.revision, "action": move.after.change.action}, output)


@command.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000))
@output_option
def history(limit: int, output: str) -> None:
    """List every change with who, when and why, newest first."""
    with refusals_told():
        documents = flag_store().history()
    rows = [
        {
            "revision": flags.change.revision,
            "at": instant(flags.change.at),
            "by": flags.change.by,
            "action": flags.change.action,
            "reason": flags.change.reason or None,
            "weights": {key: _shares(flag.everyone.weights) for key, flag in flags.flags.items()},
        }
        for flags in reversed(documents)
    ]
    show_rows(rows[:limit], ("revision", "at", "by", "action", "reason", "weights"), output)


@command.command()
@click.argument("order_id")
@output_option
def explain(order_id: str, output: str) -> None:
    """Why an order got its pipeline and its release: rule, bucket, salt, instant, as recorded on it."""
    found = operator_orders()({"order_id": order_id})
    if not found:
        raise CommandError(f"there is no order {order_id!r}", ExitCode.NOT_FOUND)
    with refusals_told():
        flags = flag_store().read()
    rows = [
        {
            **each,
            "at": instant(each["at"]),
            "salt": flags.flags[each["experiment"]].salt if each["experiment"] in flags.flags else None,
        }
        for each in found[0]["assignments"]
    ]
    show_rows(rows, ("experiment", "variant", "rule", "bucket", "salt", "at"), output)


@command.command()
@output_option
def results(output: str) -> None:
    """Count the orders since the latest change per release, beside the shares the weights ask for.

    Where the two differ by more than chance allows (p < 0.001), assignments are lost or biased somewhere.
    """
    with refusals_told():
        flags = flag_store().read()
        seen = [order for order in observations().orders(flags.change.at) if order.release]
    weights = flags.flag("release").everyone.weights
    rows: list[dict[str, Any]] = []
    for release in sorted(weights.keys() | {order.release for order in seen}):
        count, share = sum(order.release == release for order in seen), weights.get(release, 0) / WHOLE
        chance = mismatch_probability(count, len(seen), share) if seen and 0 < share < 1 else None
        rows.append({"release": release, "orders": count, "share": f"{share:.2%}", "chance": chance})
    show_rows(rows, ("release", "orders", "share", "chance"), output)


def _switch(experiment: str, output: str, reason: str, *, enabled: bool) -> None:
    action = f"{experiment} {'on' if enabled else 'off'}"
    with refusals_told():
        moved = traffic().change(lambda flags: switched(flags, experiment, enabled=enabled), author(reason), action)
    _told(moved, experiment, output)


def _demand_known(flags: Flags, experiment: str, variants: set[str]) -> None:
    """Keeps slips of the pen from sending orders nowhere; releases come in by `release shift`, which looks for them."""
    strange = variants - flags.flag(experiment).variants
    if strange:
        known = ", ".join(sorted(flags.flag(experiment).variants))
        raise CommandError(f"{experiment} has no variant {strange.pop()!r}; it has {known}")


def _told(move: Move, experiment: str, output: str) -> None:
    say(f"revision {move.after.change.revision}; orders that were assigned already stay where they are")
    show(_rules(move.after.flag(experiment)), output)


def _rules(flag: Flag) -> dict[str, Any]:
    state = {"experiment": flag.key, "state": "on" if flag.enabled else f"off: everyone gets {flag.stable}"}
    return state | {rule.name: _shares(rule.weights) for rule in flag.rules}


def _shares(weights: Any) -> str:
    return " ".join(f"{name}={weight * 100 / WHOLE:g}%" for name, weight in weights.items())


def _weight(text: str) -> int:
    if not text.isdecimal():
        raise CommandError(f"{text!r} is no weight; write VARIANT=NUMBER, as in instant=90 legacy=10")
    return int(text)
