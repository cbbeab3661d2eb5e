"""Outcomes on their way to disk: those of a burst go in one piece, and one piece at a time is under way."""

import asyncio
from collections.abc import Callable
from functools import partial

from expeditor.clock import Clock
from expeditor.store import Database
from expeditor.store import topics as store
from expeditor.topics.lane import Delivery
from expeditor.topics.model import DeadReason

RETRY_SECONDS = 1.0
"""Before outcomes whose commit failed are written again."""


class _Outcomes:
    """What attempts came to and is not yet on disk."""

    __slots__ = ("dead", "delivered", "failed", "message_keys")

    def __init__(self) -> None:
        self.delivered: list[int] = []
        self.failed: list[store.FailedRow] = []
        self.dead: list[store.DeadRow] = []
        self.message_keys: list[int] = []

    def __bool__(self) -> bool:
        return bool(self.delivered or self.failed or self.dead)

    def before(self, later: "_Outcomes") -> "_Outcomes":
        """These and *later* in one."""
        self.delivered += later.delivered
        self.failed += later.failed
        self.dead += later.dead
        self.message_keys += later.message_keys
        return self

    def settlement(self) -> store.Settlement:
        """The same for the store; each message once."""
        return store.Settlement(self.delivered, self.failed, self.dead, list(set(self.message_keys)))


class Settler:
    """Collects outcomes and writes them. *settled* is called when there is more to write.

    Attributes:
        retry_at: when a failed write is made again, None while all is well.
    """

    def __init__(self, database: Database, clock: Clock, settled: Callable[[], None]) -> None:
        self.retry_at: float | None = None
        self._database = database
        self._clock = clock
        self._settled = settled
        self._outcomes = _Outcomes()
        self._writing: asyncio.Future[None] | None = None

    def delivered(self, delivery: Delivery) -> None:
        """The endpoint has it: the row goes, and the message with its last row."""
        self._outcomes.delivered.append(delivery.delivery_id)
        self._outcomes.message_keys.append(delivery.message_key)

    def failed(self, row: store.FailedRow) -> None:
        """One more attempt is used up."""
        self._outcomes.failed.append(row)

    def dead(self, delivery: Delivery) -> None:
        """No attempt is left: the row moves to the subscription's queue, or to the discarded."""
        queue = delivery.lane.subscription.dead_letter_queue or store.DISCARDED
        now = self._clock.now()
        self._outcomes.dead.append(store.DeadRow(delivery.delivery_id, queue, DeadReason.ATTEMPTS_EXHAUSTED, now))

    def write(self) -> None:
        """Writes what is known, unless a write is under way: what comes meanwhile makes the next one."""
        if self._writing is not None or not self._outcomes:
            return
        if self.retry_at is not None and self._clock.now() < self.retry_at:
            return
        batch, self._outcomes = self._outcomes, _Outcomes()
        settlement = batch.settlement()
        self._writing = self._database.submit(lambda connection: store.settle(connection, settlement), patient=True)
        self._writing.add_done_callback(partial(self._written, batch))

    async def finish(self) -> None:
        """Writes all that is known; gives up when it cannot be written, as it is then delivered again."""
        self.write()
        while self._writing is not None:
            await asyncio.wait([self._writing])
            self.write()

    def _written(self, batch: _Outcomes, future: "asyncio.Future[None]") -> None:
        """Writing twice is the same as once, so a commit of unknown outcome is simply made again."""
        self._writing = None
        if future.exception() is None:
            self.retry_at = None
        else:
            self._outcomes = batch.before(self._outcomes)
            self.retry_at = self._clock.now() + RETRY_SECONDS
        if self._outcomes:
            self._settled()
