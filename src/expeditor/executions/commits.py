"""One commit at a time; what arrives meanwhile joins the next one."""

import asyncio
import logging
from collections.abc import Sized
from functools import partial
from typing import Protocol

import apsw

from expeditor.executions.running import Batch, Rows, Running, refuse
from expeditor.store import Database, executions, map_runs, state_machines

_log = logging.getLogger(__name__)

COMPANY_MIN = 2
GATHER_SECONDS = 0.002
GATHERED_SHARE = 0.25
GATHERED_MAX = 16
"""After a commit with COMPANY_MIN executions others are expected, and the next one gathers: until it has that share of
all that run or so many of them, but not longer than that."""


class Effects(Protocol):
    """What follows from a commit."""

    def perform(self, batch: Batch, taken: frozenset[int]) -> None:
        """Does what *batch* asks for; it is on disk, but for the started executions *taken*, whose names were."""
        ...

    def lose(self, lost: dict[int, Running], error: BaseException) -> None:
        """Drops executions whose commit failed: whether it is on disk is unknown."""
        ...


class Commits:
    """Writes batches, at most one at a time; many small ones would cost more than what is in them.

    Args:
        running: as many as there are executions in memory.

    Attributes:
        batch: gathers what the next commit writes.
    """

    def __init__(self, database: Database, effects: Effects, running: Sized) -> None:
        self.batch = Batch()
        self._database = database
        self._effects = effects
        self._running = running
        self._loop = asyncio.get_running_loop()
        self._gathering: asyncio.TimerHandle | None = None
        self._in_flight: Batch | None = None
        self._idle: asyncio.Future[None] | None = None

    def submit(self) -> None:
        """Writes what has gathered, unless a commit is in flight or there is more to come."""
        if self._in_flight is not None or (self._gathering is not None and not self._has_enough()):
            return
        self._stop_gathering()
        if not self.batch:
            if self._idle is not None and not self._idle.done():
                self._idle.set_result(None)
            return
        batch, self.batch = self.batch, Batch()
        self._in_flight = batch
        self._database.submit(partial(_write, batch.rows())).add_done_callback(self._committed)

    def drained(self) -> "asyncio.Future[None]":
        """Resolves when nothing is left to write."""
        if self._idle is None:
            self._idle = self._loop.create_future()
        self._submit_now()
        return self._idle

    def _has_enough(self) -> bool:
        return len(self.batch.touched) >= min(GATHERED_MAX, len(self._running) * GATHERED_SHARE)

    def _stop_gathering(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None

    def _submit_now(self) -> None:
        self._stop_gathering()
        self.submit()

    def _committed(self, future: "asyncio.Future[frozenset[int]]") -> None:
        batch, self._in_flight = self._in_flight, None
        assert batch is not None
        error = future.exception()
        if error is not None:
            self._lose(batch, error)
            self.submit()
            return
        if len(batch.touched) >= COMPANY_MIN and self._idle is None:
            self._gathering = self._loop.call_later(GATHER_SECONDS, self._submit_now)
        # The next commit goes first, so that the disk works while the effects of this one are performed.
        self.submit()
        self._effects.perform(batch, future.result())

    def _lose(self, batch: Batch, error: BaseException) -> None:
        """Gives up the failed batch and what was built on it meanwhile."""
        _log.error("a commit failed, %d executions are rebuilt from the journal: %s", len(batch.touched), error)
        built_on_it, self.batch = self.batch, Batch()
        for waiter, _ in (*batch.answers, *built_on_it.answers):
            refuse(waiter, error)
        self._effects.lose({**batch.touched, **built_on_it.touched}, error)


def _write(rows: Rows, connection: apsw.Connection) -> frozenset[int]:
    taken = executions.write(connection, rows.started, rows.entries, rows.closed)
    if rows.map_runs:
        map_runs.put(connection, rows.map_runs)
    if rows.closed:
        state_machines.finish_deletions(connection)
    return taken
