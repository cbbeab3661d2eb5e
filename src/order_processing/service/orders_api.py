"""``/orders``: place an order, see it, watch it."""

import asyncio
import re

import msgspec

from order_processing.domain import AT_REST, Order
from order_processing.operations import Services
from order_processing.service.feed import OrderFeed
from order_processing.service.http import JSON, Reply, demand_media_type, header, header_values, read_body
from order_processing.service.journey import slow_at
from order_processing.service.pages import Pages, qr_svg
from order_processing.service.placing import Placing
from order_processing.service.problems import Problem, ProblemError
from order_processing.service.requests import idempotency_key, new_order
from order_processing.service.router import Request
from order_processing.service.streams import OrderStream
from order_processing.service.throttle import address_of
from order_processing.service.views import VoucherView, order_view, receipt
from order_processing.service.voucher_pdf import VoucherSheet, voucher_pdf
from order_processing.service.wording import valid_until

WAIT_SECONDS_MAX = 60.0
_WAIT = re.compile(rb"(?:^|[,;])\s*wait\s*=\s*([0-9]{1,6})\s*(?:$|[,;])", re.IGNORECASE)
_VARY = (b"vary", b"accept")


class OrdersApi:
    """Handlers of the order routes; the HTML ones show the same orders."""

    def __init__(self, services: Services, placing: Placing, feed: OrderFeed, pages: Pages) -> None:
        self._store = services.store
        self._clock = services.clock
        self._voucher_secret = services.voucher_secret
        self._placing = placing
        self._feed = feed
        self._pages = pages
        self._encode = msgspec.json.Encoder().encode
        self._events = OrderStream(feed, services.clock, "order", self._document)
        self._live = OrderStream(feed, services.clock, "page", pages.order_live, slow_at)

    async def place(self, request: Request) -> Reply:
        """``POST /orders``."""
        try:
            return await self._place(request)
        except ProblemError as error:
            self._placing.refused(error)
            raise

    async def _place(self, request: Request) -> Reply:
        demand_media_type(request.scope, JSON)
        key = idempotency_key(header_values(request.scope, b"idempotency-key"))
        wanted = new_order(await read_body(request.scope, request.receive))
        placed = await self._placing.place(wanted, key, address_of(request.scope))
        location = (b"location", b"/orders/" + placed.order.order_id.encode())
        headers = (location, (b"idempotent-replayed", b"true")) if placed.replayed else (location,)
        return Reply(201, self._encode(receipt(placed.order)), JSON, headers)

    async def see(self, request: Request) -> Reply:
        """``GET /orders/{order_id}``: the page for browsers, else the document.

        ``Prefer: wait=N`` (RFC 7240) asks for the answer once the order is at rest, or after N seconds, at most 60.
        """
        if request.wants_page():
            return self._pages.order(self._read(request))
        preferred = _WAIT.search(header(request.scope, b"prefer"))
        if preferred is None:
            order = self._read(request)
        else:
            order = await self._at_rest(request, min(WAIT_SECONDS_MAX, float(preferred[1])))
        return Reply(200, self._document(order), JSON, (_VARY,))

    async def events(self, request: Request) -> None:
        """``GET /orders/{order_id}/events``: documents as server-sent events."""
        await self._events.answer(request.parameters["order_id"], request)

    async def live(self, request: Request) -> None:
        """``GET /orders/{order_id}/live``: the changing part of the order page as server-sent events."""
        await self._live.answer(request.parameters["order_id"], request)

    async def qr(self, request: Request) -> Reply:
        """``GET /orders/{order_id}/vouchers/{number}.svg``: the code of one voucher as an image."""
        _, voucher = self._voucher(request)
        return Reply(200, qr_svg(voucher.code), b"image/svg+xml")

    async def pdf(self, request: Request) -> Reply:
        """``GET /orders/{order_id}/vouchers/{number}.pdf``: one voucher to print."""
        order, voucher = self._voucher(request)
        sheet = VoucherSheet(
            title=order.title,
            place=f"{order.merchant}, {order.city}",
            code=voucher.code,
            valid_until=valid_until(voucher),
            number=voucher.number,
            quantity=order.quantity,
        )
        name = b'inline; filename="voucher-%d.pdf"' % voucher.number
        body = await asyncio.to_thread(voucher_pdf, sheet)
        return Reply(200, body, b"application/pdf", ((b"content-disposition", name),))

    def _read(self, request: Request) -> Order:
        order = self._store.order(request.parameters["order_id"])
        if order is None:
            raise ProblemError(Problem.UNKNOWN_ORDER, "there is no order with this id; check the address")
        return order

    def _voucher(self, request: Request) -> tuple[Order, VoucherView]:
        """The voucher a request names, if its owner may see its code."""
        order = self._read(request)
        for voucher in order_view(order, self._voucher_secret()).vouchers:
            if str(voucher.number) == request.parameters["number"] and voucher.code:
                return order, voucher
        raise ProblemError(Problem.NOT_FOUND, "this order has no such voucher")

    def _document(self, order: Order) -> bytes:
        return self._encode(order_view(order, self._voucher_secret()))

    async def _at_rest(self, request: Request, patience: float) -> Order:
        deadline = self._clock.monotonic() + patience
        with self._feed.watch(request.parameters["order_id"], until_rest=True) as watcher:
            while watcher.order.status not in AT_REST and not watcher.closed:
                left = deadline - self._clock.monotonic()
                if left <= 0 or not await watcher.changed(left):
                    break
            return watcher.order
