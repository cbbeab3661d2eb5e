"""One state alone: how it ends, and what is seen of its data flow."""

import json
from typing import Any

import pytest
from tests.unit.asl.driving import SEED, machine_of, task

from expeditor.asl import (
    DefinitionError,
    ExecutionContext,
    Failure,
    SingleState,
    StateReport,
    TaskFailed,
    TimerFired,
    Trial,
    TrialStatus,
    compile_single_state,
)
from expeditor.errors import ServiceError

BUSY = {"ErrorEquals": ["Busy"], "IntervalSeconds": 3, "MaxAttempts": 2}
ANY = {"ErrorEquals": ["States.ALL"], "Next": "Rescue"}


def context_of(payload: Any) -> ExecutionContext:
    return ExecutionContext(
        execution_arn="arn:aws:states:us-east-1:000000000000:express:machine:run",
        execution_name="run",
        role_arn="arn:aws:iam::000000000000:role/orders",
        started_at=1000.0,
        state_machine_arn="arn:aws:states:us-east-1:000000000000:stateMachine:machine",
        state_machine_name="machine",
        input=json.dumps({} if payload is None else payload).encode(),
    )


def tried(definition: dict[str, Any], payload: Any = None, name: str | None = None, **trial: Any) -> StateReport:
    """The end of the state, whose task must need no outcome from outside."""
    state = SingleState(compile_single_state(json.dumps(definition), name), Trial(context=context_of(payload), **trial))
    assert state.begin(1000.0, SEED) is None
    return state.report(1000.0)


def test_state_of_a_machine_is_found_inside_branches_and_items() -> None:
    inner = machine_of(Deep={"Type": "Pass", "Result": 7, "End": True})
    branches = {"Type": "Parallel", "Branches": [inner], "End": True}
    machine = machine_of(All={"Type": "Map", "ItemProcessor": machine_of(Both=branches), "End": True})

    assert tried(machine, name="Deep").output == 7
    with pytest.raises(KeyError):
        compile_single_state(json.dumps(machine), "Deeper")


def test_definition_of_one_state_may_name_states_that_are_not_there() -> None:
    choices = [{"Variable": "$.a", "IsPresent": True, "Next": "Yes"}]
    choice = {"Type": "Choice", "Choices": choices, "Default": "No"}

    assert tried(choice, {"a": 1}).next_state == "Yes"
    assert tried(choice).next_state == "No"


def test_wrong_definition_is_refused_at_its_place() -> None:
    with pytest.raises(DefinitionError, match="/States/StateName"):
        compile_single_state('{"Type": "Pass"}')
    with pytest.raises(DefinitionError, match="INVALID_JSON"):
        compile_single_state("{")
    with pytest.raises(DefinitionError, match="must be a JSON object"):
        compile_single_state("[]")


def test_state_that_goes_to_itself_is_left_once() -> None:
    report = tried({"Type": "Pass", "Next": "StateName"})

    assert (report.status, report.next_state) == (TrialStatus.SUCCEEDED, "StateName")


def test_every_step_of_the_data_flow_is_seen() -> None:
    report = tried(
        task(
            InputPath="$.order",
            Parameters={"id.$": "$.id"},
            ResultSelector={"total.$": "$.sum"},
            ResultPath="$.price",
            OutputPath="$.price.total",
        ),
        {"order": {"id": 1}},
        outcome=b'{"sum": 9, "more": true}',
    )

    assert report.output == 9
    assert report.inspection == {
        "input": {"order": {"id": 1}},
        "afterInputPath": {"id": 1},
        "afterParameters": {"id": 1},
        "result": {"sum": 9, "more": True},
        "afterResultSelector": {"total": 9},
        "afterResultPath": {"order": {"id": 1}, "price": {"total": 9}},
    }


def test_result_path_of_null_keeps_the_input() -> None:
    report = tried(task(ResultPath=None), {"a": 1}, outcome=b"7")

    assert report.output == report.inspection["afterResultPath"] == {"a": 1}


def test_variables_are_given_and_assigned() -> None:
    state = {"Type": "Pass", "QueryLanguage": "JSONata", "Assign": {"b": "{% $a + 1 %}"}, "End": True}

    assert tried(state, variables={"a": 1}).inspection["variables"] == {"a": 1, "b": 2}


