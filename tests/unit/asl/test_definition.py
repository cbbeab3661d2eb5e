"""Definitions that cannot be run, and what is said about them."""

import json
from typing import Any

import pytest
from tests.unit.asl.driving import machine_of, task

from expeditor.asl import DefinitionError, compile_definition

PASS: dict[str, Any] = {"Type": "Pass", "End": True}
CALLBACK = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"


def findings(definition: Any, **how: Any) -> list[tuple[str, str]]:
    text = definition if isinstance(definition, str) else json.dumps(definition)
    with pytest.raises(DefinitionError) as raised:
        compile_definition(text, **how)
    return [(one.location, one.message) for one in raised.value.diagnostics]


@pytest.mark.parametrize(
    ("definition", "location", "message"),
    [
        ({"States": {"A": PASS}}, "/", "These fields are required: [StartAt]"),
        (machine_of(A={"Type": "Nope", "End": True}), "/States/A/Type", "should have one of these values: [Task, Wait"),
        ({"StartAt": "B", "States": {"A": PASS}}, "/StartAt", "Missing 'StartAt' target: B"),
        (machine_of(A={"Type": "Pass", "Next": "B"}), "/States/A/Next", "Missing 'Next' target: B"),
        (machine_of(A={"Type": "Pass"}), "/States/A", "either a 'Next' or an 'End'"),
        (machine_of(A=PASS, B=PASS), "/States/B", 'State "B" is not reachable.'),
        (machine_of(A={**PASS, "Colour": 1}), "/States/A/Colour", "not supported"),
        (machine_of(A={**PASS, "InputPath": "a.b"}), "/States/A/InputPath", "a.b"),
        (machine_of(A={**PASS, "Parameters": {"x": {"y.$": 1}}}), "/States/A/Parameters/x/y.$", ""),
        (machine_of(A={**PASS, "Output": 1}), "/States/A/Output", "not supported when 'QueryLanguage' is 'JSONPath'"),
        (machine_of(A={**PASS, "QueryLanguage": "JSONata", "Result": 1}), "/States/A/Result", "is 'JSONata'"),
        (machine_of(A=task(Resource="work")), "/States/A/Resource", "not a valid resource ARN"),
        (machine_of(A=task(Retry=[{"MaxAttempts": -1}])), "/States/A/Retry[0]", "[ErrorEquals]"),
        (
            machine_of(A=task(Retry=[{"ErrorEquals": ["E"], "BackoffRate": 0.5}])),
            "/States/A/Retry[0]/BackoffRate",
            "1.0",
        ),
        (machine_of(A=task(Catch=[{"ErrorEquals": ["E"], "Next": "X"}])), "/States/A/Catch[0]/Next", "target: X"),
        (machine_of(A=task(Credentials={})), "/States/A/Credentials", "'RoleArn' is required but was missing"),
        (machine_of(A={"Type": "Wait", "End": True}), "/States/A", "[Seconds, SecondsPath"),
        (machine_of(A={"Type": "Wait", "Seconds": 1, "SecondsPath": "$", "End": True}), "/States/A", "Exactly one"),
        (machine_of(A={"Type": "Wait", "Timestamp": "soon", "End": True}), "/States/A/Timestamp", "RFC3339"),
        (machine_of(A={"Type": "Choice", "Choices": []}), "/States/A/Choices", "Value cannot be empty"),
        (
            machine_of(A={"Type": "Parallel", "Branches": [], "End": True}),
            "/States/A/Branches",
            "Value cannot be empty",
        ),
        (machine_of(A={"Type": "Map", "End": True}), "/States/A", "[ItemProcessor, Iterator]"),
        (
            machine_of(A={"Type": "Map", "ItemProcessor": machine_of(A=PASS), "End": True}),
            "/States/A/ItemProcessor/States/A",
            "Duplicate state name: A",
        ),
        (
            {"QueryLanguage": "JSONata", **machine_of(A={**PASS, "QueryLanguage": "JSONPath"})},
            "/States/A",
            "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
        ),
        ({**machine_of(A=PASS), "TimeoutSeconds": 0}, "/TimeoutSeconds", "Expected a number"),
        (machine_of(**{"x" * 81: PASS}), f"/States/{'x' * 81}", "1 to 80 characters"),
    ],
)
def test_each_mistake_is_found_where_it_stands(definition: Any, location: str, message: str) -> None:
    found = findings(definition)

    assert any(at == location and message in text for at, text in found), found


def test_all_mistakes_are_found_at_once() -> None:
    found = findings(machine_of(A={"Type": "Pass"}, B={"Type": "Nope"}, C={**PASS, "InputPath": 5}))

    assert {at for at, _ in found} >= {"/States/A", "/States/B/Type", "/States/C/InputPath"}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a":1} x', "[" * 5000, '{"a":' * 300 + "1" + "}" * 300])
def test_what_is_no_definition_at_all_is_refused(text: str) -> None:
    assert findings(text)[0][0] == "/"


def test_a_definition_beyond_the_quota_is_refused() -> None:
    text = json.dumps({**machine_of(A=PASS), "Comment": "x" * 1_048_576})

    assert findings(text) == [("/", "The definition is longer than 1048576 bytes")]


def test_a_definition_of_too_many_states_is_refused() -> None:
    states = {f"S{n}": {"Type": "Pass", "Next": f"S{n + 1}"} for n in range(10_000)} | {"S10000": PASS}

    assert ("/States/S10000", "The definition has more than 10000 states") in findings(machine_of(**states))


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        (CALLBACK, "Express state machine does not support '.waitForTaskToken' service integration "),
        (
            "arn:aws:states:::states:startExecution.sync",
            "Express state machine does not support '.sync' service integration",
        ),
        ("arn:aws:states:us-east-1:0:activity:a", "Express state machine does not support Activity ARN"),
    ],
)
def test_express_machines_cannot_wait_for_others(resource: str, message: str) -> None:
    definition = machine_of(A=task(Resource=resource))

    compile_definition(json.dumps(definition))
    assert findings(definition, express=True) == [("/States/A/Resource", message)]


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("", "Label cannot be empty"),
        ("x" * 41, "Label cannot exceed 40 characters"),
        ("a?b", "Label contains invalid character: '?'"),
    ],
)
def test_labels_of_map_runs_are_checked(label: str, message: str) -> None:
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **machine_of(B=PASS)}
    definition = machine_of(A={"Type": "Map", "ItemProcessor": processor, "Label": label, "End": True})

    assert findings(definition) == [("/States/A/Label", message)]


def test_a_machine_tells_what_it_was_compiled_from() -> None:
    text = json.dumps({**machine_of(A=PASS), "Comment": "c", "Version": "1.0", "TimeoutSeconds": 9})

    machine = compile_definition(text)

    assert (machine.definition, machine.start_at, list(machine.states)) == (text, "A", ["A"])
    assert (machine.query_language, machine.comment, machine.timeout_seconds) == ("JSONPath", "c", 9)
