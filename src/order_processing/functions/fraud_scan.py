"""Function ``fraud-scan``."""

from typing import Any

from order_processing.functions.task import Event, take


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Gives the order its verdict: ``cleared``, ``fraud`` or ``review``; with ``dry_run`` it only tells it."""
    return take("fraud-scan", event)
