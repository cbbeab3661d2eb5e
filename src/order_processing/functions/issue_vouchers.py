"""Function ``issue-vouchers``."""

from typing import Any

from order_processing.functions.task import Event, take


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Prepares one voucher per unit; they are shown once the payment is captured."""
    return take("issue-vouchers", event)
