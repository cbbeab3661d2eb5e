"""Task: tries, retriers, catchers, time-outs, tokens, activities."""

import re
from typing import Any

import msgspec
import pytest
from tests.unit.asl.driving import FUNCTION, SEED, Driven, machine_of, task

from expeditor.asl import CancelTask, CancelTimer, ScheduleTask, StartTimer, TaskSucceeded
from expeditor.payloads import decode

ACTIVITY = "arn:aws:states:us-east-1:000000000000:activity:pack"
CALLBACK = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"


def details(run: Driven, kind: str) -> Any:
    event = next(one for one in run.history if one.type == kind)
    return next(iter(event.details.values()), None)


def test_a_task_gets_its_parameters_and_its_result_is_placed() -> None:
    run = Driven(
        machine_of(A=task(Parameters={"id.$": "$.id"}, ResultSelector={"v.$": "$.value"}, ResultPath="$.r")),
        {"id": 7},
    )

    assert run.commands == [ScheduleTask(1, FUNCTION, {"id": 7})]
    assert run.succeed({"value": 3, "more": 4}).output == {"id": 7, "r": {"v": 3}}


def test_a_jsonata_task_takes_arguments_and_gives_output() -> None:
    state = task(
        QueryLanguage="JSONata",
        Arguments={"id": "{% $states.input.id %}"},
        Assign={"seen": "{% $states.result.value %}"},
        Output={"sum": "{% $states.input.id + $states.result.value %}"},
    )

    run = Driven(machine_of(A=state), {"id": 7})

    assert run.scheduled[0].parameters == {"id": 7}
    assert run.succeed({"value": 3}).output == {"sum": 10}
    assert details(run, "TaskStateExited")["assignedVariables"] == {"seen": "3"}


def test_a_task_that_exhausts_its_retries_goes_to_the_catcher() -> None:
    retry = [{"ErrorEquals": ["Card.Declined"], "IntervalSeconds": 2, "MaxAttempts": 2, "BackoffRate": 3}]
    catch = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Refund"}]
    run = Driven(machine_of(Charge=task(Retry=retry, Catch=catch), Refund=task()), {"id": 1})

    delays = []
    for _ in range(2):
        run.fail("Card.Declined")
        delays.append(run.timers[0].due_at - run.now)
        run.fire()
    run.fail("Card.Declined", "no money")

    assert delays == [2, 6]
    assert run.path == ["Charge", "Refund"]
    assert run.scheduled[0].parameters == {"id": 1, "error": {"Error": "Card.Declined", "Cause": "no money"}}


def test_the_retry_count_is_in_the_context_object() -> None:
    run = Driven(machine_of(A=task(Parameters={"n.$": "$$.State.RetryCount"}, Retry=[{"ErrorEquals": ["E"]}])))

    assert run.scheduled[0].parameters == {"n": 0}
    assert run.fail("E").fire().scheduled[0].parameters == {"n": 1}
    assert run.execution.active_states[0].retry_count == 1


def test_retries_start_anew_when_the_state_is_entered_again() -> None:
    retry = [{"ErrorEquals": ["E"], "MaxAttempts": 1}]
    run = Driven(machine_of(A=task(Retry=retry, Next="A")))

    run.fail("E").fire().succeed({}).fail("E")

    assert run.timers


def test_a_catcher_keeps_the_error_in_jsonata_too() -> None:
    catch = [
        {
            "ErrorEquals": ["E"],
            "Assign": {"e": "{% $states.errorOutput.Error %}"},
            "Output": {"in": "{% $states.input %}"},
            "Next": "B",
        }
    ]
    state = task(QueryLanguage="JSONata", Catch=catch)
    run = Driven(
        machine_of(A=state, B={"Type": "Pass", "Parameters": {"e.$": "$e", "got.$": "$"}, "End": True}), {"n": 1}
    )

    assert run.fail("E").output == {"e": "E", "got": {"in": {"n": 1}}}


@pytest.mark.parametrize("error", ["States.Runtime", "Other"])
def test_what_no_catcher_meets_fails_the_execution(error: str) -> None:
    catch = [{"ErrorEquals": ["E"], "Next": "B"}]
    run = Driven(machine_of(A=task(Catch=catch), B={"Type": "Succeed"}))

    run.fail(error)

    assert (run.status, run.execution.error, run.execution.cause) == ("FAILED", error, "why")


def test_states_all_does_not_catch_runtime_errors() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "B"}]
    run = Driven(machine_of(A=task(Parameters={"x.$": "$.missing"}, Catch=catch), B={"Type": "Succeed"}))

    assert (run.status, run.execution.error) == ("FAILED", "States.Runtime")


def test_a_failed_evaluation_in_jsonata_can_be_caught_and_is_noted() -> None:
    catch = [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "B"}]
    state = task(QueryLanguage="JSONata", Arguments="{% $missing %}", Catch=catch)
    run = Driven(machine_of(A=state, B={"Type": "Succeed"}))

    assert run.path == ["A", "B"]
    assert details(run, "EvaluationFailed")["location"] == "Arguments"


