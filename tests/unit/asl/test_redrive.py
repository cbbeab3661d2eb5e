"""RedriveExecution: go on where an execution failed."""

from tests.unit.asl.driving import Driven, machine_of, task
from tests.unit.asl.test_maps import each, spread
from tests.unit.asl.test_parallel import both


def test_the_failed_task_is_tried_again_with_the_same_input() -> None:
    run = Driven(machine_of(A=task(Next="B"), B=task(Parameters={"n.$": "$$.Execution.RedriveCount"})))
    run.succeed({}).fail("E")

    run.redrive()

    assert (run.status, run.execution.error, run.execution.redrive_count) == ("RUNNING", None, 1)
    assert run.scheduled[0].parameters == {"n": 1}
    assert run.succeed("done").output == "done"
    assert run.path == ["A", "B"]
    assert run.types.count("ExecutionRedriven") == 1


def test_retries_are_counted_anew() -> None:
    run = Driven(machine_of(A=task(Retry=[{"ErrorEquals": ["E"], "MaxAttempts": 1}])))
    run.fail("E").fire().fail("E")

    assert run.redrive().fail("E").timers


def test_only_unsuccessful_branches_run_again() -> None:
    run = Driven(machine_of(Both=both(machine_of(A=task()), machine_of(B=task()), machine_of(C=task()))))
    run.succeed("a", task_id=1).fail("E", task_id=2)

    run.redrive()

    assert run.active == ["Both", "Both/1/B", "Both/2/C"]
    assert run.succeed("b").succeed("c").output == ["a", "b", "c"]


def test_only_unsuccessful_iterations_run_again() -> None:
    run = Driven(machine_of(Each=each(machine_of(A=task()), MaxConcurrency=1)), [1, 2, 3])
    run.succeed("a").fail("E")

    run.redrive()

    assert [one.parameters for one in run.scheduled] == [2]
    assert run.succeed("b").succeed("c").output == ["a", "b", "c"]


def test_a_map_run_goes_on() -> None:
    run = Driven(machine_of(Each=spread(machine_of(A=task()))), [1, 2])
    run.succeed("a", task_id=1).fail("E", task_id=2)

    assert run.redrive().succeed("b").output == ["a", "b"]
    assert "MapRunRedriven" in run.types


def test_an_aborted_wait_begins_anew() -> None:
    run = Driven(machine_of(Hold={"Type": "Wait", "Seconds": 60, "End": True}))
    run.abort()

    assert run.redrive().timers
    assert run.fire().status == "SUCCEEDED"


def test_what_succeeded_or_runs_is_not_redriven() -> None:
    run = Driven(machine_of(A=task()))
    assert run.redrive().commands == []

    assert run.succeed({}).redrive().commands == []
    assert run.status == "SUCCEEDED"


def test_a_branch_that_never_began_is_entered_first() -> None:
    run = Driven(machine_of(Both=both(machine_of(A={"Type": "Fail", "Error": "E"}), machine_of(B=task()))))
    assert run.status == "FAILED"

    run.redrive()

    entered = [event.details["stateEnteredEventDetails"]["name"] for event in run.history if "Entered" in event.type]
    assert entered == ["Both", "A", "A"]
    assert "LambdaFunctionScheduled" not in run.types


UNFIT = task(Parameters={"n.$": "$.missing"})


def test_a_branch_that_fails_again_at_once_keeps_the_others_from_going_on() -> None:
    run = Driven(machine_of(Both=both(machine_of(A=UNFIT), machine_of(B=task()))))

    run.redrive()

    assert (run.types[-2:], run.scheduled) == (["ExecutionRedriven", "ExecutionFailed"], [])


def test_an_iteration_that_fails_again_at_once_keeps_the_others_from_going_on() -> None:
    run = Driven(machine_of(Each=each(machine_of(A=UNFIT))), [{"missing": 1}, {}, {"missing": 3}])

    run.redrive()

    assert run.types[-1] == "ExecutionFailed"
    assert run.types.count("ExecutionFailed") == 2
    assert [one.parameters for one in run.scheduled] == [{"n": 1}]
    assert not run.execution.tasks
