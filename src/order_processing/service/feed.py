"""Who is watching which order, and what they have not seen yet."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from order_processing.domain import AT_REST, Order, decode_order
from order_processing.service.problems import Problem, ProblemError
from order_processing.stores import PutDocument

WATCHERS_MAX = 2_000
POLL_SECONDS = 0.5


News = Order | PutDocument
"""A version of an order, decoded only for those who look at it."""

_AT_REST = frozenset(status.value for status in AT_REST)


class Watcher:
    """One open page or stream. It holds only the newest version it has not seen, so a slow reader costs no memory.

    Args:
        until_rest: whether it waits for the order to come to rest, rather than for each change.

    Attributes:
        order: the version seen last; set by ``begin``.
    """

    __slots__ = ("_changed", "_newest", "_until_rest", "closed", "order")

    order: Order

    def __init__(self, *, until_rest: bool = False, closed: bool = False) -> None:
        self.closed = closed
        self._until_rest = until_rest
        self._changed = asyncio.Event()

    def begin(self, order: Order) -> None:
        """Takes the first version, before any other is shown."""
        self.order = order
        self._newest: News = order

    def show(self, news: News) -> None:
        """Takes a version; an older one than is known changes nothing."""
        if news.version > self._newest.version:
            self._newest = news
            if not self._until_rest or _status(news) in _AT_REST:
                self._changed.set()

    def close(self) -> None:
        """Ends the waiting: the reader is gone, or the service stops."""
        self.closed = True
        self._changed.set()

    async def changed(self, patience: float) -> bool:
        """Waits for what it is here for, at most *patience* seconds; ``order`` is the newest version then.

        False: there is no newer one.
        """
        timer = asyncio.get_running_loop().call_later(patience, self._changed.set)
        try:
            await self._changed.wait()
        finally:
            timer.cancel()
        self._changed.clear()
        is_news = self._newest is not self.order
        self._newest = self.order = _order(self._newest)
        return is_news


class OrderFeed:
    """Passes changed orders on to those who watch them; belongs to the event loop it is made on.

    Args:
        read: the order as last committed; only called for orders that somebody watches.
    """

    def __init__(self, read: Callable[[str], Order | None]) -> None:
        self._read = read
        self._loop = asyncio.get_running_loop()
        self._watchers: dict[str, set[Watcher]] = {}
        self._count = 0
        self._closed = False

    def changed(self, written: Iterable[PutDocument]) -> None:
        """Takes the orders that a commit changed; callable from any thread."""
        watched = [each for each in written if each.order_id in self._watchers]
        if watched and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._pass_on, watched)

    async def poll(self) -> None:
        """For a store that cannot tell what it commits: looks at the watched orders regularly, until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            for order_id in tuple(self._watchers):
                self._look(order_id)

    @contextmanager
    def watch(self, order_id: str, *, until_rest: bool = False) -> Iterator[Watcher]:
        """Watches an order until the block ends; what is written while it is read is shown as well.

        Args:
            until_rest: see ``Watcher``; one whose order is at rest counts for nothing.

        Raises:
            ProblemError: there is no such order, or WATCHERS_MAX are watching already.
        """
        watcher = Watcher(until_rest=until_rest, closed=self._closed)
        self._watchers.setdefault(order_id, set()).add(watcher)
        self._count += 1
        try:
            watcher.begin(self._demand(order_id))
            if self._count > WATCHERS_MAX and not (until_rest and watcher.order.status in AT_REST):
                detail = f"{WATCHERS_MAX} streams are open; ask GET /orders/{order_id} from time to time instead"
                raise ProblemError(Problem.TOO_MANY_WATCHERS, detail, headers=((b"retry-after", b"5"),))
            yield watcher
        finally:
            self._leave(order_id, watcher)

    def close(self) -> None:
        """Ends every stream, so that the service can stop; their readers reconnect to the next one."""
        self._closed = True
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.close()

    def _leave(self, order_id: str, watcher: Watcher) -> None:
        self._count -= 1
        watchers = self._watchers[order_id]
        watchers.discard(watcher)
        if not watchers:
            del self._watchers[order_id]

    def _demand(self, order_id: str) -> Order:
        order = self._read(order_id)
        if order is None:
            raise ProblemError(Problem.UNKNOWN_ORDER, "there is no order with this id; check the address")
        return order

    def _look(self, order_id: str) -> None:
        order = self._read(order_id)
        if order is not None:
            self._pass_on((order,))

    def _pass_on(self, news: Iterable[News]) -> None:
        for each in news:
            for watcher in self._watchers.get(each.order_id, ()):
                watcher.show(each)


def _status(news: News) -> str:
    return news.status if isinstance(news, PutDocument) else news.status.value


def _order(news: News) -> Order:
    return decode_order(news.document) if isinstance(news, PutDocument) else news
