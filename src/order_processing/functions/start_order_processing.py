"""Function ``start-order-processing``."""

from typing import Any

from order_processing.functions.task import Event, answer, owned
from order_processing.operations import shared_services, start_processing


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Marks that work on the order has begun."""
    order_id, epoch = owned(event)
    return answer(start_processing(shared_services(), order_id, epoch), epoch)
