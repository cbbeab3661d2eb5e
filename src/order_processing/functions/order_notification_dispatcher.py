"""Function ``order-notification-dispatcher``: from a notification to a running execution."""

import os
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import msgspec
from botocore.config import Config

# Loaded with the function rather than by the first decision of each worker, which is forked from the loaded function.
import order_processing.experiments.decisions
import order_processing.experiments.provider  # noqa: F401
from order_processing.errors import RefusedError
from order_processing.functions.task import Event
from order_processing.gateways import aws_client
from order_processing.operations import Claim, claim, shared_services

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.client import SFNClient


class NotificationError(RefusedError):
    """A message of the topic is not a notification of an order; it belongs into the dead-letter queue."""


class OrderNotification(msgspec.Struct, frozen=True):
    """What is needed of a notification; fields that a later release adds do not matter."""

    order_id: str


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Starts one execution per order, however often it is notified: claim and execution name see to that."""
    started: list[str] = []
    skipped: list[str] = []
    for notification in _notifications(event):
        claimed = claim(shared_services(), notification.order_id)
        (skipped if claimed is None else started).append(notification.order_id)
        if claimed is not None:
            _start(claimed)
    return {"started": started, "skipped": skipped}


def _notifications(event: Event) -> Iterator[OrderNotification]:
    for record in event["Records"]:
        message = record["Sns"]["Message"]
        try:
            yield msgspec.json.decode(message, type=OrderNotification)
        except msgspec.DecodeError as error:
            message_id = record["Sns"].get("MessageId")
            raise NotificationError(f"message {message_id} is no order notification ({error}); read it") from error


def _start(claimed: Claim) -> None:
    """Starts the execution that the claim names; that it exists already is as good."""
    order = claimed.order
    given = {
        "order_id": order.order_id,
        "user_guid": order.user_guid,
        "unit_id": order.unit_id,
        "epoch": claimed.epoch,
    }
    client = _client()
    try:
        client.start_execution(
            stateMachineArn=_machine_arn(claimed.release),
            name=order.owner.execution,
            input=msgspec.json.encode(given).decode(),
        )
    except client.exceptions.ExecutionAlreadyExists:
        return


def _machine_arn(release: str) -> str:
    """The state machine of a release, in the account and region of the current one."""
    return f"{os.environ['ORDER_STATE_MACHINE_ARN'].rpartition(':')[0]}:{release}"


@cache
def _client() -> "SFNClient":
    # Step Functions checks what is put together here as well.
    client: SFNClient = aws_client("stepfunctions", Config(parameter_validation=False))
    return client


def _load_client_models() -> None:
    """Makes a client and throws it away: the first one of a process takes 0.2 s, those after it 0.01 s.

    Done once while the function is loaded, before workers are forked from it; nothing is connected.
    """
    boto3.client("stepfunctions", region_name="us-east-1", aws_access_key_id="-", aws_secret_access_key="-")  # noqa: S106


_load_client_models()
