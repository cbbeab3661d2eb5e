"""One attempt of a Task as the integrations see it, and what may come of it."""

import hashlib
import uuid
from collections.abc import Callable
from enum import StrEnum
from typing import TypeAlias

import msgspec

from expeditor.payloads import PAYLOAD_BYTES_MAX, JSONValue


class TaskRequest(msgspec.Struct, frozen=True):
    """One attempt of a Task state.

    Attributes:
        resource: the ``Resource`` as written.
        parameters: the effective input.
        execution_arn, task_id: who asks; the same pair asks again after a crash, so effects may be keyed by it.
        token: for ``.waitForTaskToken`` and activities.
        submitted: after a crash, the service's answer to the request that was already accepted; then only its end
            is still to be waited for.
    """

    resource: str
    parameters: JSONValue
    execution_arn: str
    task_id: int
    token: str | None = None
    submitted: bytes | None = None


class Succeeded(msgspec.Struct, frozen=True):
    """The task ended well; *output* is JSON text."""

    output: bytes


class Submitted(msgspec.Struct, frozen=True):
    """The service accepted the request and the task goes on; *output* is its answer, JSON text."""

    output: bytes


class Failed(msgspec.Struct, frozen=True):
    """The task ended badly; *error* is the name retriers and catchers match."""

    error: str
    cause: str


Outcome: TypeAlias = Succeeded | Submitted | Failed
Report: TypeAlias = Callable[[Outcome], None]
"""Called once with the end of the task, and before that at most once with Submitted. Always on the event loop."""

Cancel: TypeAlias = Callable[[], None]
Handler: TypeAlias = Callable[[TaskRequest, Report], Cancel | None]
"""Begins one attempt and returns at once. May report before it returns."""


def stable_uuid(request: TaskRequest, label: str) -> str:
    """The same UUID whenever the same task asks, so that a repeated request after a crash is recognised."""
    digest = hashlib.sha256(f"{request.execution_arn}#{request.task_id}#{label}".encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


class Pattern(StrEnum):
    """How an optimised integration waits. Source: Step Functions, "Service integration patterns"."""

    REQUEST_RESPONSE = ""
    SYNC = ".sync"
    SYNC_2 = ".sync:2"
    CALLBACK = ".waitForTaskToken"


def is_job(resource: str) -> bool:
    """Whether a task of *resource* waits for what goes on by itself, whatever becomes of the execution that waits."""
    return resource.endswith((Pattern.SYNC, Pattern.SYNC_2))


def until_callback(begin: Handler) -> Handler:
    """The ``.waitForTaskToken`` form of an integration: what it answers only says that the wait begins."""

    def start(request: TaskRequest, report: Report) -> Cancel | None:
        if request.submitted is not None:
            return None
        return begin(request, lambda outcome: report(_as_submitted(outcome)))

    return start


def bounded(output: bytes, resource: str) -> Outcome:
    """A success with *output*, or the failure AWS reports when it is too large.

    Args:
        resource: what the message names: a function ARN, or the service of an optimised integration.
    """
    return Succeeded(output) if len(output) <= PAYLOAD_BYTES_MAX else too_large(resource)


def too_large(resource: str) -> Failed:
    """The failure AWS reports when a task's result is larger than 256 KiB."""
    return Failed(
        "States.DataLimitExceeded",
        f"The state/task '{resource}' returned a result with a size exceeding the maximum number of bytes service"
        " limit.",
    )


def refuse_unknown(request: TaskRequest, report: Report) -> None:
    """Fails a task whose resource no integration answers for."""
    report(
        Failed(
            "States.Runtime",
            f"The resource provided {request.resource} is not recognized. The value is not a valid resource ARN, or"
            " the resource is not available in this region.",
        )
    )


def _as_submitted(outcome: Outcome) -> Outcome:
    return Submitted(outcome.output) if isinstance(outcome, Succeeded) else outcome
