"""Function ``resolve-unknown-payments``, run on a schedule."""

from typing import Any

from order_processing.functions.task import Event
from order_processing.operations import resolve_unknown, shared_services


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Finds out what became of payments and gives back what nobody is owed; ``limit`` bounds the run."""
    services = shared_services()
    report = resolve_unknown(services, int(event["limit"])) if "limit" in event else resolve_unknown(services)
    return report.as_json()
