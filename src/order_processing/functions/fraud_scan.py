"""Function ``fraud-scan``."""

from typing import Any

from order_processing.functions.task import Event, answer, owned
from order_processing.operations import preview_fraud, scan_fraud, shared_services


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Gives the order its verdict: ``cleared``, ``fraud`` or ``review``; with ``dry_run`` it only tells it."""
    order_id, epoch = owned(event)
    services = shared_services()
    order = preview_fraud(services, order_id) if event.get("dry_run") else scan_fraud(services, order_id, epoch)
    assert order.fraud is not None
    return {
        **answer(order, epoch),
        "fraud_verdict": order.fraud.verdict.value,
        "fraud_score": order.fraud.score,
    }
