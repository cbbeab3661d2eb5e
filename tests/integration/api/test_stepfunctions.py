"""Step Functions through boto3, as a user of AWS knows it."""

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from .conftest import Endpoint

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

ROLE = "arn:aws:iam::000000000000:role/orders"
NOWHERE = "arn:aws:states:us-east-1:000000000000:stateMachine:nowhere"
PASS = json.dumps({"StartAt": "Only", "States": {"Only": {"Type": "Pass", "Result": {"city": "Boston"}, "End": True}}})
WAIT = json.dumps({"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}}})
CALLBACK = json.dumps(
    {
        "StartAt": "Ask",
        "States": {
            "Ask": {
                "Type": "Task",
                "Resource": "arn:aws:states:::states:startExecution.waitForTaskToken",
                "Parameters": {"StateMachineArn": "MACHINE", "Input": {"token.$": "$$.Task.Token"}},
                "End": True,
            }
        },
    }
)


@pytest.fixture(scope="module")
def sfn(endpoint: Endpoint) -> "SFNClient":
    return endpoint.stepfunctions


def create(sfn: "SFNClient", name: str, definition: str = PASS, **more: Any) -> str:
    return sfn.create_state_machine(name=name, definition=definition, roleArn=ROLE, **more)["stateMachineArn"]


def until_ended(sfn: "SFNClient", arn: str) -> dict[str, Any]:
    """The execution once it has ended."""
    deadline = time.monotonic() + 20
    while (found := sfn.describe_execution(executionArn=arn))["status"] == "RUNNING":
        assert time.monotonic() < deadline
    return dict(found)


def refused(call: Callable[[], Any]) -> tuple[str, str]:
    """Code and message of the refusal, which is the caller's fault."""
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return response["Error"]["Code"], response["Error"]["Message"]


def test_state_machine_is_described_as_it_was_created(sfn: "SFNClient") -> None:
    arn = create(sfn, "described", tags=[{"key": "team", "value": "orders"}])

    found = sfn.describe_state_machine(stateMachineArn=arn)

    assert (found["name"], found["status"], found["type"]) == ("described", "ACTIVE", "STANDARD")
    assert found["definition"] == PASS
    assert found["roleArn"] == ROLE
    assert found["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}
    assert found["tracingConfiguration"] == {"enabled": False}
    assert "revisionId" not in found
    assert sfn.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "team", "value": "orders"}]


def test_creating_the_same_again_gives_the_first(sfn: "SFNClient") -> None:
    assert create(sfn, "twice") == create(sfn, "twice")
    assert refused(lambda: create(sfn, "twice", WAIT))[0] == "StateMachineAlreadyExists"


def test_update_makes_a_revision(sfn: "SFNClient") -> None:
    arn = create(sfn, "updated")

    revision = sfn.update_state_machine(stateMachineArn=arn, definition=WAIT)["revisionId"]

    assert sfn.describe_state_machine(stateMachineArn=arn)["revisionId"] == revision
    assert refused(lambda: sfn.update_state_machine(stateMachineArn=arn))[0] == "MissingRequiredParameter"


def test_deleted_state_machine_is_gone(sfn: "SFNClient") -> None:
    arn = create(sfn, "deleted")

    sfn.delete_state_machine(stateMachineArn=arn)

    assert refused(lambda: sfn.describe_state_machine(stateMachineArn=arn)) == (
        "StateMachineDoesNotExist",
        f"State Machine Does Not Exist: '{arn}'",
    )


def test_state_machines_are_listed_in_pages(sfn: "SFNClient") -> None:
    for number in range(5):
        create(sfn, f"listed-{number}")

    pages = sfn.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 2})
    names = [machine["name"] for page in pages for machine in page["stateMachines"]]

    assert [name for name in names if name.startswith("listed-")] == [f"listed-{number}" for number in range(5)]
    assert len(names) == len(set(names))
    assert refused(lambda: sfn.list_state_machines(nextToken="forged"))[0] == "InvalidToken"


