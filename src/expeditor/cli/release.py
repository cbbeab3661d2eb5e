"""``expeditor release``: immutable releases, who gets them, and the way back."""

import re
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any

import click

from expeditor.cli.clients import aws
from expeditor.cli.libraries import libraries
from expeditor.cli.output import CommandError, ExitCode, Format, output_option, say, show, show_rows
from expeditor.cli.release_drain import drain
from expeditor.cli.releasing import (
    Instant,
    Share,
    author,
    catalogue,
    flag_store,
    instant,
    observations,
    parameters_of,
    refusals_told,
    target_of,
    traffic,
    wanted_release,
)
from expeditor.cli.up import own_application
from expeditor.clock import SystemClock
from expeditor.releases import (
    RELEASE,
    Catalogue,
    FlagsChangedError,
    Move,
    Release,
    Replay,
    Replayer,
    Round,
    asking,
    create_release,
    last_recorded,
    redrive,
    roll,
    summary,
)
from expeditor.rollout import WHOLE, FunctionPin, Measure, Plan, RollBack, differences, rate_of

_NUMBERS = re.compile(r"\d+(\.\d+)?")
_LISTS = frozenset({"functions", "states", "dependencies", "changed_libraries"})
_REASON = click.option("--reason", default="", help="Why; kept in the history of moves.")


@click.group()
def command() -> None:
    """Make releases, move orders to them, judge them by what becomes of the orders, and go back.

    Names are whole (order-processing-v1.1.0) or a version alone (v1.1.0).
    """


command.add_command(drain)


