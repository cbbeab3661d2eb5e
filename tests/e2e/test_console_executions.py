"""The console's pages of executions on a real node."""

import json
import uuid
from typing import Any

import boto3
import pytest

from .running import RunningNode

pytestmark = pytest.mark.e2e

ROUNDS = 300
LOOP: dict[str, Any] = {
    "StartAt": "Init",
    "States": {
        "Init": {"Type": "Pass", "Result": {"round": 0}, "Next": "Step"},
        "Step": {"Type": "Pass", "Parameters": {"round.$": "States.MathAdd($.round, 1)"}, "Next": "More"},
        "More": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.round", "NumericLessThan": ROUNDS, "Next": "Step"}],
            "Default": "Broken",
        },
        "Broken": {"Type": "Fail", "Error": "Loop.Broke", "Cause": "too many rounds"},
    },
}

NAP: dict[str, Any] = {"StartAt": "Nap", "States": {"Nap": {"Type": "Wait", "Seconds": 600, "End": True}}}


def test_a_long_execution_shows_its_end_and_the_input_of_the_state_that_failed(node: RunningNode) -> None:
    page = node.request("GET", f"/console/executions/{_ended(node)}", port=node.node_port).body.decode()

    assert f'in state <a href="#visit-{2 * ROUNDS + 2}">Broken</a>' in page
    failed = page.partition(f'id="visit-{2 * ROUNDS + 2}"')[2].partition("</details>")[0]
    assert f"&#34;round&#34;: {ROUNDS}" in failed
    assert "ExecutionFailed" in page
    assert "205 earlier events" in page
    assert "102 earlier visits" in page


def test_a_list_of_one_machine_says_so_and_leads_to_all(node: RunningNode) -> None:
    machine = _ended(node).split(":")[-2]

    page = node.request(
        "GET", f"/console/executions?machine={machine}&status=RUNNING", port=node.node_port
    ).body.decode()

    assert (
        f'<a href="/console/executions?status=RUNNING" aria-current="true" aria-label="State machine {machine}' in page
    )
    assert "No execution is chosen by this filter" in page


def test_an_execution_that_took_too_long_says_so_and_where_it_was(node: RunningNode) -> None:
    arn = _ended(node, {**NAP, "TimeoutSeconds": 1})

    page = node.request("GET", f"/console/executions/{arn}", port=node.node_port).body.decode()

    panel = page.partition('role="alert"')[2].partition("</section>")[0]
    assert "<h2>It took longer than its TimeoutSeconds</h2>" in panel
    assert 'in state <a href="#visit-1">Nap</a>' in panel


def test_an_execution_that_was_stopped_says_so_and_where_it_was(node: RunningNode) -> None:
    arn = _started(node, NAP)
    _client(node).stop_execution(executionArn=arn)

    page = node.request("GET", f"/console/executions/{arn}", port=node.node_port).body.decode()

    panel = page.partition('role="alert"')[2].partition("</section>")[0]
    assert "<h2>It was stopped</h2>" in panel
    assert 'in state <a href="#visit-1">Nap</a>' in panel


def _ended(node: RunningNode, definition: dict[str, Any] = LOOP) -> str:
    """The ARN of an execution that has ended, as usual one that went round and round, and failed."""
    client = _client(node)
    arn = _started(node, definition)
    while client.describe_execution(executionArn=arn)["status"] == "RUNNING":
        pass
    return arn


def _started(node: RunningNode, definition: dict[str, Any]) -> str:
    """The ARN of an execution of a machine of its own."""
    client = _client(node)
    role = "arn:aws:iam::000000000000:role/loop"
    machine = client.create_state_machine(name=f"loop-{uuid.uuid4()}", definition=json.dumps(definition), roleArn=role)
    return str(client.start_execution(stateMachineArn=machine["stateMachineArn"], name="round")["executionArn"])


def _client(node: RunningNode) -> Any:
    return boto3.client(
        "stepfunctions",
        endpoint_url=f"http://127.0.0.1:{node.node_port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
