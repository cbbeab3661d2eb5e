"""Any AWS service through botocore: ``aws-sdk:service:action``, and the optimised integrations of ``optimised``."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from expeditor.integrations.clients import Clients, Service, UnknownServiceError
from expeditor.integrations.endpoints import NoEndpointError
from expeditor.integrations.metadata import sdk_metadata
from expeditor.integrations.optimised import OPTIMISED, Optimised
from expeditor.integrations.pool import CallPool
from expeditor.integrations.refusals import failed, failed_optimised, unusable
from expeditor.integrations.shapes import Request, answer
from expeditor.integrations.tasks import (
    Cancel,
    Failed,
    Handler,
    Outcome,
    Pattern,
    Report,
    TaskRequest,
    bounded,
    stable_uuid,
    until_callback,
)
from expeditor.payloads import JSONValue, encode

SDK = "aws-sdk:"

_BASE64_SERVICES = frozenset({"dynamodb"})
"""Services whose blobs are base64 in parameters too; elsewhere the text is the blob."""

_HEADERS: Mapping[str, str] = {
    "connection": "Connection",
    "content-length": "Content-Length",
    "content-type": "Content-Type",
    "date": "Date",
    "server": "Server",
    "x-amzn-requestid": "x-amzn-RequestId",
}
"""Headers as services write them; botocore gives them in lower case."""


@dataclass(frozen=True, slots=True)
class _Action:
    """What to call, and as what; *optimised* is None for an SDK integration."""

    service: str
    action: str
    optimised: Optimised | None = None


class SdkTasks:
    """Calls AWS services on the threads of a pool. A call is made once; the state's Retry makes it again."""

    def __init__(self, clients: Clients, pool: CallPool) -> None:
        self._clients = clients
        self._pool = pool

    def handler(self, resource: str) -> Handler | None:
        """What performs a resource as written after ``arn:aws:states:::``; None when it is none of these."""
        name = resource.removesuffix(Pattern.CALLBACK)
        action = _action(name)
        if action is None:
            return None
        begin = partial(self._start, action)
        if name == resource:
            return begin
        return None if action.optimised is not None and not action.optimised.has_callback else until_callback(begin)

    def _start(self, action: _Action, request: TaskRequest, report: Report) -> Cancel | None:
        fields, optimised = request.parameters, action.optimised
        problems = (
            ["The value must be a JSON object"] if not isinstance(fields, dict) else _unsupported(fields, optimised)
        )
        if problems or not isinstance(fields, dict):
            report(unusable(fields, problems))
            return None
        given = fields if optimised is None else optimised.prepare(fields, request)
        return self._pool.submit(partial(self._call, action, request, given), report)

    def _call(self, action: _Action, request: TaskRequest, fields: dict[str, JSONValue]) -> Outcome:
        """Calls the service and waits for its answer; runs on a thread of the pool."""
        try:
            service = self._clients.service(action.service)
            model = service.operation(action.action)
        except (NoEndpointError, UnknownServiceError) as error:
            return Failed("States.Runtime", f"{request.resource} cannot be called: {error}")
        spelling = Request(is_base64=action.service in _BASE64_SERVICES)
        given = spelling.fields(fields, model.input_shape)
        if spelling.problems:
            return unusable(fields, spelling.problems)
        for name in model.idempotent_members:
            # The same token when the node asks again after a crash; botocore would draw another one.
            given.setdefault(name, stable_uuid(request, name))
        return _answered(action, service, model, given)


def _action(name: str) -> _Action | None:
    optimised = OPTIMISED.get(name)
    if optimised is not None:
        return _Action(optimised.service, optimised.action, optimised)
    service, _, action = name.removeprefix(SDK).partition(":")
    return _Action(service, action) if name.startswith(SDK) and service and action.isalnum() else None


def _unsupported(fields: dict[str, JSONValue], optimised: Optimised | None) -> list[str]:
    unknown = sorted(fields.keys() - optimised.fields) if optimised is not None else ()
    return [f"The field '{name}' is not supported by Step Functions" for name in unknown]


def _answered(action: _Action, service: Service, model: Any, given: dict[str, Any]) -> Outcome:
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        answered = service.call(action.action, given)
        metadata = answered.pop("ResponseMetadata", {})
        body = answer(answered, model.output_shape, is_optimised=action.optimised is not None)
    except (ClientError, BotoCoreError, ResponseParserError, ValueError) as error:
        if action.optimised is not None:
            return failed_optimised(action.optimised, service, error)
        return failed(service, error)
    assert isinstance(body, dict)
    if action.optimised is None:
        return bounded(encode(body), f"{SDK}{action.service}")
    failure = action.optimised.judge(body)
    return failure or bounded(_with_metadata(body, metadata), action.optimised.service)


def _with_metadata(body: dict[str, JSONValue], metadata: dict[str, Any]) -> bytes:
    headers = {_HEADERS.get(name, name): text for name, text in metadata.get("HTTPHeaders", {}).items()}
    return encode(dict(sorted((body | sdk_metadata(headers, metadata.get("RequestId", ""))).items())))
