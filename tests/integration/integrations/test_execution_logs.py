"""Histories in CloudWatch Logs; a small server stands in for it."""

import json
import logging

import pytest

from expeditor.asl import HistoryEvent
from expeditor.integrations import CallPool, Clients, Endpoints, ExecutionLogs, LoggedExecution, LogLevel, LogTarget
from expeditor.integrations.execution_logs import entry
from tests.integration.integrations.standins import Answer, Asked, stand_in
from tests.integration.integrations.tasks import EXECUTION

pytestmark = pytest.mark.anyio

GROUP_ARN = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/vendedlogs/states/order:*"
TARGET = LogTarget("/aws/vendedlogs/states/order", LogLevel.ALL, includes_data=True)
ORDER = LoggedExecution(EXECUTION, "order")
AT = 1_700_000_000.25


def entered(number: int, text: str = "{}") -> HistoryEvent:
    body = {"name": "A", "input": text, "inputDetails": {"truncated": False}}
    return HistoryEvent(number, number - 1, AT + number, "PassStateEntered", {"stateEnteredEventDetails": body})


def logs_at(url: str) -> tuple[ExecutionLogs, CallPool]:
    pool = CallPool(threads=2)
    return ExecutionLogs(Clients(Endpoints({"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": url})), pool), pool


async def test_events_arrive_in_order_in_a_stream_of_the_machine() -> None:
    with stand_in(lambda _: Answer({})) as cloudwatch:
        logs, pool = logs_at(cloudwatch.url)
        for number in range(1, 6):
            logs.write(TARGET, ORDER, [entered(number)])
        await logs.flush()
        pool.close()

    assert cloudwatch.asked[0].operation == "CreateLogStream"
    assert cloudwatch.asked[0].fields["logGroupName"] == "/aws/vendedlogs/states/order"
    assert cloudwatch.asked[0].fields["logStreamName"].startswith("states/order/2023-11-14-22-13/")
    puts = [asked for asked in cloudwatch.asked if asked.operation == "PutLogEvents"]
    assert len(puts) == 2  # the first event, and all that came while it was under way
    sent = [json.loads(each["message"])["id"] for put in puts for each in put.fields["logEvents"]]
    assert sent == ["1", "2", "3", "4", "5"]


def test_entry_has_an_event_as_step_functions_logs_it() -> None:
    assert json.loads(entry(entered(1, '{"a":1}'), ORDER, TARGET)) == {
        "id": "1",
        "type": "PassStateEntered",
        "details": {"name": "A", "input": '{"a":1}', "inputDetails": {"truncated": False}},
        "redrive_count": "0",
        "previous_event_id": "0",
        "event_timestamp": "1700000001250",
        "execution_arn": EXECUTION,
    }


def test_data_is_left_out_unless_asked_for() -> None:
    target = LogTarget("g", LogLevel.ALL, includes_data=False)

    assert json.loads(entry(entered(1), ORDER, target))["details"] == {"name": "A"}


def test_long_data_is_cut() -> None:
    details = json.loads(entry(entered(1, '"' + "ä" * 200_000), ORDER, TARGET))["details"]

    assert details["inputDetails"] == {"truncated": True}
    assert 200_000 < len(details["input"].encode()) <= 248 * 1024


@pytest.mark.parametrize(
    ("level", "taken"),
    [
        (LogLevel.ALL, {"PassStateEntered", "TaskFailed", "FailStateEntered", "ExecutionFailed", "TaskTimedOut"}),
        (LogLevel.ERROR, {"TaskFailed", "FailStateEntered", "ExecutionFailed", "TaskTimedOut"}),
        (LogLevel.FATAL, {"ExecutionFailed"}),
        (LogLevel.OFF, set()),
    ],
)
def test_levels_take_what_aws_lists(level: LogLevel, taken: set[str]) -> None:
    types = ("PassStateEntered", "TaskFailed", "FailStateEntered", "ExecutionFailed", "TaskTimedOut")

    assert {each for each in types if level.takes(each)} == taken


def test_target_is_read_from_the_logging_configuration() -> None:
    destinations = [{"cloudWatchLogsLogGroup": {"logGroupArn": GROUP_ARN}}]

    assert LogTarget.of({"level": "ALL", "includeExecutionData": True, "destinations": destinations}) == TARGET
    assert LogTarget.of({"level": "OFF", "destinations": destinations}) is None
    assert LogTarget.of({"level": "ALL"}) is None


async def test_large_histories_go_in_several_requests() -> None:
    with stand_in(lambda _: Answer({})) as cloudwatch:
        logs, pool = logs_at(cloudwatch.url)
        logs.write(TARGET, ORDER, [entered(number, "x" * 200_000) for number in range(1, 13)])
        await logs.flush()
        pool.close()

    puts = [asked for asked in cloudwatch.asked if asked.operation == "PutLogEvents"]
    assert [len(put.fields["logEvents"]) for put in puts] == [5, 5, 2]


async def test_missing_group_is_warned_about_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    def respond(asked: Asked) -> Answer:
        return Answer({"__type": "ResourceNotFoundException", "message": "no such group"}, 400)

    with stand_in(respond) as cloudwatch, caplog.at_level(logging.WARNING):
        logs, pool = logs_at(cloudwatch.url)
        for number in (1, 2):
            logs.write(TARGET, ORDER, [entered(number)])
            await logs.flush()
        pool.close()

    assert len(cloudwatch.asked) == 2
    assert [record.getMessage().partition(";")[0] for record in caplog.records] == [
        "executions cannot be logged to /aws/vendedlogs/states/order"
    ]


async def test_logs_without_an_endpoint_never_stop_anybody(caplog: pytest.LogCaptureFixture) -> None:
    pool = CallPool(threads=1)
    with caplog.at_level(logging.WARNING):
        logs = ExecutionLogs(Clients(Endpoints({})), pool)
        logs.write(TARGET, ORDER, [entered(1)])
        await logs.flush()
    pool.close()

    assert "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS" in caplog.text
