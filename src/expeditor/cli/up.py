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
from expeditor.cli.releasing import prepare_flags
from expeditor.node import Setup, prepare_home, run_node
from expeditor.settings import Settings

APPLICATION = "order_processing"


@click.command()
@click.argument("template", required=False, type=click.Path(path_type=Path))
@click.option(
    "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="Value of a parameter of the template."
)
@click.pass_obj
def command(console: Callable[..., Any], template: Path | None, parameters: tuple[str, ...]) -> None:
    """Start everything that TEMPLATE describes: node, services of the application, console.

    Without TEMPLATE it is the order processing application of this distribution. Ctrl-C ends it; started again with the
    same EXPEDITOR_HOME it goes on where it was.
    """
    setup = Setup(Settings.from_environment(os.environ), dict(os.environ), console, say, _named(parameters))
    chosen = template or own_application()
    prepare_home(setup.settings.home)
    prepare_flags(chosen, setup.settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run_node(chosen, setup))


def own_application() -> Path:
    """The template beside the application's package, which is looked up but never imported."""
    spec = importlib.util.find_spec(APPLICATION)
    if spec is None or spec.origin is None:
        raise CommandError(f"{APPLICATION} is not installed; name a template: expeditor up TEMPLATE")
    return Path(spec.origin).parent / "template.yaml"


def _named(parameters: tuple[str, ...]) -> dict[str, str]:
    pairs = [text.partition("=") for text in parameters]
    for name, equals, _ in pairs:
        if not equals or not name:
            raise click.BadParameter(f"{name!r} is not NAME=VALUE", param_hint="--parameter")
    return {name: value for name, _, value in pairs}
