"""Function ``reserve-shipment``."""

from typing import Any

from order_processing.functions.task import Event, take


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Has the warehouse put the goods of a sale item aside."""
    return take("reserve-shipment", event)