def test_execution_runs_and_is_described(sfn: "SFNClient") -> None:
    arn = create(sfn, "runs")

    started = sfn.start_execution(stateMachineArn=arn, name="o-1", input='{"order_id": "o-1"}')
    found = until_ended(sfn, started["executionArn"])

    assert started["executionArn"] == arn.replace("stateMachine", "execution") + ":o-1"
    assert found["status"] == "SUCCEEDED"
    assert json.loads(found["output"]) == {"city": "Boston"}
    assert found["input"] == '{"order_id": "o-1"}'
    assert found["startDate"] <= found["stopDate"]
    assert found["redriveStatusReason"] == "Execution is SUCCEEDED and cannot be redriven"
    metadata = sfn.describe_execution(executionArn=started["executionArn"], includedData="METADATA_ONLY")
    assert "input" not in metadata
    assert metadata["inputDetails"] == {"included": False}


def test_same_name_and_input_while_running_is_the_same_execution(sfn: "SFNClient") -> None:
    arn = create(sfn, "idempotent", WAIT)
    first = sfn.start_execution(stateMachineArn=arn, name="o-1", input="{}")

    again = sfn.start_execution(stateMachineArn=arn, name="o-1", input="{}")

    assert again["executionArn"] == first["executionArn"]
    assert again["startDate"] == first["startDate"]
    assert refused(lambda: sfn.start_execution(stateMachineArn=arn, name="o-1", input="[]"))[0] == (
        "ExecutionAlreadyExists"
    )


def test_stopped_execution_is_aborted(sfn: "SFNClient") -> None:
    arn = sfn.start_execution(stateMachineArn=create(sfn, "stopped", WAIT))["executionArn"]

    sfn.stop_execution(executionArn=arn, error="Stop", cause="enough")

    found = sfn.describe_execution(executionArn=arn)
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Stop", "enough")


def test_history_comes_in_pages_and_in_both_orders(sfn: "SFNClient") -> None:
    arn = sfn.start_execution(stateMachineArn=create(sfn, "history"))["executionArn"]
    until_ended(sfn, arn)

    pages = sfn.get_paginator("get_execution_history").paginate(executionArn=arn, PaginationConfig={"PageSize": 3})
    events = [event for page in pages for event in page["events"]]
    backwards = sfn.get_execution_history(executionArn=arn, reverseOrder=True)["events"]

    types = ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    assert [event["type"] for event in events] == types
    assert [event["id"] for event in events] == [1, 2, 3, 4]
    assert backwards == events[::-1]
    assert json.loads(events[2]["stateExitedEventDetails"]["output"]) == {"city": "Boston"}


def test_history_without_data_holds_none(sfn: "SFNClient") -> None:
    arn = sfn.start_execution(stateMachineArn=create(sfn, "history"), input='{"a": 1}')["executionArn"]

    events = sfn.get_execution_history(executionArn=arn, includeExecutionData=False)["events"]

    assert events[0]["executionStartedEventDetails"] == {"roleArn": ROLE}


def test_executions_are_listed_newest_first_and_filtered(sfn: "SFNClient") -> None:
    arn = create(sfn, "many", WAIT)
    started = [sfn.start_execution(stateMachineArn=arn)["executionArn"] for _ in range(5)]
    sfn.stop_execution(executionArn=started[0])

    pages = sfn.get_paginator("list_executions").paginate(stateMachineArn=arn, PaginationConfig={"PageSize": 2})
    listed = [execution["executionArn"] for page in pages for execution in page["executions"]]
    aborted = sfn.list_executions(stateMachineArn=arn, statusFilter="ABORTED")["executions"]

    assert listed == started[::-1]
    assert [execution["executionArn"] for execution in aborted] == started[:1]


