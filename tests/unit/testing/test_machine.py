"""Machines under test: kinds of tasks, sequences, seeds."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from expeditor.testing import MachineTestError, StuckExecutionError, TestedMachine, UnmockedTaskError, fails, returns

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function"


def machine_of(**states: Any) -> TestedMachine:
    return TestedMachine({"StartAt": next(iter(states)), "States": states})


def task(resource: str, **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": resource, "End": True, **fields}


def test_last_answer_holds_for_all_further_tries() -> None:
    machine = machine_of(Work=task("arn:aws:states:::sns:publish", Retry=[{"ErrorEquals": ["States.ALL"]}]))
    machine.mock("sns:publish", fails("First"), fails("Rest"))

    execution = machine.run()

    execution.assert_failed("Rest")
    assert execution.attempts("Work") == 4


def test_every_run_begins_with_the_first_answer() -> None:
    machine = machine_of(Work=task("arn:aws:states:::sns:publish"))
    machine.mock("sns:publish", returns(1), returns(2))

    assert [machine.run().output, machine.run().output] == [1, 1]


def test_same_seed_gives_the_same_delays() -> None:
    definition = {
        "StartAt": "Work",
        "States": {
            "Work": task(
                "arn:aws:states:::sns:publish",
                Retry=[{"ErrorEquals": ["States.ALL"], "JitterStrategy": "FULL", "MaxAttempts": 5}],
            )
        },
    }

    def elapsed(seed: int) -> float:
        machine = TestedMachine(definition, seed=seed)
        machine.mock("Work", error="Boom")
        return machine.run().elapsed_seconds

    assert elapsed(1) == elapsed(1)
    assert elapsed(1) != elapsed(2)


def test_function_of_lambda_invoke_answers_inside_its_payload() -> None:
    parameters = {"FunctionName": "work:3", "Payload": {"a": 1}}
    machine = machine_of(Work=task("arn:aws:states:::lambda:invoke", Parameters=parameters))
    machine.mock("work", lambda event: {"got": event})

    assert machine.run().output == {"ExecutedVersion": "$LATEST", "Payload": {"got": {"a": 1}}, "StatusCode": 200}


def test_mock_of_a_state_is_the_whole_answer() -> None:
    parameters = {"FunctionName": "work", "Payload": {}}
    machine = machine_of(Work=task("arn:aws:states:::lambda:invoke", Parameters=parameters, OutputPath="$.Payload"))
    machine.mock("Work", {"result": '{"Payload": 7}'})

    assert machine.run().output == 7


def test_mock_of_a_version_is_not_for_another_one() -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:function:work"
    machine = machine_of(Work=task(f"{arn}:3"))

    with pytest.raises(MachineTestError, match="no task of the machine"):
        machine.mock(f"{arn}:4", result=1)
    machine.mock(f"{arn}:3", result=1)

    assert machine.run().output == 1


def test_function_known_only_at_run_time_is_mocked_by_name() -> None:
    machine = machine_of(Work=task("arn:aws:states:::lambda:invoke", Parameters={"FunctionName.$": "$.function"}))
    machine.mock("pay", error="Boom", optional=True)

    machine.run({"function": "pay"}).assert_failed("Boom")
    with pytest.raises(UnmockedTaskError, match="the function ship"):
        machine.run({"function": "ship"})


def test_activity_and_its_token() -> None:
    machine = machine_of(Work=task("arn:aws:states:us-east-1:000000000000:activity:pack", TimeoutSeconds=5))
    machine.fail_task("Work", "Broken", "in two", after_seconds=4)

    execution = machine.run()

    execution.assert_failed("Broken", "two")
    assert execution.elapsed_seconds == 4
    assert "ActivityStarted" in [event.type for event in execution.history]


def test_tokens_are_answered_in_order() -> None:
    parameters = {"QueueUrl": "q", "MessageBody": {"t.$": "$$.Task.Token"}}
    asks = task("arn:aws:states:::sqs:sendMessage.waitForTaskToken", Parameters=parameters)
    machine = machine_of(Ask={**asks, "Retry": [{"ErrorEquals": ["Later"], "IntervalSeconds": 10}]})
    machine.fail_task("Ask", "Later")
    machine.succeed_task("Ask", "yes", after_seconds=5)

    execution = machine.run()

    execution.assert_succeeded("yes")
    assert execution.elapsed_seconds == 15


def test_branches_and_items_are_in_the_path() -> None:
    inner = {"StartAt": "Each", "States": {"Each": task("arn:aws:states:::sns:publish")}}
    machine = machine_of(All={"Type": "Map", "ItemProcessor": inner, "End": True})
    machine.mock("sns:publish", lambda event: event * 10)

    execution = machine.run([1, 2, 3])

    execution.assert_path(["All", "Each", "Each", "Each"])
    execution.assert_succeeded([10, 20, 30])
    assert [execution.input_of("Each", visit) for visit in range(3)] == [1, 2, 3]


def test_items_of_a_distributed_map_come_from_the_mocked_object() -> None:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Each",
        "States": {"Each": {"Type": "Pass", "End": True}},
    }
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
    }
    machine = machine_of(All={"Type": "Map", "ItemReader": reader, "ItemProcessor": processor, "End": True})
    machine.mock("s3:getObject", result="id,city\n1,Boston\n2,Chicago\n")

    assert machine.run().output == [{"id": "1", "city": "Boston"}, {"id": "2", "city": "Chicago"}]


def test_wait_until_an_instant_counts_from_the_given_start() -> None:
    machine = machine_of(Wait={"Type": "Wait", "Timestamp": "2026-01-08T00:00:00Z", "End": True})

    assert machine.run().elapsed_seconds == 7 * 24 * 3600
    assert machine.run(started_at=1_800_000_000.0).elapsed_seconds == 0


def test_execution_that_waits_for_nothing_is_told_apart_from_a_slow_one() -> None:
    machine = machine_of(Ask=task("arn:aws:states:::sqs:sendMessage.waitForTaskToken"))
    machine.mock("Ask", lambda _: fails("No"))
    machine.run().assert_failed("No")

    silent = machine_of(Ask=task("arn:aws:states:us-east-1:000000000000:activity:pack"))
    with pytest.raises(UnmockedTaskError, match="activity:pack"):
        silent.run()


def test_bug_in_a_mock_is_the_tests_own() -> None:
    machine = machine_of(Work=task("arn:aws:states:::sns:publish"))
    machine.mock("sns:publish", lambda event: event["missing"])

    with pytest.raises(KeyError, match="missing"):
        machine.run()


def test_answer_that_never_comes_is_reported() -> None:
    from expeditor.testing import never

    machine = machine_of(Work=task("arn:aws:states:::sns:publish"))
    machine.mock("Work", never())

    with pytest.raises(StuckExecutionError, match="Work waits for arn:aws:states:::sns:publish"):
        machine.run()


def test_function_that_changes_its_event_changes_nothing_else() -> None:
    def price(event: Any) -> int:
        event["items"].append(99)
        return 1

    machine = machine_of(Price=task(f"{FUNCTION}:price", ResultPath="$.price"))
    machine.mock("price", price)

    execution = machine.run({"items": [1]})

    execution.assert_succeeded({"items": [1], "price": 1})
    assert execution.calls_of("Price")[0].event == {"items": [1]}


@pytest.mark.parametrize("value", [{1, 2}, Decimal("1.5"), date(2026, 1, 1), float("nan")], ids=repr)
def test_answer_that_no_function_could_give_is_refused(value: Any) -> None:
    machine = machine_of(Price=task(f"{FUNCTION}:price"))
    machine.mock("price", lambda event: {"value": value})

    with pytest.raises(MachineTestError, match='the mock of "price" gives what cannot be written as JSON'):
        machine.run()


def test_visit_that_did_not_take_place_is_told_with_how_often_it_did() -> None:
    machine = machine_of(Price=task(f"{FUNCTION}:price"))
    machine.mock("price", result=1)
    execution = machine.run()

    assert execution.input_of("Price", 0) == execution.input_of("Price", -1) == {}
    for ask in (execution.input_of, execution.output_of):
        with pytest.raises(MachineTestError, match="1 times, so there is no visit 1"):
            ask("Price", 1)


def test_answer_to_a_token_that_nobody_gets_is_refused() -> None:
    machine = machine_of(Price=task(f"{FUNCTION}:price"))

    with pytest.raises(MachineTestError, match='the task "Price" gives nobody a token'):
        machine.succeed_task("Price", 1)
    with pytest.raises(MachineTestError, match='the task "Price" gives nobody a token'):
        machine.fail_task("Price", "E")


def test_mock_stays_optional_when_it_is_given_more_answers() -> None:
    machine = machine_of(Price=task(f"{FUNCTION}:price"))
    machine.mock("price", result=1, optional=True)
    machine.mock("price", result=2)

    assert machine.unused_mocks == []
