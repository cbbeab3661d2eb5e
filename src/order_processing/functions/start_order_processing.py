"""Function ``start-order-processing``."""

from typing import Any

from order_processing.functions.task import Event, take


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Marks that work has begun."""
    return take("start-order-processing", event)
