"""Orders watched live: what is sent when, and when it ends."""

import asyncio
from typing import Any

import pytest

from order_processing.domain import Order, OrderStatus, TimelineEntry, moved, noted
from order_processing.service import feed as feeds
from order_processing.service import streams
from order_processing.stores import PutDocument, PutOrder
from order_processing.stores.rows import rows_of

from .conftest import Shop

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 10


class Stream:
    """One open event stream, read message by message."""

    def __init__(self, shop: Shop, target: str, headers: dict[str, str]) -> None:
        path, _, query = target.partition("?")
        fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        self._scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": query.encode(),
            "headers": [(b"host", b"localhost"), *fields],
        }
        self._sent: asyncio.Queue[Any] = asyncio.Queue()
        self._gone = asyncio.Event()
        self.task = asyncio.create_task(shop.app(self._scope, self._receive, self._sent.put))
        self._asked = False

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def next(self) -> Any:
        async with asyncio.timeout(PATIENCE_SECONDS):
            message = await self._sent.get()
        return message["status"] if "status" in message else message["body"].decode()

    async def leave(self) -> None:
        self._gone.set()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.task


@pytest.fixture
async def order_id(shop: Shop) -> Any:
    return (await shop.order()).json["order_id"]


async def advance(shop: Shop, order_id: str, to: OrderStatus) -> None:
    """Moves the order on, committed by another thread as functions do."""
    order = shop.store.order(order_id)
    assert order is not None
    after = moved(order, to, TimelineEntry(shop.clock.now(), to.value, "test"))
    await asyncio.wrap_future(shop.store.commit((PutOrder(after, order.version),)))


async def test_a_stream_begins_with_the_order_as_it_is(shop: Shop, order_id: str) -> None:
    stream = Stream(shop, f"/orders/{order_id}/events", {})

    assert await stream.next() == 200
    first = await stream.next()
    assert first.startswith('retry: 1000\n\nid: 1\nevent: order\ndata: {"order_id":')
    assert first.endswith("\n\n")
    await stream.leave()


async def test_each_change_is_sent_and_the_end_ends_the_stream(shop: Shop, order_id: str) -> None:
    stream = Stream(shop, f"/orders/{order_id}/events", {})
    assert [await stream.next(), (await stream.next())[:5]] == [200, "retry"]

    await advance(shop, order_id, OrderStatus.PROCESSING)
    assert '"status":"processing"' in await stream.next()
    await advance(shop, order_id, OrderStatus.REJECTED)
    assert '"status":"rejected"' in await stream.next()

    assert await stream.next() == ""
    await stream.leave()


async def test_what_was_seen_is_not_sent_again(shop: Shop, order_id: str) -> None:
    resumed = Stream(shop, f"/orders/{order_id}/events", {"last_event_id": "1"})
    first_time = Stream(shop, f"/orders/{order_id}/live?seen=1", {})

    for stream in (resumed, first_time):
        assert await stream.next() == 200
        assert await stream.next() == "retry: 1000\n\n"
        await stream.leave()


async def test_a_change_that_was_missed_is_sent_on_return(shop: Shop, order_id: str) -> None:
    await advance(shop, order_id, OrderStatus.PROCESSING)
    stream = Stream(shop, f"/orders/{order_id}/events", {"last_event_id": "1"})

    assert await stream.next() == 200
    assert "id: 2\n" in await stream.next()
    await stream.leave()


async def test_an_order_at_rest_that_was_seen_needs_no_stream(shop: Shop, order_id: str) -> None:
    await advance(shop, order_id, OrderStatus.CANCELLED)
    stream = Stream(shop, f"/orders/{order_id}/events", {"last_event_id": "2"})

    assert await stream.next() == 204
    await stream.leave()


