"""Function ``fraud-scan``."""

from typing import Any

from order_processing.functions.task import Event, answer, owned
from order_processing.operations import scan_fraud, shared_services


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Gives the order its verdict: ``cleared``, ``fraud`` or ``review``."""
    order_id, epoch = owned(event)
    order = scan_fraud(shared_services(), order_id, epoch)
    assert order.fraud is not None
    return {
        **answer(order, epoch),
        "fraud_verdict": order.fraud.verdict.value,
        "fraud_score": order.fraud.score,
    }
