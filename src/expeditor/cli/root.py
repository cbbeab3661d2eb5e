"""The command tree: names first, modules only when needed, so that ``--help`` stays quick."""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

import click

from expeditor.cli.output import CommandError, ExitCode, say
from expeditor.errors import ExpeditorError

COMMANDS: Mapping[str, tuple[str, str]] = {
    "up": ("expeditor.cli.up", "Start everything: node, services of the application, console."),
    "order": ("expeditor.cli.order", "Place orders, follow them, and step in."),
    "voucher": ("expeditor.cli.voucher", "Look at vouchers, redeem and revoke them, give merchants their tokens."),
    "review": ("expeditor.cli.review", "Decide on orders that the fraud scan was not sure of."),
    "payment": ("expeditor.cli.payment", "See open payments and alerts, stop and start the provider."),
    "shipment": ("expeditor.cli.shipment", "See what the warehouse has to send, and tell what it has sent."),
    "execution": ("expeditor.cli.execution", "Look at executions of state machines."),
    "release": ("expeditor.cli.release", "Make releases, move orders to them, judge, replay, go back."),
    "experiment": ("expeditor.cli.experiment", "Look at both A/B points, weigh, target, switch off, explain."),
    "function": ("expeditor.cli.function", "Look at functions, call them, move their aliases."),
    "topic": ("expeditor.cli.topic", "Publish to topics and see how deliveries stand."),
    "dlq": ("expeditor.cli.dlq", "Look at dead letters and send them again."),
    "audit": ("expeditor.cli.audit", "See what was done by hand: who, when, why, before and after."),
    "compare": ("expeditor.cli.compare", "Run the same day of orders through both pipelines, in virtual time."),
    "env": ("expeditor.cli.env", "Print settings for other tools."),
    "load": ("expeditor.cli.load", "Put a bounded load on the shop and report how it did."),
}
"""Every noun: the module that has ``command``, and the line that ``--help`` shows."""


INTERRUPTED = 130


class _Tree(click.Group):
    """A group that imports a command only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; Ctrl-C, for which click has no exit code of its own, ends it with the shell's."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            say("interrupted")
            raise click.exceptions.Exit(INTERRUPTED) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.command(cls=_Tree, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="expeditor")
def tree() -> None:
    """Instant order processing on one machine: durable, AWS-compatible, nothing to sign up for.

    \b
    Examples:
      expeditor up
      expeditor order create --unit-id chicago-dining --wait
      expeditor execution list --status FAILED
    """


def main(console: Callable[..., Any]) -> None:
    """Runs the command line; see ``ExitCode`` for how it ends.

    Args:
        console: makes the console that a node started by ``up`` shows.
    """
    try:
        tree.main(prog_name="expeditor", obj=console)
    except ExpeditorError as error:
        say(f"error: {error}")
        sys.exit(error.exit_code if isinstance(error, CommandError) else ExitCode.FAILED)
    except OSError as error:  # a full disk, somebody else's file: its name and the reason tell more than a traceback
        say(f"error: {error}")
        sys.exit(ExitCode.FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
