"""Server-sent events: an order's state now, then each change, until it is at rest."""

import asyncio
from collections.abc import Callable

from order_processing.clock import Clock
from order_processing.domain import AT_REST, Order
from order_processing.service.feed import OrderFeed, Watcher
from order_processing.service.http import STREAM_HEADERS, Receive, Reply, Send, header, send_reply
from order_processing.service.router import Request

HEARTBEAT_SECONDS = 15.0
SEND_SECONDS_MAX = 30.0
_HEARTBEAT = b": still here\n\n"
_RETRY = b"retry: 1000\n\n"
_RENDERED_MAX = 512

Render = Callable[[Order], bytes]
"""An order as the data of one event; may have several lines."""


class OrderStream:
    """One kind of stream, such as JSON documents or parts of the order page.

    Each version of an order is rendered once, however many watch it.

    Args:
        event: the events' name.
        turns_at: when an order that does not change begins to look different; None when it never does.
    """

    def __init__(
        self,
        feed: OrderFeed,
        clock: Clock,
        event: str,
        render: Render,
        turns_at: Callable[[Order], float | None] = lambda _: None,
    ) -> None:
        self._feed = feed
        self._clock = clock
        self._event = event.encode()
        self._render = render
        self._turns_at = turns_at
        self._rendered: dict[str, tuple[Order, bytes]] = {}

    async def answer(self, order_id: str, request: Request) -> None:
        """Streams an order and its changes.

        ``Last-Event-ID`` (or ``seen`` in the query, which a page can set for its first connection) is the version seen
        last, which is not repeated. When an order at rest has been seen, the
        answer is 204, which tells browsers not to come back.

        Raises:
            ProblemError: it cannot be watched.
        """
        seen = header(request.scope, b"last-event-id") or request.query(("seen",)).get("seen", "").encode()
        with self._feed.watch(order_id) as watcher:
            request.started = True
            if watcher.order.status in AT_REST and seen == b"%d" % watcher.order.version:
                await send_reply(request.send, Reply(204, b"", b"text/event-stream"))
                return
            gone = asyncio.create_task(_close_when_gone(request.receive, watcher))
            try:
                await self._stream(watcher, seen, request.send)
            finally:
                gone.cancel()

    async def _stream(self, watcher: Watcher, seen: bytes, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(STREAM_HEADERS)})
        known = seen == b"%d" % watcher.order.version
        await _write(send, _RETRY if known else _RETRY + self._message(watcher.order))
        while not watcher.closed and watcher.order.status not in AT_REST:
            await self._follow(watcher, send)
        await send({"type": "http.response.body", "body": b""})

    async def _follow(self, watcher: Watcher, send: Send) -> None:
        """Waits for one change and sends it, or a heartbeat, or the same version once it looks different."""
        left = self._left(watcher.order)
        turns = left is not None and left < HEARTBEAT_SECONDS
        if await watcher.changed(left if turns and left is not None else HEARTBEAT_SECONDS):
            await _write(send, self._message(watcher.order))
        elif turns and not watcher.closed:
            self._rendered.pop(watcher.order.order_id, None)
            await _write(send, self._message(watcher.order))
        elif not watcher.closed:
            await _write(send, _HEARTBEAT)

    def _left(self, order: Order) -> float | None:
        """Seconds until *order* looks different by itself; None when it does already or never will."""
        at = self._turns_at(order)
        now = self._clock.now()
        return None if at is None or at <= now else at - now

    def _message(self, order: Order) -> bytes:
        rendered = self._rendered.get(order.order_id)
        if rendered is not None and rendered[0].version == order.version:
            return rendered[1]
        lines = b"".join(b"data: " + line + b"\n" for line in self._render(order).split(b"\n"))
        message = b"id: %d\nevent: %b\n%b\n" % (order.version, self._event, lines)
        if len(self._rendered) >= _RENDERED_MAX:
            self._rendered.clear()
        self._rendered[order.order_id] = (order, message)
        return message


async def _write(send: Send, message: bytes) -> None:
    """Sends a part; a reader that takes nothing for SEND_SECONDS_MAX loses the stream and may come back."""
    async with asyncio.timeout(SEND_SECONDS_MAX):
        await send({"type": "http.response.body", "body": message, "more_body": True})


async def _close_when_gone(receive: Receive, watcher: Watcher) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    watcher.close()
