"""Function ``release-order``."""

from typing import Any

from order_processing.functions.task import Event, take


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Gives money and stock of an order back and ends it as ``outcome``: declined, rejected, failed or cancelled."""
    return take("release-order", event)
