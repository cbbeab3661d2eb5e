"""Map runs through boto3."""

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.serving import Endpoint

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

ROLE = "arn:aws:iam::000000000000:role/orders"
PASS = {"Type": "Pass", "End": True}
FAIL = {"Type": "Fail", "Error": "Card.Declined"}
WAIT = {"Type": "Wait", "Seconds": 3600, "End": True}


def spread(state: Any, **more: Any) -> str:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Each",
        "States": {"Each": state},
    }
    return json.dumps(
        {
            "StartAt": "M",
            "States": {"M": {"Type": "Map", "ItemProcessor": processor, "End": True} | {"Label": "orders", **more}},
        }
    )


@pytest.fixture(scope="module")
def sfn(endpoint: Endpoint) -> "SFNClient":
    return endpoint.stepfunctions


def start(sfn: "SFNClient", name: str, definition: str, items: int) -> str:
    arn = sfn.create_state_machine(name=name, definition=definition, roleArn=ROLE)["stateMachineArn"]
    return sfn.start_execution(stateMachineArn=arn, input=json.dumps(list(range(items))))["executionArn"]


def until_ended(sfn: "SFNClient", execution: str) -> None:
    while sfn.describe_execution(executionArn=execution)["status"] == "RUNNING":
        pass


def run_of(sfn: "SFNClient", execution: str) -> str:
    while not (found := sfn.list_map_runs(executionArn=execution)["mapRuns"]):
        pass
    return found[0]["mapRunArn"]


def counted(counts: Any) -> dict[str, int]:
    return {name: value for name, value in counts.items() if value}


def test_run_that_ended_is_described(sfn: "SFNClient") -> None:
    execution = start(sfn, "spread", spread(PASS, ItemBatcher={"MaxItemsPerBatch": 2}, MaxConcurrency=5), 5)
    until_ended(sfn, execution)

    found = sfn.describe_map_run(mapRunArn=run_of(sfn, execution))

    assert found["mapRunArn"].startswith("arn:aws:states:us-east-1:000000000000:mapRun:spread/orders:")
    assert (found["executionArn"], found["status"], found["maxConcurrency"]) == (execution, "SUCCEEDED", 5)
    assert counted(found["itemCounts"]) == {"succeeded": 5, "total": 5}
    assert counted(found["executionCounts"]) == {"succeeded": 3, "total": 3}
    assert found["stopDate"] >= found["startDate"]
    listed = sfn.list_map_runs(executionArn=execution)["mapRuns"]
    assert [(one["mapRunArn"], one["executionArn"]) for one in listed] == [(found["mapRunArn"], execution)]


def test_limits_of_a_running_run_are_changed(sfn: "SFNClient") -> None:
    execution = start(sfn, "waiting", spread(WAIT, MaxConcurrency=1), 3)
    arn = run_of(sfn, execution)
    assert counted(sfn.describe_map_run(mapRunArn=arn)["itemCounts"]) == {"pending": 2, "running": 1, "total": 3}

    sfn.update_map_run(mapRunArn=arn, maxConcurrency=2, toleratedFailureCount=1, toleratedFailurePercentage=50)

    found = sfn.describe_map_run(mapRunArn=arn)
    assert (found["maxConcurrency"], found["toleratedFailureCount"], found["toleratedFailurePercentage"]) == (2, 1, 50)
    assert counted(found["executionCounts"]) == {"pending": 1, "running": 2, "total": 3}
    sfn.stop_execution(executionArn=execution)
    stopped = sfn.describe_map_run(mapRunArn=arn)
    assert (stopped["status"], counted(stopped["executionCounts"])) == ("ABORTED", {"aborted": 3, "total": 3})
    with pytest.raises(ClientError, match="Map Run is ABORTED and cannot be updated"):
        sfn.update_map_run(mapRunArn=arn, maxConcurrency=3)


def test_run_is_redriven_with_its_execution(sfn: "SFNClient") -> None:
    execution = start(sfn, "declined", spread(FAIL), 2)
    until_ended(sfn, execution)

    sfn.redrive_execution(executionArn=execution)
    until_ended(sfn, execution)

    found = sfn.describe_map_run(mapRunArn=run_of(sfn, execution))
    assert (found["status"], found["redriveCount"]) == ("FAILED", 1)


def test_run_that_never_was_is_refused(sfn: "SFNClient") -> None:
    arn = "arn:aws:states:us-east-1:000000000000:mapRun:spread/orders:never"
    for ask in (sfn.describe_map_run, sfn.update_map_run):
        with pytest.raises(ClientError) as caught:
            ask(mapRunArn=arn)
        assert caught.value.response["Error"]["Code"] == "ResourceNotFound"
