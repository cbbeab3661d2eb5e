"""Versions, aliases, redrives and Express machines through boto3."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from expeditor.cli.execution import machine_arns
from tests.serving import Endpoint

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

ROLE = "arn:aws:iam::000000000000:role/orders"
FAIL = json.dumps({"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "Card.Declined"}}})


def passing(comment: str) -> str:
    return json.dumps({"Comment": comment, "StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})


@pytest.fixture(scope="module")
def sfn(endpoint: Endpoint) -> "SFNClient":
    return endpoint.stepfunctions


def refused(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def until_ended(sfn: "SFNClient", arn: str) -> dict[str, Any]:
    while (found := sfn.describe_execution(executionArn=arn))["status"] == "RUNNING":
        pass
    return dict(found)


@pytest.fixture(scope="module")
def machine(sfn: "SFNClient") -> str:
    """The ARN of a state machine with three versions."""
    arn = sfn.create_state_machine(name="versioned", definition=passing("1"), roleArn=ROLE, publish=True)[
        "stateMachineArn"
    ]
    for number in ("2", "3"):
        sfn.update_state_machine(stateMachineArn=arn, definition=passing(number), publish=True)
    return arn


def test_versions_are_listed_in_pages(sfn: "SFNClient", machine: str) -> None:
    first = sfn.list_state_machine_versions(stateMachineArn=machine, maxResults=2)
    second = sfn.list_state_machine_versions(stateMachineArn=machine, maxResults=2, nextToken=first["nextToken"])

    pages = [[one["stateMachineVersionArn"] for one in page["stateMachineVersions"]] for page in (first, second)]
    assert pages == [[f"{machine}:3", f"{machine}:2"], [f"{machine}:1"]]
    assert "nextToken" not in second


def test_a_number_beyond_all_versions_is_one_that_does_not_exist(sfn: "SFNClient", machine: str) -> None:
    beyond = f"{machine}:{10**23}"

    for call in (
        lambda: sfn.start_execution(stateMachineArn=beyond),
        lambda: sfn.describe_state_machine(stateMachineArn=beyond),
        lambda: sfn.list_executions(stateMachineArn=beyond),
    ):
        assert refused(call) == ("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{beyond}'")
    routing = [{"stateMachineVersionArn": beyond, "weight": 100}]
    assert refused(lambda: sfn.create_state_machine_alias(name="far", routingConfiguration=routing)) == (
        "ResourceNotFound",
        "Request references a resource that does not exist.",
    )
    sfn.delete_state_machine_version(stateMachineVersionArn=beyond)


def test_aliases_are_listed_in_pages(sfn: "SFNClient", machine: str) -> None:
    routing = [{"stateMachineVersionArn": f"{machine}:2", "weight": 100}]
    made = [sfn.create_state_machine_alias(name=f"a{n}", routingConfiguration=routing) for n in range(3)]  # type: ignore[list-item]

    first = sfn.list_state_machine_aliases(stateMachineArn=f"{machine}:2", maxResults=2)
    second = sfn.list_state_machine_aliases(stateMachineArn=f"{machine}:2", maxResults=2, nextToken=first["nextToken"])

    listed = [one["stateMachineAliasArn"] for page in (first, second) for one in page["stateMachineAliases"]]
    assert listed == [one["stateMachineAliasArn"] for one in made]


@pytest.mark.parametrize(
    ("routing", "code", "message"),
    [
        ([(":1", 101)], "ValidationException", "1 validation error detected: Value '101' at 'routingConfiguration.1."),
        ([("", 100)], "ValidationException", "Routing configuration must contain state machine version ARNs."),
        ([(":1", 60), (":2", 60)], "ValidationException", "Sum of routing configuration weights must equal 100."),
        ([(":9", 100)], "ResourceNotFound", "Request references a resource that does not exist."),
    ],
)
def test_routing_that_cannot_be_is_refused(
    sfn: "SFNClient", machine: str, routing: list[tuple[str, int]], code: str, message: str
) -> None:
    given = [{"stateMachineVersionArn": machine + version, "weight": weight} for version, weight in routing]

    found = refused(lambda: sfn.create_state_machine_alias(name="never", routingConfiguration=given))  # type: ignore[arg-type]

    assert found[0] == code
    assert found[1].startswith(message)


def test_failed_execution_is_redriven(sfn: "SFNClient") -> None:
    arn = sfn.create_state_machine(name="redriven", definition=FAIL, roleArn=ROLE)["stateMachineArn"]
    execution = sfn.start_execution(stateMachineArn=arn)["executionArn"]
    assert until_ended(sfn, execution)["redriveStatus"] == "REDRIVABLE"

    redriven_at = sfn.redrive_execution(executionArn=execution)["redriveDate"]

    found = until_ended(sfn, execution)
    assert (found["redriveCount"], found["redriveDate"]) == (1, redriven_at)
    listed = sfn.list_executions(stateMachineArn=arn, redriveFilter="REDRIVEN")["executions"]
    assert [one["executionArn"] for one in listed] == [execution]
    assert sfn.list_executions(stateMachineArn=arn, redriveFilter="NOT_REDRIVEN")["executions"] == []


def test_succeeded_execution_is_not_redriven(sfn: "SFNClient", machine: str) -> None:
    execution = sfn.start_execution(stateMachineArn=machine)["executionArn"]
    until_ended(sfn, execution)

    found = refused(lambda: sfn.redrive_execution(executionArn=execution))

    assert found == ("ExecutionNotRedrivable", "Execution is SUCCEEDED and cannot be redriven")


def test_express_machine_keeps_no_executions_that_can_be_asked_for(sfn: "SFNClient") -> None:
    arn = sfn.create_state_machine(name="express-1", definition=passing("x"), roleArn=ROLE, type="EXPRESS")[
        "stateMachineArn"
    ]
    started = sfn.start_execution(stateMachineArn=arn, name="same")["executionArn"]
    answer = sfn.start_sync_execution(stateMachineArn=arn, name="same", input='{"n": 1}')

    assert started.startswith(f"{arn.replace(':stateMachine:', ':express:')}:same:")
    assert (answer["status"], answer["name"], answer["output"]) == ("SUCCEEDED", "same", '{"n":1}')
    assert answer["executionArn"] != started
    wrong = ("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")
    for ask in (sfn.describe_execution, sfn.get_execution_history, sfn.stop_execution, sfn.redrive_execution):
        assert refused(lambda ask=ask: ask(executionArn=started)) == wrong
    assert refused(lambda: sfn.list_executions(stateMachineArn=arn))[0] == "StateMachineTypeNotSupported"


def test_command_asks_only_machines_whose_executions_can_be_asked_for(sfn: "SFNClient", machine: str) -> None:
    express = sfn.create_state_machine(name="express-2", definition=passing("x"), roleArn=ROLE, type="EXPRESS")

    arns = machine_arns(sfn, None)

    assert machine in arns
    assert express["stateMachineArn"] not in arns
