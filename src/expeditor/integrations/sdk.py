"""AWS services through boto3: ``aws-sdk:service:action``, and the optimised forms of SQS, DynamoDB and EventBridge."""

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias

from expeditor.integrations.metadata import sdk_metadata
from expeditor.integrations.tasks import (
    Cancel,
    Failed,
    Handler,
    Outcome,
    Pattern,
    Report,
    TaskRequest,
    bounded,
    until_callback,
)
from expeditor.payloads import JSONValue, encode

SDK = "aws-sdk:"

OPTIMISED: Mapping[str, tuple[str, str]] = {
    "sqs:sendMessage": ("SQS", "AmazonSQS"),
    "dynamodb:getItem": ("DynamoDB", "AmazonDynamoDBv2"),
    "dynamodb:putItem": ("DynamoDB", "AmazonDynamoDBv2"),
    "dynamodb:updateItem": ("DynamoDB", "AmazonDynamoDBv2"),
    "dynamodb:deleteItem": ("DynamoDB", "AmazonDynamoDBv2"),
    "events:putEvents": ("EventBridge", "AmazonEventBridge"),
}
"""Resources with metadata in their results, and how their errors name the service."""

_NAMES = {"dynamodb": "DynamoDb", "eventbridge": "EventBridge", "sfn": "Sfn", "cloudwatchlogs": "CloudWatchLogs"}
_BOTO_NAMES = {"sfn": "stepfunctions", "eventbridge": "events", "cloudwatchlogs": "logs", "cloudwatch": "cloudwatch"}
_TEXTS = {"sqs:sendMessage": ("MessageBody",)}
"""Fields whose value may be any JSON, which is sent as its text."""

Client: TypeAlias = Any
Connect: TypeAlias = Callable[[str], Client]
"""Makes a boto3 client of a service, by boto3's name. Raises LookupError when no endpoint is configured for it."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where AWS services are reached.

    Attributes:
        default: for services that have none of their own; None refuses them.
        by_service: endpoint URLs by boto3's name of the service.
    """

    default: str | None = None
    by_service: Mapping[str, str] | None = None
    region: str = "us-east-1"
    access_key: str = "expeditor"
    secret_key: str = "expeditor"  # noqa: S105 - the node's own endpoint takes any

    def connect(self, service: str) -> Client:
        """A client that asks once and waits a little longer than the longest poll, which takes a minute."""
        url = (self.by_service or {}).get(service, self.default)
        if url is None:
            raise LookupError(f"no endpoint is configured for {service}; name one in the node's settings")
        # Imported here: boto3 takes a third of a second, and most nodes never call another service.
        import boto3
        from botocore.config import Config

        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=url,
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=75),
        )


