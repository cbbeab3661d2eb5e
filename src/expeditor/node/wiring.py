"""The ports between rooms that do not know each other."""

import asyncio

from expeditor.errors import ServiceError
from expeditor.functions import Functions, Invocation
from expeditor.integrations import Publisher
from expeditor.node.schedules import Invoke, Schedule
from expeditor.payloads import JSONValue
from expeditor.topics import (
    Deliver,
    DeliveryResult,
    Message,
    Outcome,
    Region,
    Subscription,
    Topics,
    lambda_event,
    new_message,
)

ERROR_BYTES_MAX = 4_096

_NOT_THE_FUNCTIONS_FAULT = frozenset({"TooManyRequestsException", "ServiceException"})
"""Codes of refusals before a function was reached: no worker is free, or no process can be started."""


def function_deliverer(functions: Functions, region: Region) -> Deliver:
    """Delivers a topic's messages to functions; one that has no worker free, or can get none, is asked again later."""

    def deliver(subscription: Subscription, message: Message) -> "asyncio.Future[DeliveryResult]":
        answer: asyncio.Future[DeliveryResult] = asyncio.get_running_loop().create_future()

        def landed(invoked: "asyncio.Future[Invocation]") -> None:
            if not answer.done():
                answer.set_result(_result(invoked))

        event = lambda_event(subscription, message, region)
        functions.invoke(subscription.endpoint, event).add_done_callback(landed)
        return answer

    return deliver


def _result(invoked: "asyncio.Future[Invocation]") -> DeliveryResult:
    if invoked.cancelled():
        return DeliveryResult(Outcome.DEFERRED, "the node is closing")
    error = invoked.exception()
    if error is not None:
        passing = isinstance(error, ServiceError) and error.code in _NOT_THE_FUNCTIONS_FAULT
        return DeliveryResult(Outcome.DEFERRED if passing else Outcome.FAILED, str(error))
    invocation = invoked.result()
    if invocation.function_error is None:
        return DeliveryResult(Outcome.DELIVERED)
    return DeliveryResult(Outcome.FAILED, invocation.payload[:ERROR_BYTES_MAX].decode(errors="replace"))


class TopicPublisher(Publisher):
    """Lets a Task state publish to the node's topics."""

    def __init__(self) -> None:
        self.topics: Topics | None = None

    def publish(self, fields: dict[str, JSONValue]) -> "asyncio.Future[str]":
        """SNS's Publish with its fields in AWS's spelling; see ``Publisher``."""
        return asyncio.ensure_future(self._publish(fields))

    async def _publish(self, fields: dict[str, JSONValue]) -> str:
        assert self.topics is not None
        (message_id,) = await self.topics.publish(str(fields.get("TopicArn", "")), [new_message(fields)])
        return message_id


def scheduled_invoker(functions: Functions) -> Invoke:
    """Calls a schedule's function with its input; the answer is an error's text, None when all is well."""

    def invoke(schedule: Schedule) -> "asyncio.Future[str | None]":
        answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

        def ended(invoked: "asyncio.Future[Invocation]") -> None:
            if not answer.done():
                answer.set_result(_result(invoked).error or None)

        functions.invoke(schedule.function, schedule.input.encode()).add_done_callback(ended)
        return answer

    return invoke
