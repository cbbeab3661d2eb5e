"""Lambda: a function ARN as the resource, and ``arn:aws:states:::lambda:invoke``."""

import asyncio
import re
from typing import Protocol

import msgspec

from expeditor.clock import Clock
from expeditor.errors import ServiceError
from expeditor.functions import Invocation
from expeditor.integrations.metadata import http_date, sdk_metadata
from expeditor.integrations.tasks import Cancel, Failed, Handler, Report, TaskRequest, bounded
from expeditor.payloads import JSONValue, decode, encode

_STATUS_CODES = {"ResourceNotFoundException": 404, "TooManyRequestsException": 429, "ServiceException": 500}
_UNQUALIFIED = re.compile(r"Function not found: [^:]+(?::[^:]*){5}:[^:]+")
_INVOKE_FIELDS = frozenset({"FunctionName", "Payload", "Qualifier", "InvocationType", "ClientContext", "LogType"})
_UNATTENDED = frozenset({"Event", "DryRun"})


class Invoker(Protocol):
    """Runs functions; the future raises ServiceError when the function could not be run at all."""

    def invoke(self, function: str, payload: bytes, /, *, qualifier: str | None = None) -> asyncio.Future[Invocation]:
        """Begins an invocation of a function name or ARN."""
        ...


class _ErrorObject(msgspec.Struct):
    errorType: str | None = None  # noqa: N815 - Lambda's spelling


_error_objects = msgspec.json.Decoder(_ErrorObject)


class LambdaTasks:
    """Both forms of calling a function from a Task state.

    Args:
        elsewhere: asks Lambda's API for invocations whose answer nobody waits for; None refuses them.
    """

    def __init__(self, functions: Invoker, clock: Clock, elsewhere: Handler | None = None) -> None:
        self._functions = functions
        self._clock = clock
        self._elsewhere = elsewhere

    def call_function(self, request: TaskRequest, report: Report) -> Cancel | None:
        """Resource is a function ARN: the whole input is the event, the result is the output, unchanged."""
        resource = request.resource

        def finish(future: asyncio.Future[Invocation]) -> None:
            invocation = _finished(future, report)
            if invocation is not None:
                report(bounded(invocation.payload, resource))

        future = self._functions.invoke(resource, encode(request.parameters))
        future.add_done_callback(finish)
        return future.cancel  # type: ignore[return-value]

    def invoke(self, request: TaskRequest, report: Report) -> Cancel | None:
        """``lambda:invoke``: fields of Lambda's Invoke operation in, an object with ``Payload`` and metadata out."""
        fields = request.parameters
        if self._elsewhere is not None and isinstance(fields, dict) and fields.get("InvocationType") in _UNATTENDED:
            return self._elsewhere(request, report)
        problem = _problem(fields)
        if problem is not None or not isinstance(fields, dict):
            report(Failed("States.Runtime", problem or "no parameters"))
            return None
        payload = _event(fields.get("Payload"))
        qualifier = fields.get("Qualifier")

        def finish(future: asyncio.Future[Invocation]) -> None:
            invocation = _finished(future, report, is_service=True, is_unqualified=qualifier is None)
            if invocation is not None:
                report(bounded(self._answer(invocation), "lambda"))

        future = self._functions.invoke(
            str(fields["FunctionName"]), payload, qualifier=None if qualifier is None else str(qualifier)
        )
        future.add_done_callback(finish)
        return future.cancel  # type: ignore[return-value]

    def _answer(self, invocation: Invocation) -> bytes:
        headers = {
            "Connection": "keep-alive",
            "Content-Length": str(len(invocation.payload)),
            "Content-Type": "application/json",
            "Date": http_date(self._clock.now()),
            "X-Amz-Executed-Version": invocation.executed_version,
            "X-Amzn-Trace-Id": _trace_id(self._clock.now(), invocation.request_id),
            "x-amzn-Remapped-Content-Length": "0",
            "x-amzn-RequestId": invocation.request_id,
        }
        metadata = sdk_metadata(headers, invocation.request_id)
        return msgspec.json.encode(
            {
                "ExecutedVersion": invocation.executed_version,
                "Payload": msgspec.Raw(invocation.payload),
                "SdkHttpMetadata": metadata["SdkHttpMetadata"],
                "SdkResponseMetadata": metadata["SdkResponseMetadata"],
                "StatusCode": 200,
            }
        )


def _event(payload: JSONValue) -> bytes:
    """What the function gets: an empty object for null, text that is JSON as it is, anything else as its JSON text."""
    if payload is None:
        return b"{}"
    if isinstance(payload, str):
        try:
            decode(payload.encode())
        except msgspec.DecodeError:
            return encode(payload)
        return payload.encode()
    return encode(payload)


def _finished(
    future: asyncio.Future[Invocation], report: Report, *, is_service: bool = False, is_unqualified: bool = False
) -> Invocation | None:
    """The invocation when it went well; otherwise reports the failure, or nothing when it was cancelled.

    Args:
        is_service: whether it is ``lambda:invoke``, which writes a function's error anew, without spaces.
        is_unqualified: the function was named without a version; AWS's refusals name ``$LATEST`` then.
    """
    if future.cancelled():
        return None
    error = future.exception()
    if error is not None:
        text = str(error)
        report(_refused(error, f"{text}:$LATEST" if is_unqualified and _UNQUALIFIED.fullmatch(text) else text))
        return None
    invocation = future.result()
    if invocation.function_error is None:
        return invocation
    payload = _without_spaces(invocation.payload) if is_service else invocation.payload
    report(Failed(_error_name(payload), payload.decode()))
    return None


def _without_spaces(text: bytes) -> bytes:
    try:
        return msgspec.json.format(text, indent=-1)
    except msgspec.DecodeError:
        return text


def _error_name(payload: bytes) -> str:
    """``errorType`` of an error object. Source: "Handle Lambda service exceptions" for ``Lambda.Unknown``."""
    try:
        return _error_objects.decode(payload).errorType or "Lambda.Unknown"
    except msgspec.MsgspecError:
        return "Lambda.Unknown"


def _refused(error: BaseException, text: str) -> Failed:
    """The failure of a task whose function could not be run, which *text* says."""
    code = error.code if isinstance(error, ServiceError) else "ServiceException"
    status = _STATUS_CODES.get(code, 400)
    request_id = getattr(error, "request_id", "00000000-0000-0000-0000-000000000000")
    return Failed(
        f"Lambda.{code}",
        f"{text} (Service: AWSLambda; Status Code: {status}; Error Code: {code}; Request ID: {request_id};"
        " Proxy: null)",
    )


def _problem(fields: JSONValue) -> str | None:
    """What is wrong with the parameters of ``lambda:invoke``."""
    if not isinstance(fields, dict) or not isinstance(fields.get("FunctionName"), str):
        return "The field 'FunctionName' is required but was missing"
    unknown = sorted(fields.keys() - _INVOKE_FIELDS)
    if unknown:
        return f"The field '{unknown[0]}' is not supported by Step Functions"
    kind = fields.get("InvocationType", "RequestResponse")
    if kind != "RequestResponse":
        return f"InvocationType '{kind}' is not supported here; leave it out, or use RequestResponse"
    return None


def _trace_id(at: float, request_id: str) -> str:
    digits = request_id.replace("-", "")
    return f"Root=1-{int(at):08x}-{digits[:24]};Parent={digits[-16:]};Sampled=0"
