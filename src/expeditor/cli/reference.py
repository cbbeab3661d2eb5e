"""Renders ``docs/cli.md`` from the commands themselves: ``python -m expeditor.cli.reference``."""

import inspect
from collections.abc import Iterator

import click

from expeditor.cli.output import ExitCode
from expeditor.cli.root import tree

_HEAD = """# Commands

Rendered from the commands themselves by `python -m expeditor.cli.reference`; a test compares the two.

Data goes to stdout, talk to stderr. `-o json` and `-o jsonl` print every field; `EXPEDITOR_OUTPUT` sets the default.
"""


def render() -> str:
    """The whole page, Markdown."""
    return "\n".join([_HEAD, *_exit_codes(), *_sections(tree, "expeditor")]).rstrip() + "\n"


def _exit_codes() -> Iterator[str]:
    yield "| exit code | meaning |\n|---|---|"
    for code in ExitCode:
        yield f"| {code.value} | {code.name.lower().replace('_', ' ')} |"
    yield "| 2 | misuse: an option or argument is wrong |\n| 130 | interrupted |\n"


def _sections(command: click.Command, path: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from _sections(child, f"{path} {name}")
        return
    arguments = [_argument(each) for each in command.params if isinstance(each, click.Argument)]
    yield f"## `{' '.join([path, *arguments])}`\n"
    yield inspect.cleandoc(command.help or "").replace("\b\n", "") + "\n"
    options = [each for each in command.params if isinstance(each, click.Option)]
    if options:
        yield "| option | meaning |\n|---|---|"
        yield from map(_option, options)
        yield ""


def _argument(argument: click.Argument) -> str:
    name = argument.make_metavar(click.Context(click.Command("x"))).strip("[].")
    return f"[{name}]" if argument.nargs == -1 else name


def _option(option: click.Option) -> str:
    choices = f" ({', '.join(map(str, option.type.choices))})" if isinstance(option.type, click.Choice) else ""
    shown = option.show_default or isinstance(option.type, click.Choice)
    default = f" Default: {option.default}." if shown and isinstance(option.default, str | int | float) else ""
    return f"| `{'`, `'.join(option.opts)}` | {option.help or ''}{choices}{default} |".replace(" | (", " | (")


if __name__ == "__main__":
    click.echo(render(), nl=False)
