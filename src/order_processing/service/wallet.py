"""``/vouchers``: the vouchers of the orders that this browser placed; guests have no account, so it keeps the list."""

from typing import NamedTuple

from order_processing.domain import AT_REST, OfferKind, Order, Standing, Voucher, grouped, standing, voucher_code
from order_processing.operations import Services, readable
from order_processing.service.http import Reply, Scope
from order_processing.service.pages import Pages
from order_processing.service.router import Request
from order_processing.service.sessions import Seal, cookie, cookie_header

ORDERS_MAX = 50
YEAR_SECONDS = 31_536_000
COOKIE = "orders"


class WalletEntry(NamedTuple):
    """One voucher in the list; ``code`` only while it is of use."""

    order: Order
    voucher: Voucher
    code: str


class Wallet:
    """The list of orders in a signed cookie, and the page that shows their vouchers."""

    def __init__(self, services: Services, pages: Pages) -> None:
        self._services = services
        self._pages = pages
        self._seal = Seal(services.voucher_secret, "orders")

    def with_order(self, scope: Scope, order_id: str) -> bytes:
        """The Set-Cookie header that adds an order to the browser's list, which keeps the newest ``ORDERS_MAX``."""
        known = [each for each in self._order_ids(scope) if each != order_id]
        content = {"orders": [order_id, *known][:ORDERS_MAX]}
        return cookie_header(COOKIE, self._seal.sealed(content), "/", YEAR_SECONDS, same_site="Lax")

    async def page(self, request: Request) -> Reply:
        """``GET /vouchers``."""
        found = (readable(self._services, order_id) for order_id in self._order_ids(request.scope))
        orders = [order for order in found if order is not None]
        groups: dict[str, list[WalletEntry]] = {each.value: [] for each in Standing}
        for order in orders:
            for voucher in order.vouchers:
                worth = standing(voucher, self._services.clock.now())
                if worth is not None and voucher.issued_at is not None:
                    groups[worth.value].append(self._entry(order, voucher, worth))
        others = [order for order in orders if order.kind is OfferKind.SALE_ITEM or order.status not in AT_REST]
        return self._pages.page("wallet.html", groups=groups, others=others)

    def _entry(self, order: Order, voucher: Voucher, worth: Standing) -> WalletEntry:
        if worth is not Standing.VALID:
            return WalletEntry(order, voucher, "")
        secret = self._services.voucher_secret()
        return WalletEntry(order, voucher, grouped(voucher_code(secret, order.order_id, voucher.number)))

    def _order_ids(self, scope: Scope) -> list[str]:
        content = self._seal.opened(cookie(scope, COOKIE))
        return [] if content is None else list(content["orders"])
