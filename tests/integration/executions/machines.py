"""Small random state machines, whose end depends on their definition alone: not on what is faster, nor on a crash."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from hypothesis import strategies as st

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function"
START = "arn:aws:states:::states:startExecution.sync:2"
CALLBACK = "arn:aws:states:::lambda:invoke.waitForTaskToken"
KID = "arn:aws:states:us-east-1:000000000000:stateMachine:kid"
DEPTH_MAX = 2
ITEMS = [0, 1, 2]

State = dict[str, Any]
_asks = {"i.$": "$.i", "try.$": "$$.State.RetryCount", "redriven.$": "$$.Execution.RedriveCount"}


@st.composite
def machines(draw: st.DrawFn) -> State:
    """A definition whose tasks say in their parameters how often they fail."""
    return _flow(draw, count(1), 0)


def _flow(draw: st.DrawFn, numbers: Iterator[int], depth: int) -> State:
    names = [f"S{next(numbers)}" for _ in range(draw(st.integers(1, 3)))]
    states = {}
    for name, following in zip(names, [*names[1:], None], strict=True):
        kinds = [_task, _task, _wait, _choice, _pass] + ([_parallel, _map] if depth < DEPTH_MAX else [])
        after = {"End": True} if following is None else {"Next": following}
        states |= draw(st.sampled_from(kinds))(draw, numbers, depth, name, after)
    return {"StartAt": names[0], "States": states}


def _task(draw: st.DrawFn, numbers: Iterator[int], depth: int, name: str, after: State) -> State:
    asks = {"who": name, "fails": draw(st.integers(0, 2)), "only": draw(st.sampled_from([None, 1])), **_asks}
    calls = [
        {"Resource": f"{FUNCTION}:work", "Parameters": asks},
        {"Resource": CALLBACK, "Parameters": {"FunctionName": "work", "Payload": asks}},
        {"Resource": START, "Parameters": {"StateMachineArn": KID, "Input": asks}},
    ]
    call = draw(st.sampled_from(calls))
    return {name: {"Type": "Task", **call, "ResultSelector": {"done": True}, **_after(draw, name, after)}}


def _after(draw: st.DrawFn, name: str, after: State) -> State:
    """Where a result goes, and what becomes of a failure."""
    fields: State = {"ResultPath": f"$.{name}", **after}
    if draw(st.booleans()):
        fields["Retry"] = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    if "Next" in after and draw(st.booleans()):
        fields["Catch"] = [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": after["Next"]}]
    return fields


def _wait(draw: st.DrawFn, numbers: Iterator[int], depth: int, name: str, after: State) -> State:
    return {name: {"Type": "Wait", "Seconds": draw(st.integers(0, 3)), **after}}


def _pass(draw: st.DrawFn, numbers: Iterator[int], depth: int, name: str, after: State) -> State:
    return {name: {"Type": "Pass", "Parameters": {"i.$": "$.i"}, "ResultPath": f"$.{name}", **after}}


def _choice(draw: st.DrawFn, numbers: Iterator[int], depth: int, name: str, after: State) -> State:
    """Odd items go one way, the others another."""
    odd, even = f"{name}odd", f"{name}even"
    end = {"Type": "Fail", "Error": "Odd"} if draw(st.booleans()) else {"Type": "Pass", **after}
    rule = {"Variable": "$.i", "NumericEquals": 1, "Next": odd}
    return {
        name: {"Type": "Choice", "Choices": [rule], "Default": even},
        odd: end,
        even: {"Type": "Pass", **after},
    }


def _parallel(draw: st.DrawFn, numbers: Iterator[int], depth: int, name: str, after: State) -> State:
    branches = [_flow(draw, numbers, depth + 1) for _ in range(draw(st.integers(1, 2)))]
    return {name: {"Type": "Parallel", "Branches": branches, **_after(draw, name, after)}}


def _map(draw: st.DrawFn, numbers: Iterator[int], depth: int, name: str, after: State) -> State:
    processor, fields = _flow(draw, numbers, depth + 1), {}
    if draw(st.booleans()):
        processor["ProcessorConfig"] = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
        fields["ToleratedFailureCount"] = draw(st.integers(0, 2))
    return {
        name: {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemSelector": {"i.$": "$$.Map.Item.Value", "items.$": "$.items"},
            "MaxConcurrency": draw(st.integers(0, 2)),
            "ItemProcessor": processor,
            **fields,
            **_after(draw, name, after),
        }
    }
