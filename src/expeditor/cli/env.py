"""``expeditor env``: settings for other tools."""

import os
import shlex

import click

from expeditor.settings import Settings, aws_environment


@click.group()
def command() -> None:
    """Print settings for other tools."""


@command.command()
def aws() -> None:
    """Print the exports that point AWS tools at this node.

    \b
    Example:
      eval "$(expeditor env aws)"
      aws stepfunctions list-state-machines
    """
    for name, value in aws_environment(Settings.from_environment(os.environ).endpoint_url).items():
        click.echo(f"export {name}={shlex.quote(value)}")
