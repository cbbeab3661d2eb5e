"""Job ``legacy-fulfilment``."""

from collections.abc import Mapping
from typing import Any

from order_processing.domain import OfferKind, Order, OrderStatus
from order_processing.legacy.batches import Job, confirm_missed, has_time, limit_of, run_job
from order_processing.operations import (
    PaymentDeclinedError,
    Services,
    capture,
    issue_vouchers,
    load,
    release,
    reserve_shipment,
    send_confirmation,
    shared_services,
)

_PREPARE = {OfferKind.VOUCHER: issue_vouchers, OfferKind.SALE_ITEM: reserve_shipment}


def fulfil(services: Services, order_id: str, epoch: int) -> Order:
    """Prepares what was bought, takes the money, writes to the customer."""
    order = load(services, order_id)
    _PREPARE[order.kind](services, order_id, epoch)
    try:
        capture(services, order_id, epoch)
    except PaymentDeclinedError as error:
        return release(services, order_id, epoch, OrderStatus.DECLINED, str(error))
    return send_confirmation(services, order_id, epoch)


JOB = Job("legacy-fulfilment", (OrderStatus.AUTHORIZED, OrderStatus.FULFILLING), fulfil)


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Runs the job once, then writes the confirmations that were missed; ``limit`` bounds the batch."""
    services, limit = shared_services(), limit_of(event)
    report = run_job(services, JOB, limit, has_time(context))
    return {**report.as_json(), "confirmed": confirm_missed(services, limit)}
