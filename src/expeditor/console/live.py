"""Tells open pages that something changed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from expeditor.errors import ExpeditorError
from expeditor.executions import Change, Engine

LISTENERS_MAX = 200
HEARTBEAT_SECONDS = 15.0
PAUSE_SECONDS = 0.2
"""Least time between two messages to one page; what happens meanwhile is one message."""
LOOK_SECONDS = 1.0
"""How often a page that shows a file has it looked at."""

Stamp = Callable[[], object]


class TooManyListenersError(ExpeditorError):
    """So many pages are open that no more are kept current."""

    def __init__(self) -> None:
        super().__init__(f"{LISTENERS_MAX} pages are live already; close some, or reload this one by hand")


class Live:
    """Listeners of the engine's changes; the engine is subscribed to only while there are any."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._changed: set[asyncio.Event] = set()
        self._closed = False

    def close(self) -> None:
        """Ends all streams; the pages try again until a node answers."""
        self._closed = True
        for changed in self._changed:
            changed.set()

    def stream(self, execution_arn: str | None, stamp: Stamp | None = None) -> AsyncIterator[bytes]:
        """Server-sent events about one execution, or about all.

        Args:
            stamp: gives something else whenever a file was changed, which the engine does not tell of; such pages get
                at most one message a second.

        Raises:
            TooManyListenersError: 200 pages listen already.
        """
        if len(self._changed) >= LISTENERS_MAX:
            raise TooManyListenersError
        return self._messages(execution_arn, stamp or _still)

    async def _messages(self, execution_arn: str | None, stamp: Stamp) -> AsyncIterator[bytes]:
        changed = asyncio.Event()

        def heard(changes: list[Change]) -> None:
            if execution_arn is None or any(change.arn == execution_arn for change in changes):
                changed.set()

        unsubscribe = self._engine.subscribe(heard)
        self._changed.add(changed)
        patience = HEARTBEAT_SECONDS if stamp is _still else LOOK_SECONDS
        seen = stamp()
        try:
            yield b"retry: 1000\n\n"
            while not self._closed:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), patience)
                latest = stamp()
                if not changed.is_set() and latest == seen:
                    yield b": still here\n\n"
                    continue
                seen = latest
                changed.clear()
                yield b"data: changed\n\n"
                await asyncio.sleep(PAUSE_SECONDS if stamp is _still else LOOK_SECONDS)
        finally:
            self._changed.discard(changed)
            unsubscribe()


def _still() -> object:
    """The stamp of what never changes by itself."""
    return None
