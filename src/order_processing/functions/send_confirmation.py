"""Function ``send-confirmation``."""

from typing import Any

from order_processing.functions.task import Event, take


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Writes to the customer."""
    return take("send-confirmation", event)
