"""``expeditor function``: functions, their versions and aliases, through AWS's API."""

import base64
from collections.abc import Iterator, Mapping

import click

from expeditor.cli.acting import noted_as_done, who_options
from expeditor.cli.clients import aws, operator, told_plainly
from expeditor.cli.function_alias import alias
from expeditor.cli.function_gc import gc
from expeditor.cli.libraries import libraries
from expeditor.cli.output import CommandError, Format, output_option, say, show_rows
from expeditor.functions import recorded_dependencies
from expeditor.releases import Pointing, pointing_of


@click.group()
def command() -> None:
    """Look at functions, call them, move their aliases, delete versions that nothing can call."""


command.add_command(alias)
command.add_command(gc)


@command.command("list")
@output_option
def list_(output: str) -> None:
    """List the functions."""
    with told_plainly():
        pages = aws("lambda").get_paginator("list_functions").paginate()
        rows = [function for page in pages for function in page["Functions"]]
    show_rows(rows, ("FunctionName", "Handler", "Timeout", "MemorySize", "LastModified"), output)


@command.command()
@click.argument("name")
@output_option
def versions(name: str, output: str) -> None:
    """List the published versions of a function, the aliases that point to them, and whether libraries changed."""
    with told_plainly():
        client = aws("lambda")
        pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=name)
        rows = [version for page in pages for version in page["Versions"]]
        pages = client.get_paginator("list_aliases").paginate(FunctionName=name)
        aliases = {each["Name"]: pointing_of(each) for page in pages for each in page["Aliases"]}
    for row in rows:
        row["Aliases"] = ",".join(_leading_to(row["Version"], aliases))
        found = libraries(recorded_dependencies(row.get("Environment", {}).get("Variables", {})))
        row |= {"Libraries": found["libraries"], "ChangedLibraries": found["changed_libraries"]}
    show_rows(rows, ("Version", "Aliases", "CodeSha256", "LastModified", "Libraries"), output)


def _leading_to(version: str, aliases: Mapping[str, Pointing]) -> Iterator[str]:
    for name, pointing in aliases.items():
        if pointing.version == version:
            yield name
        elif version in pointing.weights:
            yield f"{name} {pointing.weights[version] * 100:g}%"


@command.command()
@click.argument("name")
@click.option("--payload", default="{}", show_default=True, help="JSON event, or @FILE.")
@click.option("--qualifier", help="Version or alias; $LATEST without it.")
@click.option("--log", "with_log", is_flag=True, help="Show the end of the invocation's log.")
def invoke(name: str, payload: str, qualifier: str | None, with_log: bool) -> None:
    """Call a function and print its result."""
    with told_plainly():
        answer = aws("lambda").invoke(
            FunctionName=name,
            Payload=read_argument(payload),
            LogType="Tail" if with_log else "None",
            **({"Qualifier": qualifier} if qualifier else {}),
        )
    click.echo(answer["Payload"].read().decode())
    if with_log:
        say(base64.b64decode(answer.get("LogResult", "")).decode(errors="replace"))
    if answer.get("FunctionError"):
        raise CommandError(f"{name} failed; what it raised is printed above")


@command.command()
@click.argument("name")
@click.option("--request-id", help="Only this invocation.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="Invocations to show.")
@output_option
def logs(name: str, request_id: str | None, limit: int, output: str) -> None:
    """Print what a function's last invocations printed."""
    query = {"limit": limit} | ({"request_id": request_id} if request_id else {})
    records = operator().get(f"functions/{name}/logs", query)
    if not records:
        with told_plainly():
            aws("lambda").get_function_configuration(FunctionName=name)
    if output != Format.TEXT:
        show_rows(records, (), output)
        return
    for record in records:
        click.echo(record["text"].rstrip())
    if not records:
        say("nothing found")


def read_argument(text: str) -> str:
    """*text*, or what is in the file that ``@FILE`` names.

    Raises:
        CommandError: the file cannot be read.
    """
    if not text.startswith("@"):
        return text
    try:
        with open(text[1:]) as file:  # noqa: PTH123 - `@-` style names stay as the user wrote them
            return file.read()
    except OSError as error:
        raise CommandError(f"cannot read {text[1:]}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"cannot read {text[1:]}: it is not UTF-8") from error


@command.command()
@click.argument("name")
@who_options
def pause(name: str, reason: str, actor: str | None) -> None:
    """Let no further invocation of a function begin: its reserved concurrency becomes 0, on the node as on AWS.

    Invocations under way go on. State machines retry as their definition says; messages wait.
    """
    with told_plainly():
        aws("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    noted_as_done("pause", f"function/{name}", reason, actor)
    say(f"{name} is paused; `expeditor function resume {name}` lets it go on")


@command.command()
@click.argument("name")
@who_options
def resume(name: str, reason: str, actor: str | None) -> None:
    """Let a paused function be invoked again."""
    with told_plainly():
        aws("lambda").delete_function_concurrency(FunctionName=name)
    noted_as_done("resume", f"function/{name}", reason, actor)
    say(f"{name} may be invoked again")
