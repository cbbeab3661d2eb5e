"""Function ``sweep-holds``, run on a schedule."""

from typing import Any

from order_processing.functions.task import Event
from order_processing.operations import shared_services, sweep_holds


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Releases, settles or extends stock holds that have expired; ``limit`` bounds the sweep."""
    services = shared_services()
    return (sweep_holds(services, int(event["limit"])) if "limit" in event else sweep_holds(services)).as_json()