async def test_a_version_is_rendered_once_for_all_who_watch(
    shop: Shop, order_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = []
    original = streams.OrderStream._message

    def counted(self: Any, order: Any) -> bytes:
        if order.order_id not in self._rendered or self._rendered[order.order_id][0].version != order.version:
            rendered.append(order.version)
        return original(self, order)

    monkeypatch.setattr(streams.OrderStream, "_message", counted)
    watching = [Stream(shop, f"/orders/{order_id}/events", {}) for _ in range(20)]
    for stream in watching:
        assert await stream.next() == 200
        await stream.next()
    await advance(shop, order_id, OrderStatus.PROCESSING)
    for stream in watching:
        assert "processing" in await stream.next()
        await stream.leave()

    assert rendered == [1, 2]


async def test_silence_is_filled_with_heartbeats(shop: Shop, order_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.01)
    stream = Stream(shop, f"/orders/{order_id}/events", {})
    await stream.next()
    await stream.next()

    assert await stream.next() == ": still here\n\n"
    await stream.leave()


async def test_the_page_says_when_an_order_becomes_slow(shop: Shop, order_id: str) -> None:
    shop.clock.advance(9.99)
    stream = Stream(shop, f"/orders/{order_id}/live", {})
    assert await stream.next() == 200
    assert "Taking longer" not in await stream.next()
    shop.clock.advance(1)

    assert "Taking longer than usual." in await stream.next()
    await stream.leave()


async def test_watchers_are_bounded(shop: Shop, order_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "WATCHERS_MAX", 1)
    stream = Stream(shop, f"/orders/{order_id}/events", {})
    await stream.next()

    refused = await shop.get(f"/orders/{order_id}/events")

    assert refused.status == 503
    assert refused.headers["retry-after"] == "5"
    await stream.leave()
    again = Stream(shop, f"/orders/{order_id}/events", {})
    assert await again.next() == 200
    await again.leave()


async def test_a_stream_of_an_unknown_order_is_not_found(shop: Shop) -> None:
    assert (await shop.get("/orders/nobody/events")).status == 404


async def test_closing_the_feed_ends_all_streams(shop: Shop, order_id: str) -> None:
    stream = Stream(shop, f"/orders/{order_id}/events", {})
    await stream.next()
    await stream.next()

    shop.service.feed.close()

    assert await stream.next() == ""
    await stream.leave()


async def test_a_store_that_tells_nothing_is_polled(shop: Shop, order_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "POLL_SECONDS", 0.001)
    order = shop.store.order(order_id)
    assert order is not None
    newer = noted(order, TimelineEntry(1.0, "noted", "test"))
    stored = [order, newer]
    feed = feeds.OrderFeed(lambda _: stored.pop(0) if len(stored) > 1 else newer)
    polling = asyncio.create_task(feed.poll())

    with feed.watch(order_id) as watcher:
        assert watcher.order is order
        assert await watcher.changed(PATIENCE_SECONDS)
        assert watcher.order is newer

    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)


async def test_a_change_while_the_order_is_read_is_shown(shop: Shop, order_id: str) -> None:
    order = shop.store.order(order_id)
    assert order is not None
    newer = noted(order, TimelineEntry(1.0, "noted", "test"))

    def read_late(_: str) -> Order:
        feed.changed(each for each in rows_of((PutOrder(newer, order.version),)) if isinstance(each, PutDocument))
        return order

    feed = feeds.OrderFeed(read_late)

    with feed.watch(order_id) as watcher:
        assert await watcher.changed(PATIENCE_SECONDS)
        assert watcher.order == newer


async def test_an_order_at_rest_is_told_however_many_are_watched(
    shop: Shop, order_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "WATCHERS_MAX", 0)
    assert (await shop.get(f"/orders/{order_id}", prefer="wait=5")).status == 503
    await advance(shop, order_id, OrderStatus.PROCESSING)
    await advance(shop, order_id, OrderStatus.REJECTED)

    assert (await shop.get(f"/orders/{order_id}", prefer="wait=5")).status == 200


@pytest.mark.parametrize("path", ["events", "live"])
async def test_a_query_that_makes_no_sense_is_refused_before_the_order_is_looked_for(shop: Shop, path: str) -> None:
    assert (await shop.get(f"/orders/unknown/{path}?since=1")).status == 400
    assert (await shop.get(f"/orders/unknown/{path}?seen=1")).status == 404
