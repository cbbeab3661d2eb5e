"""Function ``reserve-shipment``."""

from typing import Any

from order_processing.functions.task import Event, answer, owned
from order_processing.operations import reserve_shipment, shared_services


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Has the warehouse put the goods of a sale item aside."""
    order_id, epoch = owned(event)
    return answer(reserve_shipment(shared_services(), order_id, epoch), epoch)