def test_express_execution_is_waited_for(sfn: "SFNClient") -> None:
    arn = create(sfn, "express", type="EXPRESS")

    ended = sfn.start_sync_execution(stateMachineArn=arn, name="quick", input="{}")

    assert (ended["name"], ended["status"]) == ("quick", "SUCCEEDED")
    assert ":express:express:quick:" in ended["executionArn"]
    assert ended["billingDetails"] == {"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": 100}
    assert refused(lambda: sfn.start_sync_execution(stateMachineArn=create(sfn, "standard")))[0] == (
        "StateMachineTypeNotSupported"
    )


def test_task_token_ends_a_task(sfn: "SFNClient") -> None:
    inner = create(sfn, "inner", WAIT)
    outer = create(sfn, "outer", CALLBACK.replace("MACHINE", inner))
    arn = sfn.start_execution(stateMachineArn=outer)["executionArn"]
    deadline = time.monotonic() + 20
    while not (found := sfn.list_executions(stateMachineArn=inner)["executions"]):
        assert time.monotonic() < deadline
    token = json.loads(sfn.describe_execution(executionArn=found[0]["executionArn"])["input"])["token"]

    sfn.send_task_heartbeat(taskToken=token)
    sfn.send_task_success(taskToken=token, output='"done"')

    assert until_ended(sfn, arn)["output"] == '"done"'
    assert refused(lambda: sfn.send_task_success(taskToken=token, output="1"))[0] == "TaskTimedOut"
    assert refused(lambda: sfn.send_task_failure(taskToken="forged"))[0] == "InvalidToken"


def test_tags_change(sfn: "SFNClient") -> None:
    arn = create(sfn, "tagged")

    sfn.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    sfn.untag_resource(resourceArn=arn, tagKeys=["a", "absent"])

    assert sfn.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "b", "value": "2"}]
    assert refused(lambda: sfn.list_tags_for_resource(resourceArn=NOWHERE)) == (
        "ResourceNotFound",
        f"Resource not found: '{NOWHERE}'",
    )


def test_definition_is_validated_without_being_kept(sfn: "SFNClient") -> None:
    good = sfn.validate_state_machine_definition(definition=PASS)
    bad = sfn.validate_state_machine_definition(definition='{"StartAt": "Only"}', maxResults=1)
    express = sfn.validate_state_machine_definition(definition=CALLBACK, type="EXPRESS")

    assert (good["result"], good["diagnostics"], good["truncated"]) == ("OK", [], False)
    assert bad["result"] == "FAIL"
    assert bad["diagnostics"][0]["code"] == "SCHEMA_VALIDATION_FAILED"
    assert express["diagnostics"][0]["location"] == "/States/Ask/Resource"


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("create_state_machine", {"name": "a b", "definition": PASS, "roleArn": ROLE}, "InvalidName"),
        ("create_state_machine", {"name": "a" * 81, "definition": PASS, "roleArn": ROLE}, "ValidationException"),
        ("create_state_machine", {"name": "a", "definition": "{", "roleArn": ROLE}, "InvalidDefinition"),
        (
            "create_state_machine",
            {"name": "a", "definition": PASS, "roleArn": ROLE, "versionDescription": "x"},
            "ValidationException",
        ),
        ("start_execution", {"stateMachineArn": NOWHERE}, "StateMachineDoesNotExist"),
        ("start_execution", {"stateMachineArn": NOWHERE.replace("stateMachine", "activity")}, "InvalidArn"),
        ("describe_execution", {"executionArn": "nonsense"}, "InvalidArn"),
        (
            "stop_execution",
            {"executionArn": NOWHERE.replace("stateMachine", "execution") + ":x"},
            "ExecutionDoesNotExist",
        ),
        ("list_executions", {}, "ValidationException"),
        ("list_executions", {"stateMachineArn": NOWHERE}, "StateMachineDoesNotExist"),
        ("redrive_execution", {"executionArn": f"{NOWHERE}:x"}, "InvalidArn"),
        (
            "describe_map_run",
            {"mapRunArn": NOWHERE.replace("stateMachine", "mapRun") + "/m:x"},
            "ResourceNotFound",
        ),
    ],
)
def test_what_aws_refuses_is_refused_by_its_name(
    sfn: "SFNClient", operation: str, params: dict[str, Any], code: str
) -> None:
    assert refused(lambda: getattr(sfn, operation)(**params))[0] == code


