"""TestState through boto3, with and without mocks."""

import io
import json
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.serving import Endpoint

ROLE = "arn:aws:iam::000000000000:role/orders"
CODE = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("no")
    return {"got": event}
"""


@pytest.fixture(scope="module")
def function(endpoint: Endpoint) -> str:
    """A deployed function's ARN."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", CODE)
    made = endpoint.functions.create_function(
        FunctionName="tested",
        Runtime="python3.12",
        Handler="app.handler",
        Role=ROLE,
        Code={"ZipFile": packed.getvalue()},
    )
    return made["FunctionArn"]


def answer_of(endpoint: Endpoint, definition: dict[str, Any], **params: Any) -> dict[str, Any]:
    return dict(endpoint.stepfunctions.test_state(definition=json.dumps(definition), **params))


def refused(endpoint: Endpoint, definition: dict[str, Any], **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        answer_of(endpoint, definition, **params)
    return str(caught.value.response["Error"]["Message"])


def test_real_function_is_called(endpoint: Endpoint, function: str) -> None:
    state = {"Type": "Task", "Resource": function, "ResultPath": "$.answer", "Next": "Further"}

    answer = answer_of(endpoint, state, input='{"a": 1}', roleArn=ROLE, inspectionLevel="DEBUG")

    assert (answer["status"], answer["nextState"]) == ("SUCCEEDED", "Further")
    assert json.loads(answer["output"]) == {"a": 1, "answer": {"got": {"a": 1}}}
    assert json.loads(answer["inspectionData"]["result"]) == {"got": {"a": 1}}


def test_failure_of_a_real_function_is_caught(endpoint: Endpoint, function: str) -> None:
    catchers = [{"ErrorEquals": ["ValueError"], "Next": "Rescue"}]
    state = {"Type": "Task", "Resource": function, "Catch": catchers, "End": True}

    answer = answer_of(endpoint, state, input='{"fail": true}', roleArn=ROLE, inspectionLevel="TRACE")

    assert (answer["status"], answer["error"], answer["nextState"]) == ("CAUGHT_ERROR", "ValueError", "Rescue")
    assert answer["inspectionData"]["errorDetails"] == {"catchIndex": 0}


def test_call_that_lacks_its_parameters_fails(endpoint: Endpoint) -> None:
    state = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "End": True}

    answer = answer_of(endpoint, state, roleArn=ROLE)

    assert (answer["status"], answer["error"]) == ("FAILED", "States.Runtime")


@pytest.mark.parametrize(
    ("state", "params", "message"),
    [
        ({"Type": "Pass", "End": True}, {"context": "{}"}, "TestState does not support Context when a mock"),
        ({"Type": "Pass", "End": True}, {"variables": "[]"}, "The value of 'variables' must be a JSON object."),
        ({"Type": "Pass", "End": True}, {"input": "{"}, "Invalid State Machine Execution Input"),
        ({"Type": "Pass", "End": True}, {"stateName": "A"}, "These fields are required"),
        (
            {"Type": "Parallel", "Branches": [{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}], "End": True},
            {},
            "TestState API does not support Parallel or Map states when a mock is not specified",
        ),
        (
            {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": True},
            {"roleArn": ROLE},
            "when a mock is not specified",
        ),
        (
            {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": True},
            {"mock": {"result": "{"}},
            "Mocked result must be valid JSON",
        ),
        (
            {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": True},
            {"mock": {}},
            "A test mock should have one of the following fields",
        ),
    ],
)
def test_what_cannot_be_tested_is_refused(
    endpoint: Endpoint, state: dict[str, Any], params: dict[str, Any], message: str
) -> None:
    assert message in refused(endpoint, state, **params)
