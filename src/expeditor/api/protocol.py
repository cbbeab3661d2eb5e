"""What an operation of AWS's API is here, and how a service registers its own.

A service is a table from AWS's operation name to an ``Operation``::

    def sns_operations(topics: Topics) -> Operations:
        async def create_topic(call: Call) -> Answer:
            topic = await topics.create(call.params["Name"])
            return {"TopicArn": topic.arn}

        return {"CreateTopic": Operation(create_topic, missing="FIFO topics")}

What arrives in ``call.params`` has passed the service's model: required members are there, types, lengths, ranges,
enums and patterns hold; absent members are absent (never None), blobs are ``bytes``, timestamps seconds since the
epoch. An answer is built from the same names: None is left out, ``bytes`` are a blob, a float is a timestamp where the
model says timestamp; a name the model lacks is a bug and raises. Operations of the model that are not in the table are
refused by name. A refusal is raised as ``expeditor.errors.ServiceError``; its ``code`` is an error shape's name or its
code on the wire.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from expeditor.errors import ServiceError

Params: TypeAlias = dict[str, Any]
Answer: TypeAlias = Mapping[str, Any]

BODY_BYTES_MAX = 1_048_576
"""Largest body of a request unless its operation says otherwise; a Step Functions definition may have as much."""


@dataclass(slots=True)
class HttpRequest:
    """One request.

    Attributes:
        path: as sent, still percent-encoded.
        query: as sent, without the question mark.
        headers: by lower-case name; the last of a repeated one.
        body: whole; empty until the head was let in.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One whole answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one operation.

    Attributes:
        params: by the model's member names, validated; the handler may change it.
        headers: by lower-case name, for what the model does not name, such as ``x-amzn-trace-id``.
        request_id: also in the answer's ``x-amzn-RequestId``.
    """

    operation: str
    params: Params
    headers: Mapping[str, str]
    request_id: str


Handler: TypeAlias = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Operation:
    """What one operation does.

    Attributes:
        handle: answers a call; runs on the node's event loop, so it never blocks.
        missing: what it lacks beside AWS's, for the reference page; empty when it is full.
        body_bytes_max: larger bodies are thrown away and refused.
        waits: may take long, so a caller who hangs up cancels it.
    """

    handle: Handler
    missing: str = field(default="", kw_only=True)
    body_bytes_max: int = field(default=BODY_BYTES_MAX, kw_only=True)
    waits: bool = field(default=False, kw_only=True)


Operations: TypeAlias = Mapping[str, Operation]


class Codec(Protocol):
    """One operation's way in and out; compiled once."""

    def read(self, request: HttpRequest) -> Params:
        """The parameters, validated. Raises a ServiceError."""
        ...

    def write(self, answer: Answer, request_id: str) -> HttpResponse:
        """The answer as the wire has it."""
        ...


class Wire(Protocol):
    """One service's protocol."""

    def codec(self, operation: str) -> Codec:
        """The codec of an operation the model has."""
        ...

    def write_error(self, error: ServiceError, request_id: str) -> HttpResponse:
        """A refusal in AWS's shape, with the status of its error shape, 400 where the model has none."""
        ...
