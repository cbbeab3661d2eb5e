"""Histories: types, order and links, as read off AWS."""

from typing import Any

from tests.unit.asl.driving import Driven, machine_of, task
from tests.unit.asl.test_maps import each
from tests.unit.asl.test_parallel import both

PASS: dict[str, Any] = {"Type": "Pass", "End": True}
FAIL: dict[str, Any] = {"Type": "Fail", "Error": "E", "Cause": "why"}


def links(run: Driven) -> list[tuple[str, int]]:
    return [(event.type, event.previous_event_id) for event in run.history]


def test_a_flow_is_a_chain_in_which_the_first_state_has_no_predecessor() -> None:
    run = Driven(machine_of(A={"Type": "Pass", "Next": "B"}, B={"Type": "Succeed"}))

    assert links(run) == [
        ("ExecutionStarted", 0),
        ("PassStateEntered", 0),
        ("PassStateExited", 2),
        ("SucceedStateEntered", 3),
        ("SucceedStateExited", 4),
        ("ExecutionSucceeded", 5),
    ]


def test_branches_are_chains_of_their_own() -> None:
    run = Driven(machine_of(Both=both(machine_of(A=PASS), machine_of(B=PASS))))

    assert links(run) == [
        ("ExecutionStarted", 0),
        ("ParallelStateEntered", 0),
        ("ParallelStateStarted", 2),
        ("PassStateEntered", 3),
        ("PassStateExited", 4),
        ("PassStateEntered", 3),
        ("PassStateExited", 6),
        ("ParallelStateSucceeded", 7),
        ("ParallelStateExited", 7),
        ("ExecutionSucceeded", 9),
    ]


def test_a_task_that_fails_its_branch_is_aborted() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Handled"}]
    run = Driven(machine_of(P=both(machine_of(A=task()), Catch=catch), Handled={"Type": "Succeed"})).fail("E")

    assert links(run)[3:] == [
        ("TaskStateEntered", 3),
        ("LambdaFunctionScheduled", 4),
        ("LambdaFunctionStarted", 5),
        ("LambdaFunctionFailed", 6),
        ("TaskStateAborted", 7),
        ("ParallelStateFailed", 7),
        ("ParallelStateExited", 9),
        ("SucceedStateEntered", 10),
        ("SucceedStateExited", 11),
        ("ExecutionSucceeded", 12),
    ]


def test_states_in_other_branches_are_aborted() -> None:
    hold = {"Type": "Wait", "Seconds": 9, "End": True}
    run = Driven(machine_of(P=both(machine_of(A=FAIL), machine_of(B=hold), machine_of(C=task()))))

    # The failure comes first: the other branches have not been entered yet.
    assert "WaitStateAborted" not in run.types

    late = machine_of(A={"Type": "Wait", "Seconds": 1, "Next": "F"}, F=FAIL)
    run = Driven(machine_of(P=both(late, machine_of(B=hold), machine_of(C=task())))).fire()

    assert run.types[-4:] == ["WaitStateAborted", "TaskStateAborted", "ParallelStateFailed", "ExecutionFailed"]


def test_a_runtime_error_in_an_iteration_ends_the_history_at_once() -> None:
    run = Driven(machine_of(M=each(machine_of(A={**PASS, "InputPath": "$.missing"}), MaxConcurrency=1)), [1, 2])

    assert links(run)[3:] == [("MapIterationStarted", 3), ("PassStateEntered", 4), ("ExecutionFailed", 5)]


def test_iterations_that_fail_are_noted() -> None:
    run = Driven(machine_of(M=each(machine_of(A=FAIL), MaxConcurrency=1)), [1, 2])

    assert links(run)[3:] == [
        ("MapIterationStarted", 3),
        ("FailStateEntered", 4),
        ("MapIterationFailed", 5),
        ("MapStateFailed", 5),
        ("ExecutionFailed", 7),
    ]


def test_a_state_whose_catcher_fails_fails_twice() -> None:
    catch = [
        {"ErrorEquals": ["Other"], "Next": "Done"},
        {"ErrorEquals": ["States.ALL"], "Output": {"v": "{% $missing %}"}, "Next": "Done"},
    ]
    definition = machine_of(P=both(machine_of(A=FAIL), Catch=catch), Done={"Type": "Succeed"})
    run = Driven({"QueryLanguage": "JSONata", **definition})

    assert run.types[-4:] == ["ParallelStateFailed", "EvaluationFailed", "ParallelStateFailed", "ExecutionFailed"]
    assert run.history[-3].details["evaluationFailedEventDetails"]["location"] == "Catch[1]/Output/v"  # type: ignore[index,call-overload]


def test_failures_name_the_choice_rule_they_come_from() -> None:
    rules = [
        {"Condition": "{% false %}", "Next": "Done"},
        {"Condition": "{% $missing %}", "Next": "Done"},
    ]
    definition = machine_of(C={"Type": "Choice", "Choices": rules}, Done={"Type": "Succeed"})
    run = Driven({"QueryLanguage": "JSONata", **definition})

    assert "'Choices[1]/Condition'" in (run.execution.cause or "")


def test_a_stopped_execution_ends_with_an_event_of_no_predecessor() -> None:
    run = Driven(machine_of(A=task())).abort()

    assert links(run)[-1] == ("ExecutionAborted", 0)
    assert run.history[-1].details == {"executionAbortedEventDetails": {"error": "Stopped", "cause": "by hand"}}


def test_payloads_in_details_are_json_text() -> None:
    run = Driven(machine_of(A={**PASS, "Assign": {"v": [1]}}), {"n": "ü"})

    assert run.history[2].details == {
        "stateExitedEventDetails": {
            "name": "A",
            "output": '{"n":"ü"}',
            "outputDetails": {"truncated": False},
            "assignedVariables": {"v": "[1]"},
            "assignedVariablesDetails": {"truncated": False},
        }
    }
