"""What customers and their programs see of orders and offers; nothing else of a document leaves the service."""

import msgspec

from order_processing.domain import (
    AT_REST,
    Offer,
    Order,
    Outcome,
    Purpose,
    Voucher,
    VoucherState,
    grouped,
    voucher_code,
)

_ON_ITS_WAY = frozenset({Outcome.SUCCEEDED, Outcome.UNKNOWN})
_READABLE = frozenset({VoucherState.ISSUED, VoucherState.REDEEMED})


class VoucherView(msgspec.Struct, frozen=True):
    """One issued voucher; ``code`` is "" once it was revoked."""

    number: int
    code: str
    state: str
    issued_at: float | None
    expires_at: float
    time_zone: str
    redeemed_at: float | None


class TimelineView(msgspec.Struct, frozen=True):
    """What happened and when; who did it and why stays inside."""

    at: float
    event: str


class ShipmentView(msgspec.Struct, frozen=True):
    """Goods on their way."""

    quantity: int
    shipped_at: float | None
    tracking: str


class RefundView(msgspec.Struct, frozen=True):
    """Money on its way back; ``outcome`` is unknown until the payment provider has said that it is."""

    amount_minor: int
    at: float
    outcome: str


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``GET /orders/{order_id}``; instants are seconds since the epoch, amounts minor units."""

    order_id: str
    user_guid: str
    unit_id: str
    quantity: int
    status: str
    pipeline: str
    release: str
    title: str
    merchant: str
    city: str
    kind: str
    amount_minor: int
    currency: str
    created_at: float
    updated_at: float
    at_rest: bool
    version: int
    vouchers: tuple[VoucherView, ...]
    shipments: tuple[ShipmentView, ...]
    refunds: tuple[RefundView, ...]
    timeline: tuple[TimelineView, ...]
    links: dict[str, str]


class OfferView(msgspec.Struct, frozen=True, kw_only=True):
    """One element of ``GET /offers``."""

    unit_id: str
    title: str
    merchant: str
    city: str
    category: str
    kind: str
    price_minor: int
    currency: str
    stock_left: int
    max_per_order: int
    starts_at: float
    ends_at: float
    valid_days: int


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to ``POST /orders``; made only of what never changes, so that a replay is the same to the byte."""

    order_id: str
    status: str
    user_guid: str
    unit_id: str
    quantity: int
    amount_minor: int
    currency: str
    created_at: float
    links: dict[str, str]


def links(order_id: str) -> dict[str, str]:
    """Where an order can be seen, relative to the shop."""
    return {"self": f"/orders/{order_id}", "events": f"/orders/{order_id}/events"}


def receipt(order: Order) -> Receipt:
    """What is answered when *order* is on disk, and again whenever its key comes back."""
    return Receipt(
        order_id=order.order_id,
        status="received",
        user_guid=order.user_guid,
        unit_id=order.unit_id,
        quantity=order.quantity,
        amount_minor=order.amount.amount_minor,
        currency=order.amount.currency,
        created_at=order.created_at,
        links=links(order.order_id),
    )


def order_view(order: Order, voucher_secret: bytes) -> OrderView:
    """*order* as its owner may see it; codes are derived with *voucher_secret*, they are stored nowhere."""
    return OrderView(
        order_id=order.order_id,
        user_guid=order.user_guid,
        unit_id=order.unit_id,
        quantity=order.quantity,
        status=order.status.value,
        pipeline=order.pipeline.value,
        release=order.release,
        title=order.title,
        merchant=order.merchant,
        city=order.city,
        kind=order.kind.value,
        amount_minor=order.amount.amount_minor,
        currency=order.amount.currency,
        created_at=order.created_at,
        updated_at=order.updated_at,
        at_rest=order.status in AT_REST,
        version=order.version,
        vouchers=tuple(
            _voucher_view(voucher, order.order_id, voucher_secret)
            for voucher in order.vouchers
            if voucher.state is not VoucherState.PREPARED
        ),
        shipments=tuple(ShipmentView(each.quantity, each.shipped_at, each.tracking) for each in order.shipments),
        refunds=tuple(
            RefundView(each.amount_minor, each.settled_at or each.at, each.outcome.value)
            for each in order.payments
            if each.purpose is Purpose.REFUND and each.outcome in _ON_ITS_WAY
        ),
        timeline=tuple(TimelineView(entry.at, entry.event) for entry in order.timeline),
        links=links(order.order_id),
    )


def offer_view(offer: Offer) -> OfferView:
    """*offer* as it is on sale now."""
    return OfferView(
        unit_id=offer.unit_id,
        title=offer.title,
        merchant=offer.merchant,
        city=offer.city,
        category=offer.category.value,
        kind=offer.kind.value,
        price_minor=offer.price.amount_minor,
        currency=offer.price.currency,
        stock_left=offer.stock_left,
        max_per_order=offer.max_per_order,
        starts_at=offer.starts_at,
        ends_at=offer.ends_at,
        valid_days=offer.valid_days,
    )


def _voucher_view(voucher: Voucher, order_id: str, secret: bytes) -> VoucherView:
    readable = voucher.state in _READABLE
    return VoucherView(
        number=voucher.number,
        code=grouped(voucher_code(secret, order_id, voucher.number)) if readable else "",
        state=voucher.state.value,
        issued_at=voucher.issued_at,
        expires_at=voucher.expires_at,
        time_zone=voucher.time_zone,
        redeemed_at=voucher.redeemed_at,
    )