@pytest.mark.parametrize("text", ["not some json", "{'not': 'json'", "", "[" * 10_000])
def test_input_that_is_not_json_is_refused(sfn: "SFNClient", text: str) -> None:
    arn = create(sfn, "runs")

    code, message = refused(lambda: sfn.start_execution(stateMachineArn=arn, input=text))

    assert code == "InvalidExecutionInput"
    assert message.startswith("Invalid State Machine Execution Input: '")


def test_activity_is_worked_on(sfn: "SFNClient") -> None:
    activity = sfn.create_activity(name="pack", tags=[{"key": "team", "value": "warehouse"}])["activityArn"]
    definition = {"StartAt": "Pack", "States": {"Pack": {"Type": "Task", "Resource": activity, "End": True}}}
    arn = sfn.start_execution(
        stateMachineArn=create(sfn, "packing", json.dumps(definition)), input='{"order_id": "o-1"}'
    )["executionArn"]

    task = sfn.get_activity_task(activityArn=activity, workerName="anna")
    sfn.send_task_success(taskToken=task["taskToken"], output='"packed"')

    assert json.loads(task["input"]) == {"order_id": "o-1"}
    assert until_ended(sfn, arn)["output"] == '"packed"'
    events = sfn.get_execution_history(executionArn=arn)["events"]
    assert [event["activityStartedEventDetails"] for event in events if event["type"] == "ActivityStarted"] == [
        {"workerName": "anna"}
    ]


def test_activity_is_described_listed_and_deleted(sfn: "SFNClient") -> None:
    arns = [sfn.create_activity(name=f"act-{number}")["activityArn"] for number in range(3)]

    pages = sfn.get_paginator("list_activities").paginate(PaginationConfig={"PageSize": 2})
    names = [activity["name"] for page in pages for activity in page["activities"]]
    sfn.delete_activity(activityArn=arns[0])

    assert [name for name in names if name.startswith("act-")] == ["act-0", "act-1", "act-2"]
    assert sfn.describe_activity(activityArn=arns[1])["encryptionConfiguration"] == {"type": "AWS_OWNED_KEY"}
    assert refused(lambda: sfn.describe_activity(activityArn=arns[0]))[0] == "ActivityDoesNotExist"
    assert refused(lambda: sfn.create_activity(name="a$b")) == ("InvalidName", "Invalid Name: 'a$b'")


def test_warnings_are_told_where_they_are_asked_for(sfn: "SFNClient") -> None:
    hinted = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": {"a": "$.b"}, "End": True}}})

    quiet = sfn.validate_state_machine_definition(definition=hinted)
    told = sfn.validate_state_machine_definition(definition=hinted, severity="WARNING")
    broken = sfn.validate_state_machine_definition(definition="[" * 5000, severity="WARNING")

    assert (quiet["result"], quiet["diagnostics"]) == ("OK", [])
    assert told["result"] == "OK"
    assert [(one["severity"], one["code"], one["location"]) for one in told["diagnostics"]] == [
        ("WARNING", "NO_DOLLAR", "/States/A/Parameters/a")
    ]
    assert [one["code"] for one in broken["diagnostics"]] == ["INVALID_JSON_DESCRIPTION"]


def test_variables_are_described_by_the_states_that_refer_to_them(sfn: "SFNClient") -> None:
    definition = json.dumps(
        {
            "StartAt": "A",
            "States": {
                "A": {"Type": "Pass", "Assign": {"total": 1}, "Next": "B"},
                "B": {"Type": "Pass", "Parameters": {"n.$": "$total"}, "End": True},
            },
        }
    )
    arn = create(sfn, "with-variables", definition)

    assert sfn.describe_state_machine(stateMachineArn=arn)["variableReferences"] == {"B": ["total"]}
