"""What tests of payments do with a shop's orders."""

from order_processing.domain import Order
from order_processing.operations import authorize, capture, claim, issue_vouchers, load, scan_fraud, start_processing

from ..worlds import LedgerPayments
from .conftest import Shop, settings


def operator(shop: Shop) -> str:
    """The value of the header that lets operators in."""
    return f"Bearer {settings(shop.store.path.parent).operator_token_file.read_text()}"


def provider(shop: Shop) -> LedgerPayments:
    assert isinstance(shop.services.payments, LedgerPayments)
    return shop.services.payments


async def cleared(shop: Shop, **wanted: object) -> tuple[str, int]:
    """An order that waits for its payment: its id and epoch."""
    order_id = (await shop.order(f"key-{len(provider(shop).asked)}-{wanted}", **wanted)).json["order_id"]
    claimed = claim(shop.services, order_id)
    assert claimed is not None
    start_processing(shop.services, order_id, claimed.epoch)
    scan_fraud(shop.services, order_id, claimed.epoch)
    return order_id, claimed.epoch


async def completed(shop: Shop, **wanted: object) -> str:
    """The id of an order that was paid and delivered."""
    order_id, epoch = await cleared(shop, **wanted)
    authorize(shop.services, order_id, epoch)
    issue_vouchers(shop.services, order_id, epoch)
    capture(shop.services, order_id, epoch)
    return order_id


def order_of(shop: Shop, order_id: str) -> Order:
    return load(shop.services, order_id)
