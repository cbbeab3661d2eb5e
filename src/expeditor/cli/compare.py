"""``expeditor compare``: the same day of orders through both pipelines, on a virtual clock."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import click
import msgspec

from expeditor.asl import Machine, compile_definition
from expeditor.cli.compare_day import (
    JOB_RESERVE_SECONDS,
    Durations,
    InstantDay,
    LegacyDay,
    Schedule,
    Stage,
    buyers_of_a_day,
    play,
)
from expeditor.cli.compare_figure import quantile, shown, svg_of, text_of
from expeditor.cli.output import CommandError, Format, output_option, say, show
from expeditor.cli.rehearsing import Agenda
from expeditor.cli.up import own_application
from expeditor.ids import Draws
from expeditor.node import Application, Template, node_parameters, pinned_definition, read_application
from expeditor.settings import ACCOUNT, REGION, Settings

PIPELINES = ("instant", "legacy")
BEGIN_AT = 1_767_225_600.0
"""2026-01-01T00:00:00Z; which day it is does not matter."""
_RATE = re.compile(r"rate\((\d+) (minute|hour)s?\)")
_SECONDS = {"minute": 60.0, "hour": 3_600.0}


@click.command()
@click.option("--orders", default=1_200, show_default=True, type=click.IntRange(10, 20_000), help="Orders in the day.")
@click.option("--seed", default=1, show_default=True, type=int, help="The same seed gives the same figures.")
@click.option("--provider-ms", default=0.0, show_default=True, help="Time a card network adds to each payment call.")
@click.option("--figure", type=click.Path(path_type=Path), help="Write the distributions there as SVG.")
@click.option("--template", type=click.Path(path_type=Path), help="Of the application; this distribution's without it.")
@output_option
def command(
    orders: int, seed: int, provider_ms: float, figure: Path | None, template: Path | None, output: str
) -> None:
    """Run one day of orders, flash sale at noon included, through both pipelines and compare their times.

    Real operations on a real store, the real state machine and interpreter, the batch jobs at their schedules; only the
    clock is virtual. How long a step takes is drawn from what was measured on a running node.

    \b
    Example:
      expeditor compare --figure docs/compare.svg
    """
    application = application_of(template or own_application())
    found = {name: _day(application, name, orders, seed, provider_ms / 1_000) for name in PIPELINES}
    times = {name: _delivered(rows) for name, rows in found.items()}
    if output == Format.TEXT:
        _tell(found, times)
    else:
        show({name: _figures(found[name], times[name]) for name in PIPELINES} | {"seed": seed}, output)
    if figure is not None:
        figure.write_text(svg_of(times, "From order to voucher, the same day through both pipelines"))
        say(f"wrote {figure}")


def _day(application: Application, pipeline: str, orders: int, seed: int, provider_seconds: float) -> Any:
    """Every order of the day in one pipeline, with its times."""
    draws = Draws(f"durations {pipeline} {seed}".encode()).random()
    durations = Durations(_measured(), provider_seconds, draws)
    agenda = Agenda(BEGIN_AT)
    with _stage(application, pipeline, seed) as stage:
        day: InstantDay | LegacyDay
        if pipeline == "instant":
            day = InstantDay(agenda, stage, machines_of(application), durations)
        else:
            day = LegacyDay(agenda, stage, _schedules(application, stage), durations)
        return play(agenda, stage, day, buyers_of_a_day(orders, BEGIN_AT, seed))


@contextmanager
def _stage(application: Application, pipeline: str, seed: int) -> Iterator[Stage]:
    """The application's process, on a directory of its own that ends with it; in memory where the system has one."""
    words = application.template.document.get("Metadata", {}).get("Expeditor", {}).get("Rehearsal", {}).get("Command")
    if not words:
        raise CommandError(f"{application.template.path} names no Metadata.Expeditor.Rehearsal.Command")
    memory = Path("/dev/shm")  # noqa: S108 - a directory made by tempfile inside it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as home:
        command = [sys.executable if word == "python" else str(word) for word in words]
        options = ["--home", home, "--pipeline", pipeline, "--begin-at", str(BEGIN_AT), "--seed", str(seed)]
        with subprocess.Popen([*command, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            try:
                yield Stage(process)
            finally:
                assert process.stdin is not None
                process.stdin.close()


def application_of(path: Path) -> Application:
    """The application of a template, for looking at; nothing of it is started."""
    template = Template.read(path)
    with tempfile.TemporaryDirectory() as home:  # ports are remembered there, and nothing here listens on any
        settings = Settings(Path(home), 8081, 8080)
        return read_application(template, node_parameters(template, settings))


def machines_of(application: Application) -> dict[str, Machine]:
    """Every state machine of the template, its functions at their first version."""
    versions = {
        f"{function.logical_id}.Version": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function.name}:1"
        for function in application.functions
    }
    return {
        machine.name: compile_definition(pinned_definition(application, machine, versions))
        for machine in application.machines
    }


def _schedules(application: Application, stage: Stage) -> list[Schedule]:
    """The schedules of those functions that are jobs of the pipeline."""
    jobs = stage.result(BEGIN_AT, "jobs")
    found = []
    for schedule in application.schedules:
        name = schedule.function.split(":")[6]
        rate = _RATE.fullmatch(schedule.expression)
        if name in jobs and rate is not None:
            timeout = next(each.timeout_seconds for each in application.functions if each.name == name)
            found.append(Schedule(name, int(rate[1]) * _SECONDS[rate[2]], timeout - JOB_RESERVE_SECONDS))
    return found


def _measured() -> dict[str, list[float]]:
    text = resources.files("expeditor.cli").joinpath("compare_durations.json").read_bytes()
    measured: dict[str, list[float]] = msgspec.json.decode(text)["milliseconds"]
    return measured


def _delivered(rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """Seconds from order to voucher of those that got one, ascending."""
    times = sorted(row["delivered_at"] - row["created_at"] for row in rows if row["delivered_at"] is not None)
    if not times:
        raise CommandError("nothing was delivered; that is a fault of the rehearsal, not a result")
    return times


def _figures(rows: Sequence[Mapping[str, Any]], times: Sequence[float]) -> dict[str, Any]:
    statuses = sorted({row["status"] for row in rows})
    return {
        "orders": len(rows),
        "delivered": len(times),
        "unfinished": sum(not row["at_rest"] for row in rows),
        "p50_seconds": quantile(times, 0.5),
        "p95_seconds": quantile(times, 0.95),
        "max_seconds": times[-1],
        "statuses": {status: sum(row["status"] == status for row in rows) for status in statuses},
    }


def _tell(found: Mapping[str, Any], times: Mapping[str, Sequence[float]]) -> None:
    click.echo(f"{'PIPELINE':10}{'ORDERS':>8}{'DELIVERED':>11}{'P50':>12}{'P95':>12}{'MAX':>12}")
    for name, seconds in times.items():
        figures = [shown(quantile(seconds, 0.5)), shown(quantile(seconds, 0.95)), shown(seconds[-1])]
        row = f"{name:10}{len(found[name]):>8}{len(seconds):>11}" + "".join(f"{each:>12}" for each in figures)
        click.echo(row)
    for name, seconds in times.items():
        click.echo("\n" + "\n".join(text_of(name, seconds)))
    gain = quantile(times["legacy"], 0.5) / quantile(times["instant"], 0.5)
    click.echo(f"\nhalf of the instant orders are delivered {gain:,.0f} times sooner")
