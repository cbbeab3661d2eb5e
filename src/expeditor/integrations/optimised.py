"""The optimised integrations that ask a service's API, as a table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from expeditor.integrations.tasks import Failed, TaskRequest
from expeditor.payloads import JSONValue, encode

Fields: TypeAlias = dict[str, JSONValue]


@dataclass(frozen=True, slots=True)
class Optimised:
    """One action.

    Attributes:
        service, action: as in an SDK integration.
        prefix: what the names of its errors begin with.
        title: the service's name in the causes of errors.
        fields: the parameters that Step Functions passes on.
        has_callback: whether ``.waitForTaskToken`` is offered.
        prepare: changes the parameters before they are sent.
        judge: finds a failure in an answer that came with status 200.
    """

    service: str
    action: str
    prefix: str
    title: str
    fields: frozenset[str]
    has_callback: bool = False
    prepare: Callable[[Fields, TaskRequest], Fields] = lambda fields, _request: fields
    judge: Callable[[Fields], Failed | None] = lambda _answer: None

    @property
    def unnamed_error(self) -> str:
        """The class of errors that the service's model has no name for."""
        return f"{self.title.removesuffix('v2')}Exception"


def _with_resources(fields: Fields, request: TaskRequest) -> Fields:
    """Every event names the machine and the execution. Source: "Add EventBridge events with Step Functions"."""
    entries = fields.get("Entries")
    if not isinstance(entries, list):
        return fields
    origin: list[JSONValue] = [_machine_arn(request.execution_arn), request.execution_arn]
    return fields | {"Entries": [_with_origin(entry, origin) for entry in entries]}


def _with_origin(entry: JSONValue, origin: list[JSONValue]) -> JSONValue:
    if not isinstance(entry, dict):
        return entry
    given = entry.get("Resources")
    return entry | {"Resources": [*given, *origin] if isinstance(given, list) else origin}


def _machine_arn(execution_arn: str) -> str:
    """The machine of an execution, of a Standard or Express machine or of a map run's child."""
    parts = execution_arn.split(":")
    if len(parts) < 7 or parts[5] not in ("execution", "express"):
        return execution_arn
    return ":".join([*parts[:5], "stateMachine", parts[6].partition("/")[0]])


def _refused_entries(answer: Fields) -> Failed | None:
    """Source: "Add EventBridge events with Step Functions", key features."""
    return Failed("EventBridge.FailedEntry", encode(answer).decode()) if answer.get("FailedEntryCount") else None


_CONDITIONS = (
    "ConditionalOperator ConditionExpression Expected ExpressionAttributeNames ExpressionAttributeValues"
    " ReturnConsumedCapacity ReturnItemCollectionMetrics ReturnValues"
)
_READING = "AttributesToGet ConsistentRead ExpressionAttributeNames ProjectionExpression ReturnConsumedCapacity"


def _dynamodb(action: str, fields: str) -> Optimised:
    every = frozenset(fields.split()) | {"TableName"}
    return Optimised("dynamodb", action, "DynamoDB", "AmazonDynamoDBv2", every)


def _messages(service: str, action: str, fields: str, **more: Any) -> Optimised:
    prefix = service.upper()
    return Optimised(service, action, prefix, f"Amazon{prefix}", frozenset(fields.split()), has_callback=True, **more)


OPTIMISED: Mapping[str, Optimised] = {
    "dynamodb:getItem": _dynamodb("getItem", f"Key {_READING}"),
    "dynamodb:putItem": _dynamodb("putItem", f"Item {_CONDITIONS}"),
    "dynamodb:deleteItem": _dynamodb("deleteItem", f"Key {_CONDITIONS}"),
    "dynamodb:updateItem": _dynamodb("updateItem", f"Key AttributeUpdates UpdateExpression {_CONDITIONS}"),
    "sqs:sendMessage": _messages(
        "sqs",
        "sendMessage",
        "DelaySeconds MessageAttributes MessageBody MessageDeduplicationId MessageGroupId QueueUrl",
    ),
    "sns:publish": _messages(
        "sns",
        "publish",
        "Message MessageAttributes MessageDeduplicationId MessageGroupId MessageStructure PhoneNumber Subject TargetArn"
        " TopicArn",
    ),
    "lambda:invoke": Optimised(
        "lambda",
        "invoke",
        "Lambda",
        "AWSLambda",
        frozenset({"ClientContext", "FunctionName", "InvocationType", "LogType", "Payload", "Qualifier"}),
        has_callback=True,
    ),
    "events:putEvents": Optimised(
        "eventbridge",
        "putEvents",
        "EventBridge",
        "AmazonEventBridge",
        frozenset({"Entries"}),
        has_callback=True,
        prepare=_with_resources,
        judge=_refused_entries,
    ),
}
"""By what stands after ``arn:aws:states:::``. Source: the developer guide's pages on each service."""
