"""A turn in parts gives the same as a turn in one piece."""

import json
from itertools import pairwise
from typing import Any

import pytest

from expeditor.asl import (
    AnyEvent,
    Command,
    Execution,
    ExecutionContext,
    ExecutionStarted,
    HistoryEvent,
    ScheduleTask,
    TaskSucceeded,
    begin,
    compile_definition,
    go_on,
)

CONTEXT = ExecutionContext("arn", "name", "role", 1e9, "machine", "m", b'{"n":0,"items":[3,1,2]}', "t.")
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"


def chain(*names: str) -> dict[str, Any]:
    states = {name: {"Type": "Pass", "Next": following} for name, following in pairwise(names)}
    return {"StartAt": names[0], "States": {**states, names[-1]: {"Type": "Pass", "End": True}}}


MACHINES = {
    "a chain": chain("A", "B", "C", "D"),
    "branches with tasks": {
        "StartAt": "P",
        "States": {
            "P": {
                "Type": "Parallel",
                "Branches": [
                    {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": FUNCTION, "End": True}}},
                    chain("A", "B"),
                    {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "No"}}},
                ],
                "Catch": [{"ErrorEquals": ["No"], "Next": "E"}],
                "End": True,
            },
            "E": {"Type": "Pass", "End": True},
        },
    },
    "items": {
        "StartAt": "M",
        "States": {
            "M": {
                "Type": "Map",
                "ItemsPath": "$.items",
                "MaxConcurrency": 2,
                "ItemProcessor": {
                    "StartAt": "T",
                    "States": {
                        "T": {"Type": "Task", "Resource": FUNCTION, "Next": "A"},
                        "A": {"Type": "Pass", "End": True},
                    },
                },
                "End": True,
            }
        },
    },
    "circles": {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}},
    "JSONata": {
        "QueryLanguage": "JSONata",
        "StartAt": "A",
        "States": {"A": {"Type": "Pass", "Output": "{% $random() %}", "Next": "B"}, "B": {"Type": "Succeed"}},
    },
}


def run(definition: dict[str, Any], work_max: int | None) -> tuple[list[Command], list[HistoryEvent], Execution, int]:
    """All commands and history of a run in parts of *work_max*, and how many parts there were."""
    machine, execution = compile_definition(json.dumps(definition)), Execution.new(CONTEXT)
    events: list[AnyEvent] = [ExecutionStarted(1e9, b"s" * 16)]
    commands: list[Command] = []
    history: list[HistoryEvent] = []
    parts = 0
    while events:
        turn = begin(machine, execution, events.pop(0), history)
        parts += 1
        while not go_on(turn, work_max):
            parts += 1
        commands += turn.commands
        events += [TaskSucceeded(1e9, b"t" * 16, c.task_id, b"7") for c in turn.commands if isinstance(c, ScheduleTask)]
    return commands, history, execution, parts


@pytest.mark.parametrize("work_max", [1, 3])
@pytest.mark.parametrize("definition", MACHINES.values(), ids=MACHINES)
def test_parts_change_nothing(definition: dict[str, Any], work_max: int) -> None:
    whole, parted = run(definition, None), run(definition, work_max)

    assert parted[:2] == whole[:2]
    assert (parted[2].status, parted[2].output, parted[2].cause) == (whole[2].status, whole[2].output, whole[2].cause)
    assert work_max > 1 or parted[3] > whole[3]
