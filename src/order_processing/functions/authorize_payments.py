"""Function ``authorize-payments``."""

from typing import Any

from order_processing.functions.task import Event, take


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Reserves the order's amount on the customer's card."""
    return take("authorize-payments", event)
