"""Function ``close-shipment``."""

from typing import Any

from order_processing.functions.task import Event, take


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Cancels what the warehouse did not ship in time; ``shipped`` of the answer says what it did ship."""
    return take("close-shipment", event)
