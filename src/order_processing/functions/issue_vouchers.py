"""Function ``issue-vouchers``."""

from typing import Any

from order_processing.functions.task import Event, answer, owned
from order_processing.operations import issue_vouchers, shared_services


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Prepares one voucher per unit; they are shown once the payment is captured."""
    order_id, epoch = owned(event)
    order = issue_vouchers(shared_services(), order_id, epoch)
    return {**answer(order, epoch), "vouchers": len(order.vouchers)}
