"""Function ``capture-payments``."""

from typing import Any

from order_processing.functions.task import Event, take


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Takes the money; with it the order is completed."""
    return take("capture-payments", event)
