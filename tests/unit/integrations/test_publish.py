"""Publishing from a Task state."""

import asyncio
import json

import pytest

from expeditor.clock import ManualClock
from expeditor.errors import ServiceError
from expeditor.functions import Invocation
from expeditor.integrations import Failed, Integrations, Outcome, Submitted, TaskRequest

pytestmark = pytest.mark.anyio


class NoTopicError(ServiceError):
    """No such topic."""

    code = "NotFoundException"


class NoFunctions:
    """Must not be called here."""

    def invoke(self, function: str, payload: bytes, /, *, qualifier: str | None = None) -> "asyncio.Future[Invocation]":
        raise AssertionError(function)


class TopicsInHand:
    """Topics whose answers the test gives."""

    def __init__(self) -> None:
        self.published: list[object] = []
        self.future: asyncio.Future[str]

    def publish(self, fields: dict[str, object]) -> "asyncio.Future[str]":
        self.published.append(fields)
        self.future = asyncio.get_running_loop().create_future()
        return self.future


async def outcome_of(parameters: object, answer: object, pattern: str = "") -> tuple[TopicsInHand, list[Outcome]]:
    topics, outcomes = TopicsInHand(), []
    integrations = Integrations(NoFunctions(), ManualClock(), topics)
    integrations.start(TaskRequest(f"arn:aws:states:::sns:publish{pattern}", parameters, "arn", 1), outcomes.append)
    if topics.published:
        if isinstance(answer, Exception):
            topics.future.set_exception(answer)
        else:
            topics.future.set_result(answer)
        await asyncio.sleep(0)
    return topics, outcomes


async def test_message_that_is_no_text_is_published_as_json() -> None:
    topics, outcomes = await outcome_of({"TopicArn": "t", "Message": {"a": 1}}, "m-1")

    assert topics.published == [{"TopicArn": "t", "Message": '{"a":1}'}]
    assert json.loads(outcomes[0].output)["MessageId"] == "m-1"


async def test_callback_form_waits_for_the_token() -> None:
    _, outcomes = await outcome_of({"TopicArn": "t", "Message": "hi"}, "m-1", ".waitForTaskToken")

    assert [type(outcome) for outcome in outcomes] == [Submitted]


async def test_refusals_fail_the_task() -> None:
    _, gone = await outcome_of({"TopicArn": "t", "Message": "hi"}, NoTopicError("Topic does not exist"))
    topics, empty = await outcome_of({"TopicArn": "t"}, "m-1")

    assert [outcome.error for outcome in gone] == ["SNS.NotFoundException"]
    assert empty == [Failed("States.Runtime", "The field 'Message' is required but was missing")]
    assert topics.published == []
