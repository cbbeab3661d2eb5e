"""Function ``request-fraud-review``."""

from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from order_processing.functions.task import Event, answer, owned
from order_processing.gateways import aws_client
from order_processing.operations import request_review, shared_services

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.client import SFNClient


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Asks a person to decide; the execution goes on when its ``task_token`` is answered.

    A decision that fell before anyone waited for it is passed on at once.
    """
    order_id, epoch = owned(event)
    task_token = str(event["task_token"])
    order = request_review(shared_services(), order_id, epoch, task_token)
    if order.review is not None and order.review.decision is not None:
        decision = {**answer(order, epoch), "fraud_verdict": order.review.decision.value}
        output = msgspec.json.encode(decision).decode()
        _client().send_task_success(taskToken=task_token, output=output)
    return answer(order, epoch)


@cache
def _client() -> "SFNClient":
    client: SFNClient = aws_client("stepfunctions")
    return client
