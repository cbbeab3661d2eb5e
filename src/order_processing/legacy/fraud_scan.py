"""Job ``legacy-fraud-scan``; it also takes in the orders on which the instant pipeline has stalled."""

from collections.abc import Mapping
from typing import Any

from order_processing.domain import Order, OrderStatus
from order_processing.legacy.batches import Job, adopt_stalled, has_time, limit_of, run_job
from order_processing.operations import Services, load, release, scan_fraud, shared_services, start_processing


def screen(services: Services, order_id: str, epoch: int) -> Order:
    """Scans an order; one whose review nobody decided in time is rejected."""
    order = load(services, order_id)
    if order.status is OrderStatus.IN_REVIEW:
        return _overdue(services, order, epoch)
    start_processing(services, order_id, epoch)
    return scan_fraud(services, order_id, epoch)


def _overdue(services: Services, order: Order, epoch: int) -> Order:
    assert order.review is not None
    if services.clock.now() < order.review.deadline_at:
        return order
    reason = "nobody decided the fraud review in time"
    return release(services, order.order_id, epoch, OrderStatus.REJECTED, reason)


JOB = Job("legacy-fraud-scan", (OrderStatus.RECEIVED, OrderStatus.PROCESSING, OrderStatus.IN_REVIEW), screen)


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Runs the job once; ``limit`` bounds the batch."""
    services = shared_services()
    limit = limit_of(event)
    adopted = adopt_stalled(services, limit)
    return {"adopted": adopted, **run_job(services, JOB, limit, has_time(context)).as_json()}