@command.command()
@click.option("--template", type=click.Path(path_type=Path), help="The distribution's own without it.")
@click.option("--version", help="In place of the one in the state machine's name, such as v1.1.0.")
@click.option("--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="Of the template; repeatable.")
@click.option("--deployed", is_flag=True, help="Functions as they are deployed, as after `sam deploy`; only pin them.")
@output_option
def create(
    template: Path | None, version: str | None, parameters: tuple[str, ...], deployed: bool, output: str
) -> None:
    """Publish what changed, pin it, validate it, and create the state machine.

    The same content again changes nothing. Other content under a version that exists is refused (exit code 7). Only
    functions that the definition names are part of a release.

    \b
    Example:
      expeditor release create --version v1.1.0
    """
    given = parameters_of(parameters)
    wanted = wanted_release(template or own_application(), version, given, deployed=deployed)
    with refusals_told():
        made = create_release(catalogue(), wanted, author().by)
    published = ", ".join(made.published) or "no function"
    say(f"created {made.release.name}, published {published}" if made.is_new else "exists with this content already")
    show(_brief(made.release) if output == Format.TEXT else _described(made.release), output)


@command.command("list")
@output_option
def list_(output: str) -> None:
    """List releases with their share of new orders and their executions under way."""
    with refusals_told():
        found, flag = catalogue(), flag_store().read().flag(RELEASE)
        rows = [
            {
                "release": str(name),
                "share": f"{flag.everyone.weights.get(str(name), 0) / 100:g}%",
                "stable": "stable" if str(name) == flag.stable else "",
                "segments": ",".join(
                    f"{rule.name} {rule.weights[str(name)] / 100:g}%"
                    for rule in flag.rules[:-1]
                    if rule.weights.get(str(name))
                ),
                "running": found.running(name),
            }
            for name in found.arns()
        ]
    show_rows(rows, ("release", "share", "stable", "segments", "running"), output)


@command.command("show")
@click.argument("release")
@output_option
def show_(release: str, output: str) -> None:
    """Show a release's manifest: digest, parent, functions with versions and code, libraries, states.

    Libraries that are not installed here as they were recorded are named: that is what its functions run with.
    """
    with refusals_told():
        found = _named(catalogue(), release)
    if output != Format.TEXT:
        show(_described(found), output)
        return
    show(_brief(found) | {f"function {name}": f"version {pin.version}" for name, pin in _pins(found)}, output)


@command.command()
@click.argument("before")
@click.argument("after")
@output_option
def diff(before: str, after: str, output: str) -> None:
    """Show what AFTER changes: states, functions, environment (names of variables only), libraries."""
    with refusals_told():
        found = catalogue()
        lines = differences(_named(found, before).manifest, _named(found, after).manifest)
    show_rows(({"difference": line} for line in lines), ("difference",), output)


@command.command()
@click.argument("release")
@click.option("--to", "share", type=Share(), required=True, metavar="PERCENT", help="Share, such as 10%.")
@click.option("--segment", help="Only for these: employees, city=Chicago, category=dining, amount>=5000.")
@click.option("--from", "from_at", type=Instant(), help="Only from this instant on, ISO 8601.")
@click.option("--until", "until_at", type=Instant(), help="Only before this instant.")
@_REASON
@output_option
def shift(
    release: str,
    share: int,
    segment: str | None,
    from_at: float | None,
    until_at: float | None,
    reason: str,
    output: str,
) -> None:
    """Give a share of new orders to a release; orders assigned already stay where they are.

    \b
    Example:
      expeditor release shift v1.1.0 --to 100% --segment employees
      expeditor release shift v1.1.0 --to 10%
    """
    with refusals_told():
        target = target_of(segment, from_at, until_at)
        _told(traffic().shift(catalogue().named(release), share, target, author(reason)), output)


@command.command()
@click.argument("release")
@_REASON
@output_option
def promote(release: str, reason: str, output: str) -> None:
    """Give all new orders to a release; it is the stable one from now on."""
    with refusals_told():
        _told(traffic().promote(catalogue().named(release), author(reason)), output)


@command.command()
@_REASON
@output_option
def undo(reason: str, output: str) -> None:
    """Take the latest move back; once more, the one before it. Says what it does not touch."""
    with refusals_told():
        _told(traffic().undo(author(reason)), output)


@command.command()
@click.argument("release")
@click.option("--steps", default="5%,25%,100%", show_default=True, help="Growing shares.")
@click.option("--bake", default="60s", show_default=True, help="How long to look at each step: 30s, 10m, 2h.")
@click.option("--sample", default=30, show_default=True, type=click.IntRange(1), help="Settled orders per release.")
@click.option("--poll", default=2.0, show_default=True, type=click.FloatRange(0.1), help="Seconds between looks.")
@click.option("--once", is_flag=True, help="Look and decide once; for scheduled jobs. The flags keep where it stands.")
@output_option
def rollout(release: str, steps: str, bake: str, sample: int, poll: float, once: bool, output: str) -> None:
    """Move a release to everyone, step by step, judged by what becomes of its orders.

    Each step is compared with the stable release over the same period: voucher-issued, failure, authorisation and fraud
    rate, and order-to-voucher p95. No data: it holds. A breach: it rolls back at once and ends with exit code 5.
    """
    shares = tuple(Share().convert(step, None, None) for step in steps.split(","))
    with refusals_told():
        moves, orders = traffic(), observations()
        control = moves.flags.flag(RELEASE).stable
        name = catalogue().named(release)
        if str(name) == control:
            raise CommandError(f"{name} is the stable release already", ExitCode.CONFLICT)
        plan = Plan(str(name), control, shares, _seconds(bake), sample)
    looked = look_until_done(lambda: roll(moves, orders, plan, author()), poll, once=once)
    show(_round(looked), output)
    if isinstance(looked.decision, RollBack):
        raise CommandError(f"{name} was rolled back: {looked.decision.reason}", ExitCode.ENDED_UNSUCCESSFULLY)


@command.command()
@click.argument("release")
@click.option("--last", "count", default=100, show_default=True, type=click.IntRange(1, 10_000), help="Executions.")
@click.option("--of", "control", help="The release they were recorded on; the stable one without it.")
@click.option("--call", "calls", multiple=True, metavar="FUNCTION", help="Ask its dry run too; repeatable.")
@output_option
def replay(release: str, count: int, control: str | None, calls: tuple[str, ...], output: str) -> None:
    """Run recorded executions through a release, before any order gets it.

    Every call is answered from the recording; a call that was not recorded is named, never made. Functions that have a
    dry run (Metadata.Expeditor.DryRun in the template) are asked for their new answer. Exit code 5: something differs.
    """
    with refusals_told():
        found = catalogue()
        wanted = _named(found, release)
        unknown = set(calls) - set(wanted.manifest.functions)
        if unknown:
            raise CommandError(f"{wanted.name} pins no function {unknown.pop()}", ExitCode.NOT_FOUND)
        of = found.named(control or flag_store().read().flag(RELEASE).stable)
        client = aws("lambda")
        replayer = Replayer(wanted, lambda arn, text: asking(client, arn, text), (*wanted.dry_run, *calls))
        replays = [replayer.replay(recording) for recording in last_recorded(found, of, count)]
    changed = [each for each in replays if not each.is_same]
    if output == Format.TEXT:
        show_rows(_grouped(changed), ("executions", "difference", "example"), output)
    else:
        show_rows((_replayed(each) for each in changed), (), output)
    say(", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in summary(replays).items()))
    if changed:
        raise CommandError(f"{len(changed)} of {len(replays)} went another way", ExitCode.ENDED_UNSUCCESSFULLY)


@command.command("redrive")
@click.argument("execution")
@click.option("--onto", required=True, help="The release that is mended.")
@click.option("--from", "state", help="State to go on from; the one that failed without it.")
@output_option
def redrive_(execution: str, onto: str, state: str | None, output: str) -> None:
    """Let a failed execution go on from its failed state, on another release; what is done stays done.

    EXECUTION is its ARN, or its name, which for an order is the order's id.
    """
    with refusals_told():
        found = catalogue()
        done = redrive(found, _execution_arn(found, execution), found.named(onto), state)
    show(
        {
            "execution_arn": done.execution_arn,
            "machine": done.machine,
            "state": done.state,
            "kept": ", ".join(done.kept) or None,
        },
        output,
    )


def _execution_arn(found: Catalogue, execution: str) -> str:
    """The ARN of a release's execution, given by ARN or name."""
    if execution.startswith("arn:"):
        return execution
    for machine_arn in found.arns().values():
        arn = f"{machine_arn.replace(':stateMachine:', ':execution:')}:{execution}"
        try:
            found.sfn.describe_execution(executionArn=arn)
        except found.sfn.exceptions.ExecutionDoesNotExist:
            continue
        return arn
    raise CommandError(f"no release has an execution named {execution!r}", ExitCode.NOT_FOUND)


def _named(found: Catalogue, text: str) -> Release:
    return found.get(found.named(text))


def _pins(release: Release) -> list[tuple[str, FunctionPin]]:
    return sorted(release.manifest.functions.items())


def _brief(release: Release) -> dict[str, Any]:
    return {name: value for name, value in _described(release).items() if name not in _LISTS}


def _replayed(each: Replay) -> dict[str, Any]:
    return {
        "execution": each.name,
        "end": each.status,
        "differences": each.differences,
        "unknown_call": each.unknown or None,
        "asked": each.asked,
        "path": each.path,
    }


def _grouped(replays: Sequence[Replay]) -> list[dict[str, Any]]:
    """Each difference once, the most frequent first, with an execution to look at."""
    found: dict[str, list[str]] = {}
    for each in replays:
        for line in (*each.differences, *([f"not recorded: {each.unknown}"] if each.unknown else [])):
            found.setdefault(line, []).append(each.name)
    ordered = sorted(found.items(), key=lambda item: -len(item[1]))
    return [{"executions": len(names), "difference": line, "example": names[0]} for line, names in ordered]


def _described(release: Release) -> dict[str, Any]:
    manifest = release.manifest
    dependencies = {name: version for _, pin in _pins(release) for name, version in pin.dependencies.items()}
    states = manifest.definition.get("States", {}) if isinstance(manifest.definition, dict) else {}
    return {
        "release": str(release.name),
        "arn": release.arn,
        "digest": manifest.digest,
        "intact": "yes" if release.is_intact else f"no: {release.recorded_digest} was recorded",
        "parent": manifest.parent or None,
        "by": release.by or "expeditor up",
        "created_at": instant(release.created_at),
        "functions": {name: f"version {pin.version}, digest {pin.digest}" for name, pin in manifest.functions.items()},
        **libraries(dependencies),
        "dependencies": dependencies,
        "dry_run": " ".join(release.dry_run) or None,
        "states": list(states) if isinstance(states, dict) else [],
    }


def _told(move: Move, output: str) -> None:
    for release, count in move.staying.items():
        if count:
            say(f"{count} executions under way stay on {release}")
    show(_weights(move), output)


def _weights(move: Move) -> dict[str, Any]:
    flag = move.after.flag(RELEASE)
    return {
        "revision": move.after.change.revision,
        "action": move.after.change.action,
        "stable": flag.stable,
        **{
            f"{rule.name}": {name: f"{weight * 100 / WHOLE:g}%" for name, weight in rule.weights.items()}
            for rule in flag.rules
        },
    }


def look_until_done(look: Callable[[], Round], poll: float, *, once: bool) -> Round:
    """Looks until nothing is left to do; that somebody does not answer for a while is no reason to stop judging."""
    clock, said = SystemClock(), ""
    while True:
        try:
            with refusals_told():
                looked = look()
        except CommandError as error:
            if once or not _may_pass(error):
                raise
            said = _say_news((f"hold: {error}",), said)
        else:
            said = _say_news(_words(looked), said)
            if once or looked.done:
                return looked
        clock.sleep(poll)


def _may_pass(error: CommandError) -> bool:
    from botocore.exceptions import BotoCoreError

    return isinstance(error.__cause__, OSError | HTTPException | BotoCoreError | FlagsChangedError)


def _words(looked: Round) -> tuple[str, ...]:
    decision = looked.decision
    words = f"{type(decision).__name__.lower()} at {looked.rollout.share / 100:g} %: {decision.reason}"
    return words, *(f"warning: {warning}" for warning in decision.warnings)


def _say_news(lines: tuple[str, ...], said: str) -> str:
    """Says *lines* unless only their numbers differ from what was said; gives what is said now."""
    shown = _NUMBERS.sub("", " ".join(lines))
    if shown != said:
        for line in lines:
            say(line)
    return shown


def _round(looked: Round) -> dict[str, Any]:
    arms: Mapping[str, Any] = {"treatment": looked.observed.treatment, "control": looked.observed.control}
    rates = {
        name: {measure.value: rate_of(measure, arm) for measure in Measure} | {"orders": arm.assigned}
        for name, arm in arms.items()
    }
    return {"decision": type(looked.decision).__name__, "reason": looked.decision.reason, **rates}


def _seconds(text: str) -> float:
    unit = {"s": 1, "m": 60, "h": 3_600}.get(text[-1:], 0)
    try:
        return float(text[:-1]) * unit if unit else float(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is no duration; write it like 30s, 10m or 2h") from error
