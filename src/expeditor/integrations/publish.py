"""``arn:aws:states:::sns:publish``: to the node's own topics, else to where the environment says SNS is."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from expeditor.clock import Clock
from expeditor.errors import ServiceError
from expeditor.integrations.metadata import http_date, sdk_metadata
from expeditor.integrations.naming import exception_name
from expeditor.integrations.tasks import Cancel, Failed, Handler, Report, Succeeded, TaskRequest, stable_uuid
from expeditor.payloads import JSONValue, encode

_NO_TOPIC = frozenset({"NotFound", "NotFoundException", "InvalidParameter", "InvalidParameterException"})
"""Refusals that may only say that the topic is another endpoint's."""

_STATUS: Mapping[str, int] = {"NotFound": 404, "NotFoundException": 404, "ServiceUnavailable": 503}


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
    """Publishing from a Task state.

    Args:
        elsewhere: publishes what the node's own topics do not take; None when there is nowhere else.
    """

    def __init__(self, topics: Publisher, clock: Clock, elsewhere: Handler | None = None) -> None:
        self._topics = topics
        self._clock = clock
        self._elsewhere = elsewhere

    def publish(self, request: TaskRequest, report: Report) -> Cancel | None:
        """The task ends when the message is on disk, or the other endpoint has answered."""
        fields = request.parameters
        if not isinstance(fields, dict) or "Message" not in fields:
            report(Failed("States.Runtime", "The field 'Message' is required but was missing"))
            return None
        if self._elsewhere is not None and "TopicArn" not in fields:
            return self._elsewhere(request, report)

        def finish(future: "asyncio.Future[str]") -> None:
            if future.cancelled():
                return
            error = future.exception()
            if error is None:
                report(Succeeded(self._answer(future.result())))
            elif self._elsewhere is not None and isinstance(error, ServiceError) and error.code in _NO_TOPIC:
                self._elsewhere(request, report)
            else:
                report(_refused(error, request))

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


def _refused(error: BaseException, request: TaskRequest) -> Failed:
    code = error.code if isinstance(error, ServiceError) else "ServiceUnavailable"
    return Failed(
        f"SNS.{exception_name(code)}",
        f"{error} (Service: AmazonSNS; Status Code: {_STATUS.get(code, 400)}; Error Code: {code};"
        f" Request ID: {stable_uuid(request, 'request')}; Proxy: null)",
    )
