"""An offer and an order to start from; each test says what matters to it."""

from typing import Any

import msgspec

from order_processing.domain import (
    Category,
    Money,
    Offer,
    OfferKind,
    Order,
    OrderStatus,
    Owner,
    Pipeline,
)

VOUCHER_SECRET = b"s" * 32


def an_offer(**changes: Any) -> Offer:
    """A voucher for a spa in Austin, 25.00 USD, 10 left."""
    offer = Offer(
        unit_id="spa",
        title="A day at the spa",
        merchant="Lumen Studio",
        city="Austin",
        category=Category.BEAUTY,
        kind=OfferKind.VOUCHER,
        price=Money(2_500),
        stock_left=10,
    )
    return msgspec.structs.replace(offer, **changes)


def an_order(**changes: Any) -> Order:
    """Two spa vouchers, just received."""
    order = Order(
        schema=1,
        order_id="o-1",
        user_guid="u-1",
        unit_id="spa",
        quantity=2,
        payment_token="tok_ok",
        amount=Money(5_000),
        title="A day at the spa",
        merchant="Lumen Studio",
        city="Austin",
        time_zone="America/Chicago",
        kind=OfferKind.VOUCHER,
        valid_days=90,
        status=OrderStatus.RECEIVED,
        pipeline=Pipeline.INSTANT,
        owner=Owner(pipeline=Pipeline.INSTANT),
        created_at=1_700_000_000.0,
        updated_at=1_700_000_000.0,
        version=1,
    )
    return msgspec.structs.replace(order, **changes)
