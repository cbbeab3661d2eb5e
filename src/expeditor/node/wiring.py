"""The ports between rooms that do not know each other."""

import asyncio

from expeditor.errors import ServiceError
from expeditor.functions import Functions, Invocation
from expeditor.integrations import Publisher
from expeditor.payloads import JSONValue
from expeditor.topics import (
    Deliver,
    DeliveryResult,
    Message,
    MessageAttribute,
    NewMessage,
    Outcome,
    Region,
    Subscription,
    Topics,
    lambda_event,
)

ERROR_BYTES_MAX = 4_096


def function_deliverer(functions: Functions, region: Region) -> Deliver:
    """Delivers a topic's messages to functions; a function that has no worker free is asked again later."""

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
        return DeliveryResult(Outcome.FAILED, "the node is closing")
    error = invoked.exception()
    if error is not None:
        is_busy = isinstance(error, ServiceError) and error.code == "TooManyRequestsException"
        return DeliveryResult(Outcome.DEFERRED if is_busy else Outcome.FAILED, str(error))
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
        subject = fields.get("Subject")
        message = NewMessage(
            str(fields["Message"]),
            None if subject is None else str(subject),
            _attributes(fields.get("MessageAttributes")),
        )
        (message_id,) = await self.topics.publish(str(fields.get("TopicArn", "")), [message])
        return message_id


class InvalidAttributesError(ServiceError):
    """MessageAttributes is not a map of objects with DataType and a value."""

    code = "InvalidParameter"


def _attributes(given: JSONValue) -> dict[str, MessageAttribute]:
    attributes: dict[str, MessageAttribute] = {}
    for name, value in (given if isinstance(given, dict) else {}).items():
        if not isinstance(value, dict) or "DataType" not in value:
            raise InvalidAttributesError(f"MessageAttributes.{name} needs DataType and StringValue")
        text = str(value.get("StringValue", value.get("BinaryValue", "")))
        attributes[name] = MessageAttribute(str(value["DataType"]), text)
    return attributes
