"""Job ``legacy-fulfilment``."""

from collections.abc import Mapping
from typing import Any

from order_processing.domain import OfferKind, Order, OrderStatus, patience_until, shipped_quantity, waits_for_warehouse
from order_processing.legacy.batches import Job, confirm_missed, has_time, limit_of, run_job
from order_processing.operations import (
    PaymentDeclinedError,
    Services,
    capture_delivered,
    close_shipment,
    issue_vouchers,
    load,
    release,
    request_shipment,
    reserve_shipment,
    send_confirmation,
    shared_services,
)

_PREPARE = {OfferKind.VOUCHER: issue_vouchers, OfferKind.SALE_ITEM: reserve_shipment}


def fulfil(services: Services, order_id: str, epoch: int) -> Order:
    """Prepares what was bought, takes the money for what was delivered, writes to the customer.

    While the warehouse takes its time the order stays with it; the job comes back when it has shipped, or is late.
    """
    order = load(services, order_id)
    order = _PREPARE[order.kind](services, order_id, epoch)
    if order.kind is OfferKind.SALE_ITEM:
        order = _shipped(services, order_id, epoch)
        if waits_for_warehouse(order):
            return order
        if not shipped_quantity(order):
            return release(services, order_id, epoch, OrderStatus.FAILED, "the warehouse could not ship it")
    try:
        capture_delivered(services, order_id, epoch)
    except PaymentDeclinedError as error:
        return release(services, order_id, epoch, OrderStatus.DECLINED, str(error))
    return send_confirmation(services, order_id, epoch)


def _shipped(services: Services, order_id: str, epoch: int) -> Order:
    """The order after the warehouse was asked, and once its time is over without what it did not ship."""
    order = request_shipment(services, order_id, epoch)
    if waits_for_warehouse(order) and patience_until(order) <= services.clock.now():
        return close_shipment(services, order_id, epoch, "the warehouse did not ship in time")
    return order


JOB = Job("legacy-fulfilment", (OrderStatus.AUTHORIZED, OrderStatus.FULFILLING), fulfil)


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Runs the job once, then writes the confirmations that were missed; ``limit`` bounds the batch."""
    services, limit = shared_services(), limit_of(event)
    report = run_job(services, JOB, limit, has_time(context))
    return {**report.as_json(), "confirmed": confirm_missed(services, limit)}
