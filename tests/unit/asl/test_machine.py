"""How executions move: transitions, data flow, waits, ends, and what they ignore."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.asl.driving import SEED, Driven, machine_of, task

from expeditor.asl import (
    CancelTask,
    CancelTimer,
    CloseExecution,
    Execution,
    ExecutionStarted,
    StartTimer,
    TimerFired,
    advance,
    compile_definition,
)

PASS: dict[str, Any] = {"Type": "Pass", "End": True}


def wait(**fields: Any) -> dict[str, Any]:
    return machine_of(Hold={"Type": "Wait", "End": True, **fields})


def test_pass_hands_its_input_on() -> None:
    run = Driven(machine_of(A={"Type": "Pass", "Next": "B"}, B=PASS), {"n": 1})

    assert (run.status, run.output, run.path) == ("SUCCEEDED", {"n": 1}, ["A", "B"])
    assert run.commands == [CloseExecution(run.execution.status, output=b'{"n":1}')]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"Result": {"x": 1}}, {"x": 1}),
        ({"Result": {"x": 1}, "ResultPath": "$.r"}, {"a": {"b": 2}, "r": {"x": 1}}),
        ({"Result": None}, None),
        ({"Result": {"x": 1}, "ResultPath": None}, {"a": {"b": 2}}),
        ({"InputPath": "$.a"}, {"b": 2}),
        ({"InputPath": None}, {}),
        ({"OutputPath": "$.a.b"}, 2),
        ({"OutputPath": None}, {}),
        ({"Parameters": {"c.$": "$.a.b", "d": 3}}, {"c": 2, "d": 3}),
        ({"InputPath": "$.a", "Parameters": {"c.$": "$.b"}, "ResultPath": "$.r"}, {"a": {"b": 2}, "r": {"c": 2}}),
        ({"Parameters": {"id.$": "$$.Execution.Name", "state.$": "$$.State.Name"}}, {"id": "o-1", "state": "A"}),
    ],
)
def test_jsonpath_data_flow_of_pass(fields: dict[str, Any], expected: Any) -> None:
    run = Driven(machine_of(A={**PASS, **fields}), {"a": {"b": 2}})

    assert run.output == expected


def test_result_path_leaves_the_input_of_earlier_states_alone() -> None:
    definition = machine_of(
        A={"Type": "Pass", "Parameters": {"kept.$": "$"}, "ResultPath": "$.copy", "Next": "B"},
        B={**PASS, "Result": 9, "ResultPath": "$.copy.kept.n"},
    )

    assert Driven(definition, {"n": 1}).output == {"n": 1, "copy": {"kept": {"n": 9}}}


def test_succeed_ends_the_flow_with_what_its_output_path_selects() -> None:
    run = Driven(machine_of(Done={"Type": "Succeed", "OutputPath": "$.n"}), {"n": 1})

    assert run.output == 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (None, None)),
        ({"Error": "E", "Cause": "C"}, ("E", "C")),
        ({"ErrorPath": "$.e", "CausePath": "States.Format('{}!', $.c)"}, ("Late", "sorry!")),
        ({"QueryLanguage": "JSONata", "Error": "{% $states.input.e %}", "Cause": "no"}, ("Late", "no")),
    ],
)
def test_fail_names_its_error_and_cause(fields: dict[str, Any], expected: tuple[str | None, str | None]) -> None:
    run = Driven(machine_of(Bad={"Type": "Fail", **fields}), {"e": "Late", "c": "sorry"})

    assert run.status == "FAILED"
    assert (run.execution.error, run.execution.cause) == expected


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"Seconds": 5}, 5),
        ({"SecondsPath": "$.delay"}, 7),
        ({"Timestamp": "1970-01-01T00:20:00Z"}, 200),
        ({"TimestampPath": "$.at"}, 201.5),
        ({"QueryLanguage": "JSONata", "Seconds": "{% $states.input.delay * 2 %}"}, 14),
        ({"QueryLanguage": "JSONata", "Timestamp": "{% $states.input.at %}"}, 201.5),
    ],
)
def test_wait_starts_a_timer_and_goes_on_when_it_fires(fields: dict[str, Any], seconds: float) -> None:
    run = Driven(wait(**fields), {"delay": 7, "at": "1970-01-01T01:20:01.500+01:00"})

    assert run.commands == [StartTimer(1, 1000.0 + seconds)]
    assert run.active == ["Hold"]
    assert run.fire().status == "SUCCEEDED"


@pytest.mark.parametrize("fields", [{"Seconds": 0}, {"Timestamp": "1970-01-01T00:00:01Z"}])
def test_wait_for_the_past_takes_no_time(fields: dict[str, Any]) -> None:
    assert Driven(wait(**fields)).status == "SUCCEEDED"


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"SecondsPath": "$.s"}, "The SecondsPath parameter cannot be parsed as a long value: $.s == 1.5"),
        (
            {"TimestampPath": "$.t"},
            (
                "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format "
                "string: $.t == 2016-12-05T21:29:29"
            ),
        ),
    ],
)
def test_wait_for_nonsense_fails_at_runtime(fields: dict[str, Any], cause: str) -> None:
    run = Driven(wait(**fields), {"s": 1.5, "t": "2016-12-05T21:29:29"})

    assert run.execution.error == "States.Runtime"
    assert run.execution.cause == (
        f"An error occurred while executing the state 'Hold' (entered at the event id #2). {cause}"
    )


def choice(**fields: Any) -> dict[str, Any]:
    return machine_of(
        Which={"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericGreaterThan": 5, "Next": "Big"}], **fields},
        Big=PASS,
        Small=PASS,
    )


@pytest.mark.parametrize(("n", "name"), [(6, "Big"), (5, "Small")])
def test_choice_takes_the_first_rule_that_matches_else_the_default(n: int, name: str) -> None:
    assert Driven(choice(Default="Small"), {"n": n}).path == ["Which", name]


def test_choice_without_match_and_default_fails() -> None:
    definition = choice()
    del definition["States"]["Small"]

    run = Driven(definition, {"n": 1})

    assert run.execution.error == "States.Runtime"
    assert (run.execution.cause or "").endswith("The state does not point to a next state.")


def test_jsonata_choice_writes_output_and_variables_of_its_rule() -> None:
    rule = {"Condition": "{% $states.input.n > 5 %}", "Next": "Big", "Assign": {"v": "rule"}, "Output": {"o": 1}}
    definition = {
        "QueryLanguage": "JSONata",
        **machine_of(
            Which={"Type": "Choice", "Choices": [rule], "Default": "Small", "Assign": {"v": "none"}},
            Big={"Type": "Pass", "Output": {"v": "{% $v %}", "in": "{% $states.input %}"}, "End": True},
            Small={"Type": "Pass", "Output": "{% $v %}", "End": True},
        ),
    }

    assert Driven(definition, {"n": 6}).output == {"v": "rule", "in": {"o": 1}}
    assert Driven(definition, {"n": 1}).output == "none"


def test_jsonata_condition_must_be_boolean() -> None:
    definition = {
        "QueryLanguage": "JSONata",
        **machine_of(Which={"Type": "Choice", "Choices": [{"Condition": "{% 1 %}", "Next": "Big"}]}, Big=PASS),
    }

    assert Driven(definition).execution.error == "States.QueryEvaluationError"


def test_variables_are_assigned_from_the_values_before_the_state() -> None:
    definition = machine_of(
        A={"Type": "Pass", "Assign": {"x": 1, "y": 2}, "Next": "B"},
        B={"Type": "Pass", "Assign": {"x.$": "$y", "y.$": "$x"}, "Next": "C"},
        C={**PASS, "Parameters": {"x.$": "$x", "y.$": "$y"}},
    )

    assert Driven(definition).output == {"x": 2, "y": 1}


def test_output_beyond_the_quota_fails_the_state() -> None:
    run = Driven(machine_of(A={**PASS, "Parameters": {"twice.$": "States.Array($.s, $.s)"}}), {"s": "x" * 200_000})

    assert run.execution.error == "States.DataLimitExceeded"


def test_variables_beyond_the_quota_fail_the_state() -> None:
    grow = {"Type": "Pass", "Assign": {"v.$": "States.Array($.s, $.s)"}, "End": True}

    assert Driven(machine_of(A=grow), {"s": "x" * 200_000}).execution.error == "States.DataLimitExceeded"


def test_an_execution_that_takes_too_long_times_out() -> None:
    run = Driven({**machine_of(A=task()), "TimeoutSeconds": 30})

    run.fire()

    assert run.now == 1030.0
    assert run.commands == [CancelTask(1), CloseExecution(run.execution.status)]
    assert (run.status, run.types[-1]) == ("TIMED_OUT", "ExecutionTimedOut")


def test_an_aborted_execution_cancels_what_is_under_way() -> None:
    branches = [machine_of(A=task()), machine_of(B={"Type": "Wait", "Seconds": 60, "End": True})]
    run = Driven(machine_of(Both={"Type": "Parallel", "Branches": branches, "End": True}))

    run.abort()

    assert run.commands == [
        CancelTask(1),
        CancelTimer(1),
        CloseExecution(run.execution.status, error="Stopped", cause="by hand"),
    ]
    assert run.execution.pending_tasks == []
    assert run.execution.pending_timers == []
    assert run.active == []


def test_events_that_no_longer_matter_change_nothing() -> None:
    run = Driven(machine_of(A=task(Next="B"), B={"Type": "Wait", "Seconds": 9, "End": True}))
    run.succeed({})
    count = run.execution.event_count

    for event in (*run.journal, TimerFired(1001.0, SEED, 77)):
        assert run.send(event).commands == []
    assert run.execution.event_count == count
    assert run.active == ["B"]

    run.fire()
    assert run.abort().commands == []
    assert run.status == "SUCCEEDED"


def test_an_execution_without_end_fails_when_its_history_is_full() -> None:
    run = Driven(machine_of(A={"Type": "Pass", "Next": "A"}))

    assert (run.execution.error, run.execution.event_count) == ("States.Runtime", 25_000)
    assert run.execution.cause == "The execution reached the maximum number of history events (25000)."
    assert (run.history[-1].id, run.history[-1].type) == (25_000, "ExecutionFailed")


def test_an_express_execution_without_end_ends_too() -> None:
    context = replace(Driven(machine_of(A=PASS)).context, history_events_max=None)
    execution = Execution.new(context)
    machine = compile_definition(json.dumps(machine_of(A={"Type": "Pass", "Next": "A"})))

    advance(machine, execution, ExecutionStarted(1000.0, SEED))

    assert (execution.status, execution.error) == ("FAILED", "States.Runtime")


LIVELY = machine_of(
    Each={
        "Type": "Map",
        "ItemsPath": "$.items",
        "MaxConcurrency": 2,
        "ItemProcessor": machine_of(
            Try=task(
                TimeoutSeconds=5,
                Retry=[{"ErrorEquals": ["Again"], "JitterStrategy": "FULL"}],
                Catch=[{"ErrorEquals": ["Odd"], "Next": "Rest"}],
                Next="Rest",
            ),
            Rest={"Type": "Wait", "Seconds": 3, "End": True},
        ),
        "Next": "Both",
    },
    Both={
        "Type": "Parallel",
        "Branches": [machine_of(L=task()), machine_of(R=task())],
        "Retry": [{"ErrorEquals": ["Again"]}],
        "End": True,
    },
)


@given(st.lists(st.sampled_from(["succeed", "Again", "Odd", "fire"]), max_size=40))
def test_replaying_the_journal_gives_the_same_execution_with_and_without_history(moves: list[str]) -> None:
    run = Driven(LIVELY, {"items": [1, 2, 3]})
    for move in moves:
        if move == "fire" and run.execution.pending_timers:
            run.fire()
        elif move == "succeed" and run.execution.pending_tasks:
            run.succeed({"ok": True})
        elif move in ("Again", "Odd") and run.execution.pending_tasks:
            run.fail(move)

    again = Execution.new(run.context)
    for event in run.journal:
        advance(run.machine, again, event)

    assert again.pending_tasks == run.execution.pending_tasks
    assert again.pending_timers == run.execution.pending_timers
    assert (again.status, again.output, again.event_count) == (
        run.execution.status,
        run.execution.output,
        run.execution.event_count,
    )
    assert [event.id for event in run.history] == list(range(1, again.event_count + 1))
    assert all(event.previous_event_id < event.id for event in run.history)