def test_retry_names_its_place_and_delay() -> None:
    state = task(Retry=[{"ErrorEquals": ["Else"]}, BUSY], Catch=[ANY])
    failure = Failure("Busy", "later")

    first, second, third = (tried(state, outcome=failure, retry_count=count) for count in (0, 1, 2))

    assert [first.status, second.status, third.status] == [TrialStatus.RETRIABLE] * 2 + [TrialStatus.CAUGHT_ERROR]
    assert first.inspection["errorDetails"] == {"retryIndex": 1, "retryBackoffIntervalSeconds": 3}
    assert second.inspection["errorDetails"] == {"retryIndex": 1, "retryBackoffIntervalSeconds": 6}
    assert third.inspection["errorDetails"] == {"catchIndex": 0}
    assert (third.error, third.cause, third.next_state) == ("Busy", "later", "Rescue")


def test_failed_expression_is_a_failure_like_any_other() -> None:
    state = {
        **task(QueryLanguage="JSONata", Arguments="{% $nope() %}"),
        "Retry": [{"ErrorEquals": ["States.QueryEvaluationError"]}],
    }

    report = tried(state, outcome=b"1")

    assert (report.status, report.error) == (TrialStatus.RETRIABLE, "States.QueryEvaluationError")
    assert str(report.cause).startswith("An error occurred while executing the state 'StateName' (entered at the event")


def test_context_object_is_taken_as_given() -> None:
    state = {**task(Parameters={"token.$": "$$.Task.Token", "name.$": "$$.State.Name"})}

    report = tried(state, outcome=b"1", context_object={"Task": {"Token": "t"}, "State": {"Name": "Mine"}})

    assert report.inspection["afterParameters"] == {"token": "t", "name": "Mine"}


def test_fields_of_a_map_are_seen() -> None:
    state = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemSelector": {"n.$": "$$.Map.Item.Value", "all.$": "$.items"},
        "ItemBatcher": {"MaxItemsPerBatch": 2},
        "MaxConcurrency": 4,
        "ToleratedFailurePercentage": 50,
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
        | machine_of(Each={"Type": "Pass", "End": True}),
        "End": True,
    }

    seen = tried(state, {"items": [1, 2, 3]}, outcome=b"[1]").inspection

    items = [{"n": number, "all": [1, 2, 3]} for number in (1, 2, 3)]
    assert seen["afterItemsPath"] == [1, 2, 3]
    assert seen["afterItemSelector"] == items
    assert seen["afterItemBatcher"] == [{"Items": items[:2]}, {"Items": items[2:]}]
    assert (seen["maxConcurrency"], seen["toleratedFailurePercentage"]) == (4, 50.0)
    assert tried(state, {"items": [1, 2, 3]}, outcome=b"[1]", failed_items=1).status is TrialStatus.SUCCEEDED
    assert tried(state, {"items": [1, 2, 3]}, outcome=b"[1]", failed_items=2).status is TrialStatus.FAILED
    with pytest.raises(ServiceError, match="4 > 3"):
        tried(state, {"items": [1, 2, 3]}, outcome=b"[1]", failed_items=4)


def test_dataset_is_read_as_its_reader_says() -> None:
    state = {
        "Type": "Map",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
        },
        "ItemSelector": {"id.$": "$$.Map.Item.Value.id"},
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
        | machine_of(Each={"Type": "Pass", "End": True}),
        "End": True,
    }

    assert tried(state, outcome=b"[]", dataset=b"id\n1\n2\n").inspection["afterItemSelector"] == [
        {"id": "1"},
        {"id": "2"},
    ]


def test_task_without_outcome_asks_for_one() -> None:
    state = SingleState(
        compile_single_state(json.dumps(task(TimeoutSeconds=9, Catch=[ANY]))), Trial(context=context_of({"a": 1}))
    )

    asked = state.begin(1000.0, SEED)

    assert asked is not None
    assert asked.parameters == {"a": 1}
    [(timer_id, due_at)] = state.timeouts.items()
    assert due_at == 1009.0
    state.hand(TimerFired(1009.0, SEED, timer_id))
    state.hand(TaskFailed(1010.0, SEED, asked.task_id, "Late", None))
    assert (state.report(1010.0).status, state.report(1010.0).error) == (TrialStatus.CAUGHT_ERROR, "States.Timeout")


def test_wait_is_through_at_once() -> None:
    assert tried({"Type": "Wait", "Seconds": 604800, "Next": "B"}, {"a": 1}).output == {"a": 1}
