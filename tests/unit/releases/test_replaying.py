"""Recordings, and what other releases make of them; nothing outside is touched."""

import json
from dataclasses import replace
from typing import Any

import pytest

from expeditor.releases import Answer, Recording, Release, Replayer, recording_of, summary
from expeditor.rollout import FunctionPin, Manifest, ReleaseName

ARN = "arn:aws:lambda:us-east-1:000000000000:function"
INPUT = '{"order_id":"o-1","epoch":1}'
NEVER: Any = None


def release(states: dict[str, Any], start: str = "Scan") -> Release:
    definition = {"StartAt": start, "States": states}
    pin = FunctionPin("scan", "1", "c", "h", "python3.11", 3, 128, {})
    return Release(
        name=ReleaseName("shop", "1.1.0"),
        arn="arn:aws:states:us-east-1:000000000000:stateMachine:shop-v1.1.0",
        role_arn="arn:aws:iam::000000000000:role/shop",
        definition=json.dumps(definition),
        created_at=0.0,
        by="tests",
        recorded_digest="",
        dry_run=(),
        manifest=Manifest("shop-v1.1.0", "STANDARD", {}, {"scan": pin}),
    )


def task(function: str, **more: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": f"{ARN}:{function}:1", "ResultPath": f"$.{function}", **more}


STATES = {
    "Scan": task("scan", Next="IsFraud"),
    "IsFraud": {
        "Type": "Choice",
        "Choices": [{"Variable": "$.scan.verdict", "StringEquals": "cleared", "Next": "Pay"}],
        "Default": "Fraud",
    },
    "Pay": task("pay", Next="Done", Retry=[{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 60, "MaxAttempts": 3}]),
    "Done": {"Type": "Succeed"},
    "Fraud": {"Type": "Fail", "Error": "Fraud"},
}


def events(*steps: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """A history: each step follows the one before."""
    made = []
    for number, (kind, details) in enumerate(steps, 1):
        key = (
            "stateEnteredEventDetails" if kind.endswith("StateEntered") else f"{kind[0].lower()}{kind[1:]}EventDetails"
        )
        made.append({"id": number, "previousEventId": number - 1, "type": kind, key: details})
    return made


def entered(state: str, kind: str = "Task", given: str = INPUT) -> tuple[str, dict[str, Any]]:
    return f"{kind}StateEntered", {"name": state, "input": given}


def called(function: str) -> tuple[str, dict[str, Any]]:
    return "LambdaFunctionScheduled", {"resource": f"{ARN}:{function}:1", "input": INPUT}


def answered(value: object) -> tuple[str, dict[str, Any]]:
    return "LambdaFunctionSucceeded", {"output": json.dumps(value)}


CLEARED = {"order_id": "o-1", "epoch": 1, "scan": {"verdict": "cleared"}, "pay": {"amount_minor": 500}}
HISTORY = events(
    entered("Scan"),
    called("scan"),
    answered({"verdict": "cleared"}),
    entered("IsFraud", "Choice"),
    entered("Pay"),
    called("pay"),
    ("LambdaFunctionFailed", {"error": "Busy", "cause": "try again"}),
    called("pay"),
    answered({"amount_minor": 500}),
    entered("Done", "Succeed"),
)


def recording(status: str = "SUCCEEDED", output: object = CLEARED, history: Any = HISTORY) -> Recording:
    described = {
        "executionArn": "arn:aws:states:us-east-1:000000000000:execution:shop-v1.0.0:o-1",
        "name": "o-1",
        "status": status,
        "input": INPUT,
        "output": None if output is None else json.dumps(output),
    }
    return recording_of(described, history)


def test_a_history_becomes_a_path_and_calls_with_their_answers() -> None:
    found = recording()

    assert found.path == ("Scan", "IsFraud", "Pay", "Done")
    assert [(call.state, call.called) for call in found.calls] == [("Scan", "scan"), ("Pay", "pay"), ("Pay", "pay")]
    assert [call.answer for call in found.calls][1:] == [
        Answer(None, "Busy", "try again"),
        Answer('{"amount_minor": 500}'),
    ]


def test_the_failed_state_is_the_last_that_did_not_get_its_call_done() -> None:
    failed = events(
        entered("Scan"),
        called("scan"),
        ("LambdaFunctionFailed", {"error": "Busy"}),
        called("scan"),
        answered({}),
        entered("Pay"),
        called("pay"),
        ("LambdaFunctionTimedOut", {}),
        entered("HandOver"),
        called("hand-over"),
        answered({}),
        entered("Sorry", "Fail"),
    )

    found = recording("FAILED", None, failed)

    assert found.failed_state == "Pay"
    assert found.calls[2].answer == Answer(None, "States.Timeout", None)
    assert recording().failed_state == "Done"


def test_service_integrations_are_recorded_under_the_function_they_invoke() -> None:
    parameters = json.dumps({"FunctionName": f"{ARN}:review:3", "Payload": {}})
    scheduled = ("TaskScheduled", {"resourceType": "lambda", "resource": "invoke", "parameters": parameters})
    found = recording(history=events(entered("Review"), scheduled, ("TaskSucceeded", {"output": "{}"})))

    assert [(call.called, call.answer) for call in found.calls] == [("review", Answer("{}"))]


def test_a_history_without_its_data_is_refused() -> None:
    kind, details = entered("Scan")

    with pytest.raises(Exception, match="truncates the data of Scan"):
        recording(history=events((kind, {**details, "inputDetails": {"truncated": True}})))


def test_the_same_definition_goes_the_same_way_retries_and_all() -> None:
    replayed = Replayer(release(STATES), NEVER, ()).replay(recording())

    assert replayed.is_same, replayed
    assert replayed.path == recording().path


def test_another_path_another_end_and_other_values_are_told() -> None:
    stricter = {**STATES, "IsFraud": {**STATES["IsFraud"], "Choices": [], "Default": "Fraud"}}
    stricter["IsFraud"]["Choices"] = [{"Variable": "$.scan.verdict", "StringEquals": "sure", "Next": "Pay"}]

    replayed = Replayer(release(stricter), NEVER, ()).replay(recording())

    assert replayed.differences[:2] == ("path: IsFraud Pay Done -> IsFraud Fraud", "end: SUCCEEDED -> FAILED")
    assert replayed.status == "FAILED"


def test_a_value_that_differs_is_named_by_its_place() -> None:
    richer = {**STATES, "Done": {"Type": "Pass", "Result": 7, "ResultPath": "$.pay.amount_minor", "End": True}}

    replayed = Replayer(release(richer), NEVER, ()).replay(recording())

    assert replayed.differences == ("output /pay/amount_minor: 500 -> 7",)


def test_a_call_that_was_not_recorded_is_named_and_not_made() -> None:
    longer = {**STATES, "Done": task("mail", End=True)}

    replayed = Replayer(release(longer), NEVER, ()).replay(recording())

    assert (replayed.unknown, replayed.status, replayed.is_same) == ("mail in state Done", "UNKNOWN", False)


def test_more_calls_than_were_recorded_are_unknown_too() -> None:
    found = recording()
    short = replace(found, calls=found.calls[:-1])

    assert Replayer(release(STATES), NEVER, ()).replay(short).unknown == "pay in state Pay"


def test_functions_with_a_dry_run_are_asked_and_told_so() -> None:
    asked: list[tuple[str, str]] = []

    def ask(arn: str, text: str) -> Answer:
        asked.append((arn, text))
        return Answer('{"verdict": "fraud"}')

    replayed = Replayer(release(STATES), ask, ["scan"]).replay(recording())

    assert asked == [(f"{ARN}:scan:1", '{"order_id":"o-1","epoch":1,"dry_run":true}')]
    assert replayed.asked == ("scan",)
    assert 'output /scan/verdict: "cleared" -> (absent)' in replayed.differences or replayed.status == "FAILED"


def test_waiting_takes_no_time() -> None:
    slow = {**STATES, "Nap": {"Type": "Wait", "Seconds": 604_800, "Next": "Scan"}}

    replayed = Replayer(release(slow, "Nap"), NEVER, ()).replay(recording())

    assert replayed.differences == ("path: Scan IsFraud Pay Done -> Nap Scan IsFraud Pay Done",)


def test_branches_get_their_own_answers() -> None:
    both = {
        "Both": {
            "Type": "Parallel",
            "End": True,
            "Branches": [
                {"StartAt": "Scan", "States": {"Scan": task("scan", End=True)}},
                {"StartAt": "Pay", "States": {"Pay": task("pay", End=True)}},
            ],
        }
    }
    found = replace(recording(), calls=tuple(call for call in recording().calls if call.answer and call.answer.output))

    replayed = Replayer(release(both, "Both"), NEVER, ()).replay(found)

    assert replayed.unknown == ""
    assert replayed.status == "SUCCEEDED"


def test_the_summary_counts() -> None:
    same = Replayer(release(STATES), NEVER, ()).replay(recording())
    unknown = Replayer(release({**STATES, "Done": task("mail", End=True)}), NEVER, ()).replay(recording())

    assert summary([same, same, unknown]) == {
        "replayed": 3,
        "same": 2,
        "different": 0,
        "stopped_at_unknown_calls": 1,
        "same_percent": "66.66",
    }
    assert summary([])["replayed"] == 0
