"""Warnings about definitions that can be run."""

import json

import pytest

from expeditor.asl import definition_hints


def hints(state: dict[str, object], **machine: object) -> list[tuple[str, str]]:
    text = json.dumps({"StartAt": "A", "States": {"A": state}, **machine})
    found = definition_hints(text)
    assert {one.severity for one in found} <= {"WARNING"}
    return [(str(one.code), one.location) for one in found]


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ({"Type": "Pass", "Result": {"a": ["$.b"]}}, [("PASS_RESULT_IS_STATIC", "/States/A/Result")]),
        ({"Type": "Pass", "Parameters": {"a": "$.b", "b.$": "$.c"}}, [("NO_DOLLAR", "/States/A/Parameters/a")]),
        ({"Type": "Task", "ResultSelector": {"a": ["$$.b"]}}, [("NO_DOLLAR", "/States/A/ResultSelector/a[0]")]),
        ({"Type": "Pass", "Parameters": {"a": "States.UUID()"}}, [("NO_DOLLAR", "/States/A/Parameters/a")]),
        ({"Type": "Wait", "Timestamp": "$.at"}, [("NO_PATH", "/States/A/Timestamp")]),
        (
            {"Type": "Choice", "Choices": [{"Not": {"Variable": "$.a", "StringEquals": "$.b"}, "Next": "A"}]},
            [("NO_PATH", "/States/A/Choices[0]/Not/StringEquals")],
        ),
        ({"Type": "Pass", "Result": "$5 a piece", "Parameters": {"price": "$5"}, "InputPath": "$.a"}, []),
    ],
)
def test_what_looks_like_a_path_where_none_is_read_is_told(
    state: dict[str, object], found: list[tuple[str, str]]
) -> None:
    assert hints(state) == found


def test_jsonata_has_no_such_traps() -> None:
    assert hints({"Type": "Pass", "Output": {"a": "$.b"}}, QueryLanguage="JSONata") == []


@pytest.mark.parametrize("text", ["", "[", "[]", '{"States": []}', '{"States": {"A": 1}}'])
def test_what_is_no_definition_gets_no_warnings(text: str) -> None:
    assert definition_hints(text) == ()