def test_a_catcher_whose_output_fails_fails_the_execution() -> None:
    catch = [{"ErrorEquals": ["E"], "Output": "{% $missing %}", "Next": "B"}]
    run = Driven(machine_of(A=task(QueryLanguage="JSONata", Catch=catch), B={"Type": "Succeed"}))

    assert run.fail("E").execution.error == "States.QueryEvaluationError"


@pytest.mark.parametrize("fields", [{"TimeoutSeconds": 5}, {"TimeoutSecondsPath": "$.limit"}])
def test_a_task_that_takes_too_long_times_out(fields: dict[str, Any]) -> None:
    run = Driven(machine_of(A=task(**fields)), {"limit": 5})
    assert run.commands == [ScheduleTask(1, FUNCTION, {"limit": 5}), StartTimer(1, 1005.0)]

    run.fire()

    assert run.commands[0] == CancelTask(1)
    assert (run.execution.error, run.execution.cause) == ("States.Timeout", None)
    assert details(run, "LambdaFunctionScheduled")["timeoutInSeconds"] == 5
    assert details(run, "LambdaFunctionTimedOut") == {"error": "States.Timeout"}


def test_a_result_in_time_cancels_the_timer() -> None:
    run = Driven(machine_of(A=task(TimeoutSeconds=5))).succeed({})

    assert CancelTimer(1) in run.commands


def test_a_missed_heartbeat_is_a_timeout_of_its_own_name() -> None:
    state = task(
        Resource=CALLBACK,
        HeartbeatSeconds=10,
        Parameters={"token.$": "$$.Task.Token"},
        Catch=[{"ErrorEquals": ["States.Timeout"], "Next": "Late"}],
    )
    run = Driven(machine_of(A=state, Late={"Type": "Succeed"}), token_prefix="x/")
    command = run.scheduled[0]

    assert (command.heartbeat_seconds, command.heartbeat_timer_id) == (10, 1)
    assert command.parameters == {"token": command.token}
    assert command.token is not None
    assert re.fullmatch(r"x/1\.[0-9a-f]{64}", command.token)
    assert run.fire().output == {"Error": "States.HeartbeatTimeout", "Cause": ""}


def test_time_outs_of_an_activity_count_from_when_a_worker_takes_it_up() -> None:
    run = Driven(machine_of(A=task(Resource=ACTIVITY, TimeoutSeconds=60, HeartbeatSeconds=10)))
    assert [type(one) for one in run.commands] == [ScheduleTask]

    run.take_up()

    assert sorted(timer.due_at for timer in run.timers) == [1010.0, 1060.0]
    assert run.succeed({}).types[2:6] == [
        "ActivityScheduled",
        "ActivityStarted",
        "ActivitySucceeded",
        "TaskStateExited",
    ]


def test_a_result_beyond_the_quota_is_a_failure_of_the_task() -> None:
    catch = [{"ErrorEquals": ["States.DataLimitExceeded"], "Next": "B"}]
    run = Driven(machine_of(A=task(Catch=catch), B={"Type": "Succeed"})).succeed("x" * 262_143)

    assert details(run, "LambdaFunctionFailed")["error"] == "States.DataLimitExceeded"
    assert run.path == ["A", "B"]


def test_a_result_that_is_not_json_fails_the_execution() -> None:
    run = Driven(machine_of(A=task()))

    run.send(TaskSucceeded(run.now, SEED, 1, b"{"))

    assert (run.status, run.execution.error) == ("FAILED", "States.Runtime")


def test_a_result_nested_as_deep_as_can_be_read_does_no_harm() -> None:
    grow = {"Type": "Pass", "Parameters": {"a": {"b.$": "$"}}, "Next": "Grow"}
    run = Driven(machine_of(A=task(Next="Grow"), Grow=grow))
    depth = next(depth for depth in range(100, 100_000, 100) if not _can_read(depth)) - 100

    run.send(TaskSucceeded(run.now, SEED, 1, b"[" * depth + b"]" * depth))

    assert (run.status, run.execution.error) == ("FAILED", "States.Runtime")


def _can_read(depth: int) -> bool:
    try:
        decode(b"[" * depth + b"]" * depth)
    except msgspec.DecodeError:
        return False
    return True


def test_credentials_are_evaluated_and_handed_on() -> None:
    run = Driven(machine_of(A=task(Credentials={"RoleArn.$": "$.role"})), {"role": "r"})

    assert run.scheduled[0].credentials == {"RoleArn": "r"}
    assert details(run, "LambdaFunctionScheduled")["taskCredentials"] == {"roleArn": "r"}


@pytest.mark.parametrize(
    ("resource", "service", "action"),
    [
        ("arn:aws:states:::lambda:invoke", "lambda", "invoke"),
        ("arn:aws:states:::aws-sdk:sfn:sendTaskSuccess", "aws-sdk:sfn", "sendTaskSuccess"),
        ("arn:aws:states:::states:startExecution.sync:2", "states", "startExecution.sync:2"),
    ],
)
def test_integrations_are_named_in_the_history_as_aws_does(resource: str, service: str, action: str) -> None:
    run = Driven(machine_of(A=task(Resource=resource))).succeed({})

    assert run.types[2:5] == ["TaskScheduled", "TaskStarted", "TaskSucceeded"]
    assert details(run, "TaskStarted") == {"resource": action, "resourceType": service}
