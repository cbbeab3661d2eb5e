"""Deletes artifacts that no version uses, as soon as nothing runs from them any more."""

import asyncio
from collections.abc import Callable

from expeditor.functions.catalogue import Surroundings
from expeditor.store import functions as functions_store

AGAIN_SECONDS = 60.0
"""After so long it is looked again whether processes still run from code that no version uses."""


class Sweeper:
    """A version is deleted before its artifact; what a crash leaves between the two, the next start finds.

    Args:
        running: artifacts that retired processes still run from.
    """

    def __init__(self, surroundings: Surroundings, running: Callable[[], set[str]]) -> None:
        self._surroundings = surroundings
        self._running = running
        self._loop = asyncio.get_running_loop()
        self._again: asyncio.TimerHandle | None = None

    def sweep(self) -> None:
        """Takes what nobody uses out of its place; the files are deleted on another thread."""
        self.close()
        used = functions_store.artifacts(self._surroundings.database.reader)
        running = self._running() - used
        delete = self._surroundings.artifacts.take_away(used | running)
        if delete is not None:
            self._loop.run_in_executor(None, delete)
        if running:
            self._again = self._loop.call_later(AGAIN_SECONDS, self.sweep)

    def close(self) -> None:
        """Looks no further."""
        if self._again is not None:
            self._again.cancel()
            self._again = None
