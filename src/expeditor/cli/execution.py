"""``expeditor execution``: executions of state machines, through AWS's API."""

from collections.abc import Iterator
from typing import Any

import click

from expeditor.cli.clients import aws, told_plainly
from expeditor.cli.output import CommandError, ExitCode, output_option, say, show, show_rows
from expeditor.clock import SystemClock

POLL_SECONDS = 0.1
_DETAILS = ("name", "resource", "error", "cause")


@click.group()
def command() -> None:
    """Look at executions of state machines."""


@command.command("list")
@click.option("--machine", help="Name or ARN of a state machine; all of them without it.")
@click.option("--status", type=click.Choice(["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]))
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000))
@output_option
def list_(machine: str | None, status: str | None, limit: int, output: str) -> None:
    """List executions, newest first."""
    with told_plainly():
        client = aws("stepfunctions")
        rows = [row for arn in machine_arns(client, machine) for row in _executions(client, arn, status, limit)]
    rows.sort(key=lambda row: row["startDate"], reverse=True)
    show_rows(rows[:limit], ("name", "status", "startDate", "stopDate", "stateMachineArn"), output)


@command.command()
@click.argument("execution")
@output_option
def describe(execution: str, output: str) -> None:
    """Show one execution; EXECUTION is its ARN, or its name, which for an order is the order's id."""
    with told_plainly():
        client = aws("stepfunctions")
        answer = client.describe_execution(executionArn=_execution_arn(client, execution))
    answer.pop("ResponseMetadata", None)
    show(answer, output)


@command.command()
@click.argument("execution")
@click.option("--reverse", is_flag=True, help="Newest first.")
@output_option
def history(execution: str, reverse: bool, output: str) -> None:
    """Show the events of one execution."""
    with told_plainly():
        client = aws("stepfunctions")
        arn = _execution_arn(client, execution)
        pages = client.get_paginator("get_execution_history").paginate(executionArn=arn, reverseOrder=reverse)
        events = [event for page in pages for event in page["events"]]
    show_rows((event | _summary(event) for event in events), ("id", "timestamp", "type", *_DETAILS), output)


@command.command()
@click.argument("execution")
@click.option("--timeout", "timeout_seconds", default=60.0, show_default=True, type=float, help="Seconds to wait.")
@output_option
def wait(execution: str, timeout_seconds: float, output: str) -> None:
    """Wait until an execution ends; the exit code tells how: 0 succeeded, 5 otherwise, 6 not in time."""
    with told_plainly():
        client = aws("stepfunctions")
        arn = _execution_arn(client, execution)
        answer = _wait_closed(client, arn, timeout_seconds)
    answer.pop("ResponseMetadata", None)
    show(answer, output)
    if answer["status"] != "SUCCEEDED":
        raise CommandError(f"{arn} ended {answer['status']}", ExitCode.ENDED_UNSUCCESSFULLY)


@command.command()
@click.argument("execution")
@click.option("--error", default="", help="Error name to record.")
@click.option("--cause", default="", help="Why; shown on the execution.")
def stop(execution: str, error: str, cause: str) -> None:
    """Stop a running execution."""
    with told_plainly():
        client = aws("stepfunctions")
        arn = _execution_arn(client, execution)
        client.stop_execution(executionArn=arn, error=error, cause=cause)
    say(f"stopped {arn}")


def machine_arns(client: Any, machine: str | None) -> list[str]:
    """The ARN of a machine given by ARN or name; of all Standard machines without one. Raises CommandError."""
    if machine is not None and machine.startswith("arn:"):
        return [machine]
    machines = [
        each for page in client.get_paginator("list_state_machines").paginate() for each in page["stateMachines"]
    ]
    # Executions of Express machines cannot be asked for, so only who names such a machine hears that.
    arns = [
        each["stateMachineArn"]
        for each in machines
        if machine == each["name"] or (machine is None and each["type"] == "STANDARD")
    ]
    if machine is not None and not arns:
        raise CommandError(f"there is no state machine {machine!r}", ExitCode.NOT_FOUND)
    return arns


def _executions(client: Any, machine_arn: str, status: str | None, limit: int) -> Iterator[dict[str, Any]]:
    filters = {"stateMachineArn": machine_arn} | ({"statusFilter": status} if status else {})
    pages = client.get_paginator("list_executions").paginate(**filters, PaginationConfig={"MaxItems": limit})
    for page in pages:
        yield from page["executions"]


def _execution_arn(client: Any, execution: str) -> str:
    """The ARN of an execution given by ARN or by name: names are unique per machine, so each machine is asked."""
    if execution.startswith("arn:"):
        return execution
    for machine_arn in machine_arns(client, None):
        arn = f"{machine_arn.replace(':stateMachine:', ':execution:')}:{execution}"
        try:
            client.describe_execution(executionArn=arn)
        except client.exceptions.ExecutionDoesNotExist:
            continue
        return arn
    raise CommandError(f"no state machine has an execution named {execution!r}", ExitCode.NOT_FOUND)


def _wait_closed(client: Any, arn: str, timeout_seconds: float) -> dict[str, Any]:
    waited = 0.0
    while True:
        answer: dict[str, Any] = client.describe_execution(executionArn=arn)
        if answer["status"] != "RUNNING":
            return answer
        if waited >= timeout_seconds:
            raise CommandError(f"{arn} still runs after {timeout_seconds:g} s", ExitCode.WAIT_TIMED_OUT)
        SystemClock().sleep(POLL_SECONDS)
        waited += POLL_SECONDS


def _summary(event: dict[str, Any]) -> dict[str, Any]:
    details: dict[str, Any] = next((value for key, value in event.items() if key.endswith("EventDetails")), {})
    return {name: details.get(name) for name in _DETAILS if name in details}
