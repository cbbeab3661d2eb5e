"""Job ``legacy-payment-authorization``."""

from collections.abc import Mapping
from typing import Any

from order_processing.domain import Order, OrderStatus, Purpose
from order_processing.legacy.batches import Job, has_time, limit_of, run_job
from order_processing.legacy.fulfilment import fulfil
from order_processing.operations import PaymentDeclinedError, Services, authorize, load, settle_unknown, shared_services


def pay(services: Services, order_id: str, epoch: int) -> Order:
    """Authorises an order's payment, after finding out what became of whatever was asked before."""
    order = settle_unknown(services, order_id, epoch, Purpose.CAPTURE)
    if order.status not in JOB.statuses:
        return fulfil(services, order_id, epoch)
    try:
        return authorize(services, order_id, epoch)
    except PaymentDeclinedError:
        return load(services, order_id)


JOB = Job("legacy-payment-authorization", (OrderStatus.CLEARED, OrderStatus.PAYMENT_UNKNOWN), pay)


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Runs the job once; ``limit`` bounds the batch."""
    return run_job(shared_services(), JOB, limit_of(event), has_time(context)).as_json()
