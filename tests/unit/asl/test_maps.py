"""Map: inline and distributed."""

import json
from typing import Any

import pytest
from tests.unit.asl.driving import Driven, machine_of, task

from expeditor.asl import CancelTask

DISTRIBUTED = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}


def each(processor: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Map", "ItemProcessor": processor, **({} if "Next" in fields else {"End": True}), **fields}


def spread(processor: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return each({"ProcessorConfig": DISTRIBUTED, **processor}, **fields)


def test_each_item_is_processed_and_the_outputs_keep_their_order() -> None:
    run = Driven(machine_of(Each=each(machine_of(A=task()), ItemsPath="$.items", ResultPath="$.r")), {"items": [1, 2]})
    assert [one.parameters for one in run.scheduled] == [1, 2]
    assert run.active == ["Each", "Each/0/A", "Each/1/A"]

    run.succeed("b", task_id=2).succeed("a", task_id=1)

    assert run.output == {"items": [1, 2], "r": ["a", "b"]}


@pytest.mark.parametrize("fields", [{"MaxConcurrency": 2}, {"MaxConcurrencyPath": "$.width"}])
def test_no_more_iterations_run_at_once_than_allowed(fields: dict[str, Any]) -> None:
    definition = machine_of(Each=each(machine_of(A=task()), ItemsPath="$.items", **fields))
    run = Driven(definition, {"items": [1, 2, 3], "width": 2})

    assert len(run.scheduled) == 2
    assert [one.parameters for one in run.succeed(0).scheduled] == [3]


def test_an_inline_map_runs_forty_iterations_at_most() -> None:
    run = Driven(machine_of(Each=each(machine_of(A=task()))), list(range(50)))

    assert len(run.scheduled) == 40


@pytest.mark.parametrize("field", ["ItemSelector", "Parameters"])
def test_the_selector_sees_the_item_and_the_whole_input(field: str) -> None:
    selector = {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "n.$": "$.n"}
    run = Driven(
        machine_of(Each=each(machine_of(A=task()), ItemsPath="$.items", **{field: selector})), {"items": ["x"], "n": 5}
    )

    assert run.scheduled[0].parameters == {"i": 0, "v": "x", "n": 5}


def test_states_inside_an_iteration_see_its_item_in_the_context_object() -> None:
    inner = machine_of(A={"Type": "Pass", "Parameters": {"i.$": "$$.Map.Item.Index"}, "End": True})

    assert Driven(machine_of(Each=each(inner)), ["a", "b"]).output == [{"i": 0}, {"i": 1}]


def test_jsonata_items_and_selector() -> None:
    state = each(
        machine_of(A=task()),
        QueryLanguage="JSONata",
        Items="{% $states.input.n.[$, $] %}",
        ItemSelector={"v": "{% $states.context.Map.Item.Value %}"},
        Output="{% $sum($states.result) %}",
    )
    run = Driven(machine_of(Each=state), {"n": [1, 2]})
    assert [one.parameters for one in run.scheduled] == [{"v": [1, 1]}, {"v": [2, 2]}]

    assert run.succeed(4).succeed(5).output == 9


def test_no_items_give_an_empty_result() -> None:
    assert Driven(machine_of(Each=each(machine_of(A=task()))), []).output == []


def test_items_that_are_no_array_fail_at_runtime() -> None:
    run = Driven(machine_of(Each=each(machine_of(A=task()), ItemsPath="$.items")), {"items": {}})

    assert run.execution.error == "States.Runtime"


def test_one_failure_ends_the_other_iterations() -> None:
    catch = [{"ErrorEquals": ["E"], "Next": "Sorry"}]
    run = Driven(machine_of(Each=each(machine_of(A=task()), Catch=catch), Sorry={"Type": "Succeed"}), [1, 2])

    run.fail("E")

    assert CancelTask(2) in run.commands
    assert run.types[-6:] == [
        "MapIterationAborted",
        "MapStateFailed",
        "MapStateExited",
        "SucceedStateEntered",
        "SucceedStateExited",
        "ExecutionSucceeded",
    ]


def test_a_retry_runs_every_iteration_again() -> None:
    run = Driven(machine_of(Each=each(machine_of(A=task()), Retry=[{"ErrorEquals": ["E"]}])), [1, 2])
    run.succeed(0).fail("E").fire()

    assert [one.parameters for one in run.scheduled] == [1, 2]


def test_children_of_a_distributed_map_are_executions_of_their_own() -> None:
    inner = machine_of(
        A={
            "Type": "Pass",
            "Parameters": {
                "id.$": "$$.Execution.Id",
                "input.$": "$$.Execution.Input",
                "machine.$": "$$.StateMachine.Name",
            },
            "End": True,
        }
    )
    run = Driven(machine_of(Each=spread(inner, Label="parts")), ["a"])

    child = run.output[0]
    assert child["id"].startswith("arn:aws:states:us-east-1:000000000000:execution:orders/parts:")
    assert (child["input"], child["machine"]) == ("a", "orders/parts")
    assert run.types == [
        "ExecutionStarted",
        "MapStateEntered",
        "MapStateStarted",
        "MapRunStarted",
        "MapRunSucceeded",
        "MapStateSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
    ]
    assert run.execution.event_count == len(run.history)


def test_children_of_a_distributed_map_do_not_see_outer_variables() -> None:
    inner = machine_of(A={"Type": "Pass", "Parameters": {"v.$": "$v"}, "End": True})
    definition = machine_of(Set={"Type": "Pass", "Assign": {"v": 1}, "Next": "Each"}, Each=spread(inner))

    assert Driven(definition, [1]).execution.error == "States.ExceedToleratedFailureThreshold"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "FAILED"),
        ({"ToleratedFailureCount": 1}, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 34}, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 33}, "FAILED"),
        ({"ToleratedFailureCountPath": "$[0]"}, "SUCCEEDED"),
    ],
)
def test_a_distributed_map_tolerates_so_many_failures(fields: dict[str, Any], status: str) -> None:
    run = Driven(machine_of(Each=spread(machine_of(A=task()), **fields)), [1, 2, 3])
    run.fail("E", task_id=1)
    for task_id in (2, 3):
        run.succeed("ok", task_id=task_id)

    assert run.status == status
    if status == "FAILED":
        assert run.execution.error == "States.ExceedToleratedFailureThreshold"
        assert run.types[-3:] == ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]
    else:
        assert run.output == ["ok", "ok"]


