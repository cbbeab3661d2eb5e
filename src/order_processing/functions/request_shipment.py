"""Function ``request-shipment``."""

from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from order_processing.functions.task import Event, take
from order_processing.gateways import aws_client

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.client import SFNClient


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Asks the warehouse to ship; the execution goes on when its ``task_token`` is answered.

    A warehouse that ships at once has nobody else to tell it, so the answer is passed on here.
    """
    answer = take("request-shipment", event)
    if answer["closed"]:
        _client().send_task_success(taskToken=str(event["task_token"]), output=msgspec.json.encode(answer).decode())
    return answer


@cache
def _client() -> "SFNClient":
    client: SFNClient = aws_client("stepfunctions")
    return client
