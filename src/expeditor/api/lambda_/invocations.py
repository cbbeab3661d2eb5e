"""Invoke."""

import base64
import binascii
from collections.abc import Awaitable, Callable

import msgspec

from expeditor.api.errors import UnsupportedParameterError
from expeditor.api.protocol import Answer, Call, Operation, Operations, Params
from expeditor.errors import ServiceError
from expeditor.functions import Functions, parse, refusals

SYNCHRONOUS_BYTES_MAX = 6_291_556
"""The event of InvocationType RequestResponse; 6 MB, as Lambda's refusals give it."""

ASYNCHRONOUS_BYTES_MAX = 1_048_576
"""The event of InvocationType Event. Source: Lambda quotas, "Invocation payload"."""

CLIENT_CONTEXT_BYTES_MAX = 3_583
"""Source: API_Invoke, ClientContext."""


class InvalidRequestContentError(ServiceError):
    """The event, or the client context, is not JSON."""

    code = "InvalidRequestContentException"


class InvocationOperations:
    """Invoke, in its three types."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._types: dict[str, Callable[[Params], Awaitable[Answer]]] = {
            "RequestResponse": self._now,
            "Event": self._later,
            "DryRun": self._check,
        }

    def table(self) -> Operations:
        """The operations by name."""
        return {
            "Invoke": Operation(
                self._invoke, missing="durable executions, tenants", body_bytes_max=SYNCHRONOUS_BYTES_MAX
            )
        }

    async def _invoke(self, call: Call) -> Answer:
        params = call.params
        for name in params.keys() & {"DurableExecutionName", "TenantId"}:
            raise UnsupportedParameterError(name)
        params["Payload"] = params.get("Payload") or b"{}"
        _check_json(params["Payload"])
        return await self._types[params.get("InvocationType", "RequestResponse")](params)

    async def _now(self, params: Params) -> Answer:
        invocation = await self._functions.invoke(
            params["FunctionName"],
            params["Payload"],
            qualifier=params.get("Qualifier"),
            client_context=_client_context(params),
        )
        wants_log = params.get("LogType") == "Tail"
        return {
            "StatusCode": 200,
            "Payload": invocation.payload,
            "FunctionError": invocation.function_error,
            "ExecutedVersion": invocation.executed_version,
            "LogResult": base64.b64encode(invocation.log_tail).decode() if wants_log else None,
        }

    async def _later(self, params: Params) -> Answer:
        size = len(params["Payload"])
        if size > ASYNCHRONOUS_BYTES_MAX:
            raise refusals.RequestTooLargeError(
                f"{size} byte payload is too large for the Event invocation type (limit {ASYNCHRONOUS_BYTES_MAX} bytes)"
            )
        await self._functions.invoke_later(
            params["FunctionName"],
            params["Payload"],
            qualifier=params.get("Qualifier"),
            client_context=_client_context(params),
        )
        return {"StatusCode": 202}

    async def _check(self, params: Params) -> Answer:
        name, qualifier = parse(params["FunctionName"], params.get("Qualifier"))
        self._functions.get_function(name, qualifier)
        return {"StatusCode": 204}


def _check_json(payload: bytes) -> None:
    """Raises InvalidRequestContentError."""
    try:
        payload.decode()
        msgspec.json.decode(payload, type=msgspec.Raw)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestContentError(f"Could not parse request body into json: {error}") from error


def _client_context(params: Params) -> bytes | None:
    """The client context's JSON text. Raises InvalidRequestContentError."""
    if "ClientContext" not in params:
        return None
    try:
        context = base64.b64decode(params["ClientContext"], validate=True)
        msgspec.json.decode(context, type=msgspec.Raw)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InvalidRequestContentError("Client context must be a valid Base64-encoded JSON object.") from error
    if len(context) > CLIENT_CONTEXT_BYTES_MAX:
        raise InvalidRequestContentError(f"Client context must have at most {CLIENT_CONTEXT_BYTES_MAX} bytes.")
    return context
