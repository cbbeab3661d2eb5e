"""What a model refuses, and in which words."""

import json
from typing import Any

import pytest

from expeditor.api.errors import SerializationError, ValidationError
from expeditor.api.json_protocol import JsonWire
from expeditor.api.model import load_model
from expeditor.api.protocol import HttpRequest, Params
from expeditor.api.validation import compile_pattern

ARN = "arn:aws:states:us-east-1:000000000000:stateMachine:orders"


def read(operation: str, body: Any) -> Params:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return JsonWire(load_model("stepfunctions")).codec(operation).read(HttpRequest("POST", "/", "", {}, text))


def refusal(operation: str, body: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        read(operation, body)
    return str(caught.value)


def test_absent_null_and_unknown_members_are_left_out() -> None:
    assert read("StartExecution", {"stateMachineArn": ARN, "name": None, "color": "red"}) == {"stateMachineArn": ARN}


def test_missing_member_is_named() -> None:
    assert refusal("StartExecution", {}) == (
        "1 validation error detected: Value null at 'stateMachineArn' failed to satisfy constraint: "
        "Member must not be null"
    )


def test_length_is_checked_in_characters() -> None:
    assert read("CreateActivity", {"name": "ä" * 80})
    assert refusal("CreateActivity", {"name": "a" * 81}) == (
        f"1 validation error detected: Value '{'a' * 81}' at 'name' failed to satisfy constraint: "
        "Member must have length less than or equal to 80"
    )


def test_enum_is_listed_in_the_order_aws_was_seen_to_use() -> None:
    assert refusal("ListExecutions", {"stateMachineArn": ARN, "statusFilter": "succeeded"}) == (
        "1 validation error detected: Value 'succeeded' at 'statusFilter' failed to satisfy constraint: Member must "
        "satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]"
    )


def test_range_is_checked() -> None:
    assert refusal("ListStateMachines", {"maxResults": 1001}).endswith("value less than or equal to 1000")
    assert refusal("ListStateMachines", {"maxResults": -1}).endswith("value greater than or equal to 0")


def test_all_problems_are_counted_in_one_refusal() -> None:
    text = refusal("CreateStateMachine", {"name": "", "type": "FAST"})

    assert text.startswith("4 validation errors detected: ")
    assert "Value null at 'definition'" in text
    assert "Value 'FAST' at 'type'" in text


def test_problem_inside_a_list_says_where() -> None:
    body = {"resourceArn": ARN, "tags": [{"key": "a", "value": "b"}, {"key": "k" * 129, "value": "v"}]}

    assert "at 'tags.2.member.key' failed to satisfy constraint" in refusal("TagResource", body)


def test_list_of_scalars_is_refused_as_a_whole() -> None:
    text = refusal("UntagResource", {"resourceArn": ARN, "tagKeys": ["a", "k" * 129]})

    assert f"Value '[a, {'k' * 129}]' at 'tagKeys'" in text
    assert "Member must satisfy constraint: [Member must have length less than or equal to 128" in text


def test_sensitive_value_is_not_repeated() -> None:
    text = refusal("StartExecution", {"stateMachineArn": ARN, "input": "x" * 262_145})

    assert text == (
        "1 validation error detected: Value at 'input' failed to satisfy constraint: "
        "Member must have length less than or equal to 262144"
    )


def test_long_value_is_repeated_only_in_part() -> None:
    assert len(refusal("CreateActivity", {"name": "a" * 100_000})) < 5_000


def test_many_problems_are_not_all_named() -> None:
    tags = [{"key": "k" * 129, "value": "v"}] * 5_000

    assert refusal("TagResource", {"resourceArn": ARN, "tags": tags}).startswith("10 validation errors detected")


@pytest.mark.parametrize(
    "body",
    [b"{", b"not json", b"\xff\xfe", b"[" * 100_000, b'{"stateMachineArn": 1e999', b"[]", b'"text"', b"{} {}"],
)
def test_what_is_not_a_json_object_cannot_be_read(body: bytes) -> None:
    with pytest.raises(SerializationError):
        read("StartExecution", body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"stateMachineArn": 5}, "NUMBER_VALUE can not be converted to a String"),
        ({"stateMachineArn": ["x"]}, "START_ARRAY can not be converted to a String"),
        ({"stateMachineArn": True}, "TRUE_VALUE can not be converted to a String"),
    ],
)
def test_wrong_type_cannot_be_read(body: Any, message: str) -> None:
    with pytest.raises(SerializationError, match=message):
        read("StartExecution", body)


def test_empty_body_is_an_empty_object() -> None:
    assert read("ListStateMachines", b"") == {}


def test_integral_float_is_an_integer_and_a_fraction_is_not() -> None:
    assert read("ListStateMachines", {"maxResults": 5.0}) == {"maxResults": 5}
    with pytest.raises(SerializationError, match="DECIMAL_VALUE can not be converted to an Integer"):
        read("ListStateMachines", {"maxResults": 5.5})


@pytest.mark.parametrize("service", ["stepfunctions", "lambda", "sns"])
def test_every_pattern_of_the_models_compiles(service: str) -> None:
    for shape in load_model(service).shapes.values():
        if shape.pattern is not None:
            compile_pattern(shape.pattern)