class SdkTasks:
    """Calls AWS services on a few threads.

    Args:
        connect: makes clients; each service's client is made once and kept.
    """

    def __init__(self, connect: Connect, threads: int = 8) -> None:
        self._connect = connect
        self._clients: dict[str, Client] = {}
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="aws-sdk")

    def close(self) -> None:
        """Takes no more calls; does not wait for those under way."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def handler(self, resource: str) -> Handler | None:
        """What performs a resource as written after ``arn:aws:states:::``; None when it is none of these."""
        name = resource.removesuffix(Pattern.CALLBACK)
        if name not in OPTIMISED and not (name.startswith(SDK) and name.count(":") == 2):
            return None
        begin = partial(self._start, name)
        return begin if name == resource else until_callback(begin)

    def _start(self, name: str, request: TaskRequest, report: Report) -> Cancel | None:
        call = asyncio.get_running_loop().run_in_executor(self._pool, self._call, name, request.parameters)

        def finish(future: asyncio.Future[Outcome]) -> None:
            if future.cancelled():
                return
            error = future.exception()
            report(future.result() if error is None else Failed("States.Runtime", f"{name} failed: {error!r}"))

        call.add_done_callback(finish)
        return None

    def _call(self, name: str, parameters: JSONValue) -> Outcome:
        """Calls the service and waits; runs on a thread of the pool."""
        from botocore.exceptions import BotoCoreError, ClientError

        service, _, action = name.removeprefix(SDK).partition(":")
        prefix = _error_prefix(name, service)
        try:
            client = self._client(_BOTO_NAMES.get(service, service))
            return self._answer(name, client, action, parameters)
        except ClientError as error:
            return _refused(name, prefix, error)
        except LookupError as error:
            return Failed("States.Runtime", f"{name} cannot be called: {error}")
        except (BotoCoreError, ValueError) as error:
            return Failed(f"{prefix}.SdkClientException", str(error))

    def _answer(self, name: str, client: Client, action: str, parameters: JSONValue) -> Outcome:
        operation = action[:1].upper() + action[1:]
        methods = {known: method for method, known in client.meta.method_to_api_mapping.items()}
        if operation not in methods:
            raise LookupError(f"{client.meta.service_model.service_name} has no action {action}")
        model = client.meta.service_model.operation_model(operation)
        fields = parameters if isinstance(parameters, dict) else {}
        given = _to_shape(_with_texts(name, fields), model.input_shape)
        response = getattr(client, methods[operation])(**given)
        metadata = response.pop("ResponseMetadata", {})
        body = _from_shape(response, model.output_shape)
        if name in OPTIMISED and isinstance(body, dict):
            body |= sdk_metadata(metadata.get("HTTPHeaders", {}), metadata.get("RequestId", ""))
        return bounded(encode(body), name)

    def _client(self, service: str) -> Client:
        # Two threads may make the same client; the second one is as good, and clients may be shared by threads.
        if service not in self._clients:
            self._clients[service] = self._connect(service)
        return self._clients[service]


def _error_prefix(name: str, service: str) -> str:
    if name in OPTIMISED:
        return OPTIMISED[name][0]
    return _NAMES.get(service, service[:1].upper() + service[1:])


def _refused(name: str, prefix: str, error: Any) -> Failed:
    """The failure of a task whose service answered with an error."""
    detail, metadata = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    code = detail.get("Code", "Unknown").rpartition(".")[2]
    message, status = detail.get("Message", ""), metadata.get("HTTPStatusCode")
    request_id = metadata.get("RequestId", "")
    kind = code if code.endswith("Exception") else f"{code}Exception"
    if name in OPTIMISED:
        service = OPTIMISED[name][1]
        tail = f"Service: {service}; Status Code: {status}; Error Code: {code}; Request ID: {request_id}; Proxy: null"
        return Failed(f"{prefix}.{kind}", f"{message} ({tail})")
    tail = f"Service: {prefix}, Status Code: {status}, Request ID: {request_id}"
    return Failed(f"{prefix}.{kind}", f"{message} ({tail}) (SDK Attempt Count: 1)")


def _with_texts(name: str, fields: dict[str, JSONValue]) -> dict[str, JSONValue]:
    """AWS sends values that are no text as their JSON text, where the service wants text."""
    texts: dict[str, JSONValue] = {
        key: json.dumps(fields[key], separators=(",", ":"))
        for key in _TEXTS.get(name, ())
        if key in fields and not isinstance(fields[key], str)
    }
    return fields | texts


def _to_shape(value: Any, shape: Any) -> Any:
    """A definition's parameters, which are in PascalCase, in the spelling of the service's model."""
    if shape is None:
        return value
    if shape.type_name == "structure" and isinstance(value, dict):
        members = {member.lower(): (member, inner) for member, inner in shape.members.items()}
        known = {key: members.get(key.lower(), (key, None)) for key in value}
        return {known[key][0]: _to_shape(each, known[key][1]) for key, each in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [_to_shape(each, shape.member) for each in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _to_shape(each, shape.value) for key, each in value.items()}
    return value


def _from_shape(value: Any, shape: Any) -> JSONValue:
    """A service's answer as JSON, its fields in PascalCase; the keys of maps are data and stay."""
    if shape is not None and shape.type_name == "structure" and isinstance(value, dict):
        return {key[:1].upper() + key[1:]: _from_shape(each, shape.members.get(key)) for key, each in value.items()}
    if shape is not None and shape.type_name == "map" and isinstance(value, dict):
        return {key: _from_shape(each, shape.value) for key, each in value.items()}
    if isinstance(value, list):
        return [_from_shape(each, shape.member if shape is not None else None) for each in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if hasattr(value, "read"):
        value = value.read()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    plain: JSONValue = value
    return plain