def test_items_are_batched() -> None:
    batcher = {"MaxItemsPerBatch": 2, "BatchInput": {"who.$": "$.who"}}
    state = spread(machine_of(A=task()), ItemsPath="$.items", ItemBatcher=batcher)
    run = Driven(machine_of(Each=state), {"items": [1, 2, 3], "who": "me"})

    assert [one.parameters for one in run.scheduled] == [
        {"BatchInput": {"who": "me"}, "Items": [1, 2]},
        {"BatchInput": {"who": "me"}, "Items": [3]},
    ]


def test_batches_stay_below_a_size() -> None:
    batcher = {"MaxItemsPerBatch": 100, "MaxInputBytesPerBatch": 30}
    run = Driven(machine_of(Each=spread(machine_of(A=task()), ItemBatcher=batcher)), ["x" * 10] * 5)

    assert [len(one.parameters["Items"]) for one in run.scheduled] == [2, 2, 1]  # type: ignore[index,call-overload,arg-type]


def test_a_child_execution_that_never_ends_fails_alone() -> None:
    inner = machine_of(A={"Type": "Pass", "Next": "A"})
    run = Driven(machine_of(Each=spread(inner, ToleratedFailureCount=1)), [1])

    assert (run.status, run.output) == ("SUCCEEDED", [])


def test_a_thousand_items_are_fine() -> None:
    inner = machine_of(A={"Type": "Pass", "End": True})
    run = Driven(machine_of(Each=each(inner)), list(range(1000)))

    assert run.output == list(range(1000))
    assert json.loads(run.context.input) == run.output
