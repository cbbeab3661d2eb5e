"""``arn:aws:states:::sns:publish``."""

import asyncio
from typing import Protocol

from expeditor.clock import Clock
from expeditor.errors import ServiceError
from expeditor.integrations.metadata import http_date, sdk_metadata
from expeditor.integrations.tasks import Cancel, Failed, Report, Succeeded, TaskRequest
from expeditor.payloads import JSONValue, encode


class Publisher(Protocol):
    """Publishes to topics; the node fills it in."""

    def publish(self, fields: dict[str, JSONValue]) -> "asyncio.Future[str]":
        """SNS's Publish.

        Args:
            fields: the operation's fields in AWS's spelling; ``Message`` is text.

        Returns:
            The message id, once the message is on disk. Raises ServiceError through the future.
        """
        ...


class TopicTasks:
    """Publishing from a Task state."""

    def __init__(self, topics: Publisher, clock: Clock) -> None:
        self._topics = topics
        self._clock = clock

    def publish(self, request: TaskRequest, report: Report) -> Cancel | None:
        """The task ends when the message is on disk."""
        fields = request.parameters
        if not isinstance(fields, dict) or "Message" not in fields:
            report(Failed("States.Runtime", "The field 'Message' is required but was missing"))
            return None

        def finish(future: "asyncio.Future[str]") -> None:
            if future.cancelled():
                return
            error = future.exception()
            report(_refused(error) if error is not None else Succeeded(self._answer(future.result())))

        message = fields["Message"]
        text = message if isinstance(message, str) else encode(message).decode()
        self._topics.publish({**fields, "Message": text}).add_done_callback(finish)
        return None

    def _answer(self, message_id: str) -> bytes:
        headers = {
            "Content-Type": "text/xml",
            "Date": http_date(self._clock.now()),
            "x-amzn-RequestId": message_id,
        }
        return encode({"MessageId": message_id, **sdk_metadata(headers, message_id)})


def _refused(error: BaseException) -> Failed:
    code = error.code if isinstance(error, ServiceError) else "ServiceUnavailable"
    return Failed(f"SNS.{code}", f"{error} (Service: AmazonSNS; Status Code: 400; Error Code: {code})")
