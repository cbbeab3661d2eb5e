"""Mocked results against AWS's description of the services they stand for."""

from typing import Any

import pytest

from expeditor.api.errors import ValidationError
from expeditor.api.stepfunctions.mock_results import check_result
from expeditor.api.stepfunctions.verbatim import text_of

START = "arn:aws:states:::states:startExecution"


@pytest.mark.parametrize(
    ("resource", "result", "problem"),
    [
        (START, {"StartDate": "now"}, "Required field 'ExecutionArn' is missing"),
        (START, {"ExecutionArn": 1, "StartDate": "now"}, "Field 'ExecutionArn' must be a string"),
        (START, [], "The result must be an object"),
        ("arn:aws:states:::sqs:sendMessage", {"MessageId": ["a"]}, "Field 'MessageId' must be a string"),
        ("arn:aws:states:::aws-sdk:sqs:receiveMessage", {"Messages": {}}, "Field 'Messages' must be an array"),
        ("arn:aws:states:::aws-sdk:s3:headObject", {"DeleteMarker": "no"}, "Field 'DeleteMarker' must be a boolean"),
        ("arn:aws:states:::dynamodb:getItem", {"Item": {"id": "x"}}, "Field 'id' must be an object"),
        ("arn:aws:states:::dynamodb:getItem", {"Item": {"id": {"S": 1}}}, "Field 'S' must be a string"),
    ],
)
def test_result_that_the_service_would_not_give_is_refused(resource: str, result: Any, problem: str) -> None:
    with pytest.raises(ValidationError, match=f"^Mock result schema validation error: {problem}$"):
        check_result(resource, result, needs_required=True)


@pytest.mark.parametrize(
    ("resource", "result"),
    [
        (START, {"ExecutionArn": "a", "StartDate": "now", "More": [1]}),
        ("arn:aws:states:::lambda:invoke", {"Payload": {"any": 1}, "StatusCode": 200}),
        ("arn:aws:states:::sqs:sendMessage.waitForTaskToken", [1]),
        ("arn:aws:states:::states:startExecution.sync:2", 7),
        ("arn:aws:states:::apigateway:invoke", 7),
        ("arn:aws:states:::nosuch:thing", 7),
        ("arn:aws:states:::sqs:noSuchThing", 7),
        ("arn:aws:lambda:us-east-1:000000000000:function:work", 7),
    ],
)
def test_other_results_pass(resource: str, result: Any) -> None:
    check_result(resource, result, needs_required=True)


def test_required_fields_may_lack_where_only_what_is_present_is_checked() -> None:
    check_result(START, {"StartDate": "now"}, needs_required=False)


def test_unchanged_values_keep_their_spacing() -> None:
    source = '{"a": {"b": [1, 2]}, "c": "x"}'

    assert text_of([1, 2], [source]) == "[1, 2]"
    assert text_of({"b": [1, 2]}, [source]) == '{"b": [1, 2]}'
    assert text_of([1, 2, 3], [source]) == "[1,2,3]"
    assert text_of("x", [source]) == '"x"'
