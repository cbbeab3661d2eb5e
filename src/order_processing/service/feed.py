"""Who is watching which order, and what they have not seen yet."""

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from order_processing.domain import Order
from order_processing.service.problems import Problem, ProblemError

WATCHERS_MAX = 2_000
POLL_SECONDS = 0.5


class Watcher:
    """One open page or stream. It holds only the newest version it has not seen, so a slow reader costs no memory.

    Attributes:
        order: the version seen last.
    """

    __slots__ = ("_changed", "_newest", "closed", "order")

    def __init__(self, order: Order) -> None:
        self.order = order
        self.closed = False
        self._newest = order
        self._changed = asyncio.Event()

    def show(self, order: Order) -> None:
        """Takes a version; an older one than is known changes nothing."""
        if order.version > self._newest.version:
            self._newest = order
            self._changed.set()

    def close(self) -> None:
        """Ends the waiting: the reader is gone, or the service stops."""
        self.closed = True
        self._changed.set()

    async def changed(self, patience: float) -> bool:
        """Waits for a newer version, which is then in ``order``; False after *patience* seconds without, or closed."""
        try:
            async with asyncio.timeout(patience):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        news = self._newest is not self.order
        self.order = self._newest
        return news


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

    def changed(self, order_ids: Collection[str]) -> None:
        """Takes the ids that a commit changed; callable from any thread."""
        if self._watchers and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._pass_on, order_ids)

    async def poll(self) -> None:
        """For a store that cannot tell what it commits: looks at the watched orders regularly, until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            self._pass_on(tuple(self._watchers))

    @contextmanager
    def watch(self, order: Order) -> Iterator[Watcher]:
        """Watches an order until the block ends; what changed since *order* was read is shown at once.

        Raises:
            ProblemError: WATCHERS_MAX are watching already.
        """
        if self._count >= WATCHERS_MAX:
            detail = f"{WATCHERS_MAX} streams are open; ask GET /orders/{order.order_id} from time to time instead"
            raise ProblemError(Problem.TOO_MANY_WATCHERS, detail, headers=((b"retry-after", b"5"),))
        watcher = Watcher(order)
        watcher.closed = self._closed
        self._watchers.setdefault(order.order_id, set()).add(watcher)
        self._count += 1
        try:
            self._pass_on((order.order_id,))
            yield watcher
        finally:
            self._leave(order.order_id, watcher)

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

    def _pass_on(self, order_ids: Collection[str]) -> None:
        for order_id in order_ids:
            watchers = self._watchers.get(order_id)
            order = self._read(order_id) if watchers else None
            if watchers and order is not None:
                for watcher in watchers:
                    watcher.show(order)
