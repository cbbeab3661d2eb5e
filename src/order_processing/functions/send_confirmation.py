"""Function ``send-confirmation``."""

from typing import Any

from order_processing.functions.task import Event, answer, owned
from order_processing.operations import send_confirmation, shared_services


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Writes to the customer."""
    order_id, epoch = owned(event)
    return answer(send_confirmation(shared_services(), order_id, epoch), epoch)
