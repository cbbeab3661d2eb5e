"""``expeditor up``: everything, started and supervised."""

import asyncio
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import uvloop

from expeditor.cli.output import CommandError, say
from expeditor.node import Setup, run_node
from expeditor.settings import Settings

APPLICATION = "order_processing"


@click.command()
@click.argument("template", required=False, type=click.Path(path_type=Path))
@click.pass_obj
def command(console: Callable[..., Any], template: Path | None) -> None:
    """Start everything that TEMPLATE describes: node, services of the application, console.

    Without TEMPLATE it is the order processing application of this distribution. Ctrl-C ends it; started again with the
    same EXPEDITOR_HOME it goes on where it was.
    """
    setup = Setup(Settings.from_environment(os.environ), dict(os.environ), console, say)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run_node(template or _own_application(), setup))


def _own_application() -> Path:
    """The template beside the application's package, which is looked up but never imported."""
    spec = importlib.util.find_spec(APPLICATION)
    if spec is None or spec.origin is None:
        raise CommandError(f"{APPLICATION} is not installed; name a template: expeditor up TEMPLATE")
    return Path(spec.origin).parent / "template.yaml"
