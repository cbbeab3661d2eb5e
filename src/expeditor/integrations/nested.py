"""``arn:aws:states:::states:startExecution``: executions that start executions."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import msgspec

from expeditor.clock import Clock
from expeditor.errors import ServiceError
from expeditor.integrations.metadata import http_date, sdk_metadata
from expeditor.integrations.naming import exception_name
from expeditor.integrations.tasks import (
    Cancel,
    Failed,
    Pattern,
    Report,
    Submitted,
    Succeeded,
    TaskRequest,
    bounded,
    is_job,
    stable_uuid,
)
from expeditor.payloads import JSONValue, decode, encode

_SERVICE = "states"
_FIELDS = frozenset({"Input", "Name", "StateMachineArn", "TraceHeader"})


@dataclass(frozen=True, slots=True)
class StartRequest:
    """StartExecution.

    Attributes:
        input: JSON text.
        name: unique within the state machine; None for a random one.
        started_by: who asks, when that is a task, and whether it waits for the end; the same task asking again gets
            the same execution, in whatever status it is by then.
    """

    state_machine_arn: str
    input: bytes = b"{}"
    name: str | None = None
    trace_header: str | None = None
    started_by: str | None = None


@dataclass(frozen=True, slots=True)
class StartedExecution:
    """An execution that is on disk; *started_at* in seconds since the epoch."""

    arn: str
    started_at: float


@dataclass(frozen=True, slots=True)
class ClosedExecution:
    """An execution that has ended.

    Attributes:
        status: AWS's name, such as ``SUCCEEDED``.
        input, output: JSON text.
    """

    arn: str
    name: str
    state_machine_arn: str
    status: str
    input: bytes
    output: bytes | None
    error: str | None
    cause: str | None
    started_at: float
    stopped_at: float


class WaitingTask(NamedTuple):
    """The task of a parent that waits for the end of its child."""

    execution_arn: str
    task_id: int


def waiting_task(started_by: str) -> WaitingTask | None:
    """The task that *started_by* of a StartRequest names; None when it did not mean to wait for the end."""
    execution_arn, _, task = started_by.rpartition("#")
    return WaitingTask(execution_arn, int(task.removesuffix(Pattern.SYNC))) if is_job(task) else None


class Executions(Protocol):
    """What this integration needs of the engine."""

    def start(self, request: StartRequest) -> "asyncio.Future[StartedExecution]":
        """Starts an execution."""
        ...

    def stop_child(self, arn: str) -> "asyncio.Future[float]":
        """Stops an execution whose parent waits for it no more; tries until that is known."""
        ...

    def wait_closed(self, arn: str) -> "asyncio.Future[ClosedExecution]":
        """The end of an execution."""
        ...


class _SubmittedAnswer(msgspec.Struct):
    ExecutionArn: str


class _Child(msgspec.Struct):
    """The execution that a task started; *arn* is None until it has begun."""

    arn: str | None = None
    is_unwanted: bool = False


class NestedExecutions:
    """All patterns of ``states:startExecution``."""

    def __init__(self, executions: Executions, clock: Clock) -> None:
        self._executions = executions
        self._clock = clock

    def start(self, request: TaskRequest, report: Report) -> Cancel | None:
        """Request and response: the task ends when the child has begun."""
        self._begin(request, report, lambda started: report(Succeeded(self._answer(request, started))))
        return None

    def start_sync(self, request: TaskRequest, report: Report) -> Cancel | None:
        """``.sync`` and ``.sync:2``: the task ends when the child ends; a cancelled task stops its child."""
        child = _Child()

        def follow(arn: str) -> None:
            child.arn = arn
            if child.is_unwanted:
                self._stop(child)
            self._executions.wait_closed(arn).add_done_callback(lambda future: _finish(future, request, report))

        def submitted(started: StartedExecution) -> None:
            report(Submitted(self._answer(request, started)))
            follow(started.arn)

        if request.submitted is None:
            self._begin(request, report, submitted)
        else:
            follow(msgspec.json.decode(request.submitted, type=_SubmittedAnswer).ExecutionArn)
        return lambda: self._stop(child)

    def _begin(self, request: TaskRequest, report: Report, then: Callable[[StartedExecution], None]) -> None:
        problem = _problem(request.parameters)
        if problem is not None:
            report(Failed("States.Runtime", problem))
            return

        def started(future: "asyncio.Future[StartedExecution]") -> None:
            error = None if future.cancelled() else future.exception()
            if error is not None:
                report(_refused(error, request))
            elif not future.cancelled():
                then(future.result())

        self._executions.start(_start_request(request)).add_done_callback(started)

    def _stop(self, child: "_Child") -> None:
        """Stops the child; one that is still being started, as soon as it has begun."""
        child.is_unwanted = True
        if child.arn is not None:
            stopped = self._executions.stop_child(child.arn)
            # An execution that has already ended is as good as stopped, and nobody waits for the answer.
            stopped.add_done_callback(lambda future: None if future.cancelled() else future.exception())

    def _answer(self, request: TaskRequest, started: StartedExecution) -> bytes:
        body: dict[str, JSONValue] = {"ExecutionArn": started.arn, "StartDate": _milliseconds(started.started_at)}
        request_id = stable_uuid(request, "request")
        headers = {
            "Content-Length": str(len(encode(body))),
            "Content-Type": "application/x-amz-json-1.0",
            "Date": http_date(self._clock.now()),
            "connection": "keep-alive",
            "x-amzn-RequestId": request_id,
        }
        metadata = sdk_metadata(headers, request_id)
        return encode({"ExecutionArn": started.arn, **metadata, "StartDate": body["StartDate"]})


def _start_request(request: TaskRequest) -> StartRequest:
    fields = request.parameters
    assert isinstance(fields, dict)
    name = fields.get("Name")
    given = fields.get("Input")
    trace = fields.get("TraceHeader")
    return StartRequest(
        state_machine_arn=str(fields["StateMachineArn"]),
        input=_input_text(given),
        name=stable_uuid(request, "execution") if name is None else str(name),
        trace_header=None if trace is None else str(trace),
        started_by=f"{request.execution_arn}#{request.task_id}{Pattern.SYNC if is_job(request.resource) else ''}",
    )


def _input_text(given: JSONValue) -> bytes:
    """AWS takes text as JSON text, null as no input, and anything else as the value itself."""
    if given is None:
        return b"{}"
    return given.encode() if isinstance(given, str) else encode(given)


def _finish(future: "asyncio.Future[ClosedExecution]", request: TaskRequest, report: Report) -> None:
    if future.cancelled():
        return
    error = future.exception()
    if error is not None:
        report(_refused(error, request))
        return
    closed = future.result()
    is_parsed = request.resource.endswith(Pattern.SYNC_2)
    body = encode(_description(closed, is_parsed=is_parsed))
    report(bounded(body, _SERVICE) if closed.status == "SUCCEEDED" else Failed("States.TaskFailed", body.decode()))


def _description(closed: ClosedExecution, *, is_parsed: bool) -> JSONValue:
    """DescribeExecution as ``.sync`` gives it; with *is_parsed* input and output are values instead of text."""

    def payload(text: bytes) -> JSONValue:
        return decode(text) if is_parsed else text.decode()

    body: dict[str, JSONValue] = {}
    if closed.cause is not None:
        body["Cause"] = closed.cause
    if closed.error is not None:
        body["Error"] = closed.error
    body |= {"ExecutionArn": closed.arn, "Input": payload(closed.input), "InputDetails": {"Included": True}}
    body["Name"] = closed.name
    if closed.output is not None:
        body |= {"Output": payload(closed.output), "OutputDetails": {"Included": True}}
    return body | {
        "StartDate": _milliseconds(closed.started_at),
        "StateMachineArn": closed.state_machine_arn,
        "Status": closed.status,
        "StopDate": _milliseconds(closed.stopped_at),
    }


def _problem(fields: JSONValue) -> str | None:
    if not isinstance(fields, dict) or not isinstance(fields.get("StateMachineArn"), str):
        return "The field 'StateMachineArn' is required but was missing"
    unknown = sorted(fields.keys() - _FIELDS)
    return f"The field '{unknown[0]}' is not supported by Step Functions" if unknown else None


def _refused(error: BaseException, request: TaskRequest) -> Failed:
    code = error.code if isinstance(error, ServiceError) else "ServiceUnavailable"
    request_id = stable_uuid(request, "request")
    return Failed(
        f"StepFunctions.{exception_name(code)}",
        f"{error} (Service: AWSStepFunctions; Status Code: 400; Error Code: {code}; Request ID: {request_id};"
        " Proxy: null)",
    )


def _milliseconds(at: float) -> int:
    return round(at * 1000)
