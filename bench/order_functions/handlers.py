"""The five handlers of the measured order machine: a few lines of plain Python each, as the shop's own functions."""

import hashlib
from typing import Any

Order = dict[str, Any]


def start_order(order: Order, _context: object) -> Order:
    """Marks the order as being processed."""
    return order | {"status": "processing"}


def fraud_scan(order: Order, _context: object) -> Order:
    """Gives a verdict; every order of the measurement is cleared."""
    score = sum(line["quantity"] for line in order["lines"]) + order["amount_minor"] // 10_000
    return order | {"fraud_verdict": "cleared" if score < 1_000 else "fraud"}


def authorize_payment(order: Order, _context: object) -> Order:
    """Makes up an authorisation from the order's own data."""
    reference = hashlib.sha256(order["order_id"].encode()).hexdigest()[:16]
    return order | {"authorization": {"id": reference, "amount_minor": order["amount_minor"]}}


def issue_voucher(order: Order, _context: object) -> Order:
    """Makes up a voucher code per unit."""
    codes = [f"{order['authorization']['id']}-{n}" for n in range(order["lines"][0]["quantity"])]
    return order | {"vouchers": codes}


def send_mail(order: Order, _context: object) -> Order:
    """Says what would be mailed."""
    return order | {"mail": {"to": order["user_guid"], "subject": f"Your {len(order['vouchers'])} vouchers"}}


ALL = (start_order, fraud_scan, authorize_payment, issue_voucher, send_mail)


def whole_order(order: Order) -> Order:
    """All five in a row; the way every order of the measurement takes."""
    for handler in ALL:
        order = handler(order, None)
    return order
