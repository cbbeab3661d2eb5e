"""Functions that are not to be invoked for now; on AWS their reserved concurrency is 0."""

import asyncio

import apsw

from expeditor.functions.catalogue import Catalogue, existing_latest
from expeditor.store import functions as functions_store


class Pauses(Catalogue):
    """Which functions are paused; kept across restarts. Whoever invokes one is told to come again later."""

    def is_paused(self, name: str) -> bool:
        """Whether *name*, with all its versions, is paused."""
        return functions_store.is_paused(self._database.reader, name)

    def pause(self, name: str) -> "asyncio.Future[None]":
        """Lets no further invocation of *name* begin; those under way go on.

        Raises (through the future):
            ResourceNotFoundError.
        """
        paused_at = self._surroundings.clock.now()

        def run(connection: apsw.Connection) -> None:
            existing_latest(connection, name)
            functions_store.put_pause(connection, name, paused_at)

        return self._write(name, run)

    def resume(self, name: str) -> "asyncio.Future[None]":
        """Lets *name* be invoked again; nothing happens when it was not paused.

        Raises (through the future):
            ResourceNotFoundError.
        """

        def run(connection: apsw.Connection) -> None:
            existing_latest(connection, name)
            functions_store.delete_pause(connection, name)

        return self._write(name, run)
