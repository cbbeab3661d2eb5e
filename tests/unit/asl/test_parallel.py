"""Parallel: branches side by side."""

from typing import Any

from tests.unit.asl.driving import Driven, machine_of, task

from expeditor.asl import CancelTask, StartTimer


def both(*branches: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Parallel", "Branches": list(branches), **({} if "Next" in fields else {"End": True}), **fields}


def test_branches_run_side_by_side_and_give_their_outputs_in_order() -> None:
    run = Driven(machine_of(Both=both(machine_of(A=task()), machine_of(B=task()), ResultPath="$.r")), {"n": 1})
    assert [one.parameters for one in run.scheduled] == [{"n": 1}, {"n": 1}]
    assert run.active == ["Both", "Both/0/A", "Both/1/B"]

    run.succeed("b", task_id=2).succeed("a", task_id=1)

    assert run.output == {"n": 1, "r": ["a", "b"]}


def test_the_first_failure_ends_the_other_branches() -> None:
    catch = [{"ErrorEquals": ["E"], "Next": "Sorry"}]
    run = Driven(machine_of(Both=both(machine_of(A=task()), machine_of(B=task()), Catch=catch), Sorry=task()))

    run.fail("E", "why", task_id=1)

    assert run.commands[0] == CancelTask(2)
    assert run.scheduled[0].parameters == {"Error": "E", "Cause": "why"}
    assert run.types[-5:] == [
        "ParallelStateFailed",
        "ParallelStateExited",
        "TaskStateEntered",
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
    ]
    assert run.succeed({}, task_id=2).commands == []


def test_a_retry_runs_every_branch_again() -> None:
    run = Driven(machine_of(Both=both(machine_of(A=task()), machine_of(B=task()), Retry=[{"ErrorEquals": ["E"]}])))
    run.succeed("a", task_id=1).fail("E", task_id=2)
    assert run.commands == [StartTimer(1, 1001.0)]

    run.fire()

    assert len(run.scheduled) == 2
    assert run.types.count("ParallelStateStarted") == 2
    assert "ParallelStateFailed" not in run.types


def test_branches_see_outer_variables_and_keep_their_own() -> None:
    inner = machine_of(
        A={"Type": "Pass", "Assign": {"mine": 2}, "Next": "B"},
        B={"Type": "Pass", "Parameters": {"sum.$": "States.MathAdd($outer, $mine)"}, "End": True},
    )
    definition = machine_of(
        Set={"Type": "Pass", "Assign": {"outer": 1}, "Next": "Both"},
        Both=both(inner, Next="Read"),
        Read={"Type": "Pass", "Parameters": {"gone.$": "$mine"}, "End": True},
    )

    run = Driven(definition)

    assert '"sum":3' in str(run.history)
    assert run.execution.error == "States.Runtime"


def test_a_runtime_error_inside_a_branch_is_past_catching() -> None:
    broken = machine_of(A={"Type": "Pass", "InputPath": "$.missing", "End": True})
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Sorry"}]
    run = Driven(machine_of(Both=both(broken, Catch=catch), Sorry=task()))

    assert (run.status, run.execution.error) == ("FAILED", "States.Runtime")
    assert "ParallelStateFailed" not in run.types


def test_jsonata_branches_get_the_arguments() -> None:
    state = both(machine_of(A=task()), QueryLanguage="JSONata", Arguments={"m": "{% $states.input.n %}"})
    run = Driven(machine_of(Both=state), {"n": 1})

    assert run.scheduled[0].parameters == {"m": 1}
    assert run.succeed(5).output == [5]
