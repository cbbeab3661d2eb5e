"""How commands talk: data on stdout, words on stderr, exit codes that tell."""

import getpass
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Any

import click
import msgspec

from expeditor.errors import ExpeditorError


class ExitCode(IntEnum):
    """What a command's exit code means; 2 (misuse) and 130 (interrupted) come from click and the shell."""

    DONE = 0
    FAILED = 1
    NOT_FOUND = 3
    ENDED_UNSUCCESSFULLY = 5
    WAIT_TIMED_OUT = 6
    CONFLICT = 7


class CommandError(ExpeditorError):
    """A command could not do what it was asked.

    Attributes:
        exit_code: tells scripts which kind of trouble it was.
    """

    def __init__(self, message: str, exit_code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Format(StrEnum):
    """Forms of data on stdout."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"


def output_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option ``-o/--output`` that every command with data has."""
    choice = click.Choice([each.value for each in Format])
    return click.option(
        "-o", "--output", type=choice, default=Format.TEXT.value, envvar="EXPEDITOR_OUTPUT", help="Form of the data."
    )(function)


def show_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], output: str) -> None:
    """Prints a list: a table of *columns*, or every field as JSON."""
    if output == Format.JSONL:
        for row in rows:
            click.echo(_json(row))
        return
    listed = list(rows)
    if output == Format.JSON:
        click.echo(_json(listed, indent=2))
        return
    cells = [[_cell(row.get(column)) for column in columns] for row in listed]
    widths = [max(len(text) for text in texts) for texts in zip(columns, *cells, strict=True)]
    for texts in ([column.upper() for column in columns], *cells):
        click.echo("  ".join(text.ljust(width) for text, width in zip(texts, widths, strict=True)).rstrip())
    if not listed:
        say("nothing found")


def show(fields: Mapping[str, Any], output: str) -> None:
    """Prints one thing: a line per field, or JSON."""
    if output == Format.TEXT:
        width = max(map(len, fields))
        for name, value in fields.items():
            click.echo(f"{name.ljust(width)}  {_cell(value)}")
    else:
        click.echo(_json(fields, indent=2 if output == Format.JSON else 0))


def say(words: str) -> None:
    """Talk, for people: on stderr, so that pipes get data only."""
    click.echo(words, err=True)


def machine_user() -> str:
    """Who runs this command; ``uid 4242`` where the machine has no name for that user, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _json(value: Any, indent: int = 0) -> str:
    text = msgspec.json.encode(value, enc_hook=_plain)
    return msgspec.json.format(text, indent=indent).decode() if indent else text.decode()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, dict | list):
        return _json(value)
    return str(value)
