"""Function ``release-order``."""

from typing import Any

from order_processing.domain import OrderStatus
from order_processing.functions.task import Event, answer, owned
from order_processing.operations import release, shared_services


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Gives money and stock of an order back and ends it as ``outcome``: declined, rejected, failed or cancelled."""
    order_id, epoch = owned(event)
    outcome = OrderStatus(event["outcome"])
    return answer(release(shared_services(), order_id, epoch, outcome, str(event.get("reason", ""))), epoch)
