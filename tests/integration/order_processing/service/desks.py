"""What tests of vouchers share: a shop that has sold some, merchants with tokens, forms as browsers send them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from order_processing.domain import Order, grouped, voucher_code
from order_processing.operations import (
    Services,
    authorize,
    capture,
    claim,
    issue_vouchers,
    scan_fraud,
    start_processing,
)

from .asking import Answer
from .conftest import Shop, settings

Operation = Callable[[Services, str, int], Order]

TILL, OWNER, RIVAL = "mt_till", "mt_owner", "mt_rival"
HTML = "text/html,application/xhtml+xml,*/*;q=0.8"


def with_merchants(shop: Shop) -> Shop:
    """Two users of the merchant whose spa the shop sells, and one of another merchant."""
    hashes = {token: hashlib.sha256(token.encode()).hexdigest() for token in (TILL, OWNER, RIVAL)}
    merchants = {
        "Lumen Studio": {"till": hashes[TILL], "owner": hashes[OWNER]},
        "The Blue Room": {"bar": hashes[RIVAL]},
    }
    write_merchants(shop, merchants)
    return shop


def write_merchants(shop: Shop, merchants: Mapping[str, Mapping[str, str]]) -> None:
    """Puts a new file in the place of the old one, as the CLI does."""
    path = settings(shop.store.path.parent).merchants_file
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(merchants))
    draft.replace(path)


async def sold(shop: Shop, quantity: int = 1) -> Order:
    """An order with issued vouchers."""
    order_id = (await shop.order("sold-1", quantity=quantity)).json["order_id"]
    return delivered(shop, order_id)


def delivered(shop: Shop, order_id: str, upto: Operation = capture) -> Order:
    """The order after every operation up to and including *upto*."""
    claimed = claim(shop.services, order_id)
    assert claimed is not None
    for operation in (start_processing, scan_fraud, authorize, issue_vouchers, capture):
        order = operation(shop.services, order_id, claimed.epoch)
        if operation is upto:
            break
    return order


def code_of(shop: Shop, order: Order, number: int = 1) -> str:
    """The code as its owner reads it."""
    return grouped(voucher_code(shop.services.voucher_secret(), order.order_id, number))


async def ask_desk(shop: Shop, path: str, code: str, token: str = TILL, **headers: str) -> Answer:
    """POST /vouchers/... with a merchant's token."""
    return await shop.post(f"/vouchers/{path}", {"code": code}, authorization=f"Bearer {token}", **headers)


async def send(shop: Shop, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
    """Sends a form of the shop's own pages."""
    given = {"content_type": "application/x-www-form-urlencoded", "sec_fetch_site": "same-origin", "accept": HTML}
    return await shop.ask("POST", path, urlencode(fields).encode(), headers={**given, **headers})


def cookie_of(answer: Answer) -> str:
    """What a browser sends back."""
    return answer.headers["set-cookie"].partition(";")[0]
