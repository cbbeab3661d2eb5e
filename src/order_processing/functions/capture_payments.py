"""Function ``capture-payments``."""

from typing import Any

from order_processing.functions.task import Event, answer, owned
from order_processing.operations import capture, shared_services


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Takes the money; with it the order is completed."""
    order_id, epoch = owned(event)
    return answer(capture(shared_services(), order_id, epoch), epoch)
