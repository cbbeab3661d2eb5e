"""Function ``authorize-payments``."""

from typing import Any

from order_processing.functions.task import Event, answer, owned
from order_processing.operations import authorize, shared_services


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Reserves the order's amount on the customer's card."""
    order_id, epoch = owned(event)
    return answer(authorize(shared_services(), order_id, epoch), epoch)
