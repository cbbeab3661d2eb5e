"""What the handlers have in common: the input and the output of a task of the state machine."""

from collections.abc import Mapping
from typing import Any

from order_processing.domain import Order
from order_processing.errors import RefusedError

Event = Mapping[str, Any]
"""JSON as Lambda hands it over."""


class TaskInputError(RefusedError):
    """The event names no order, or no epoch to act under."""

    def __init__(self, field: str) -> None:
        super().__init__(f"the task's input has no {field}; pass order_id and epoch on from the execution's input")
        self.field = field


def owned(event: Event) -> tuple[str, int]:
    """The order a task is about and the epoch of whoever sent it.

    Raises:
        TaskInputError: one of them is missing.
    """
    order_id, epoch = event.get("order_id"), event.get("epoch")
    if not isinstance(order_id, str) or not order_id:
        raise TaskInputError("order_id")
    if not isinstance(epoch, int):
        raise TaskInputError("epoch")
    return order_id, epoch


def answer(order: Order, epoch: int) -> dict[str, Any]:
    """What every task returns: enough for the next state, even if nothing else of its input were kept."""
    return {
        "order_id": order.order_id,
        "epoch": epoch,
        "user_guid": order.user_guid,
        "unit_id": order.unit_id,
        "kind": order.kind.value,
        "status": order.status.value,
    }
