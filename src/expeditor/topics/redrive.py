"""Redrive: dead letters become deliveries of their subscription again, in pieces, at a rate."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from expeditor.store import Database
from expeditor.store import topics as store
from expeditor.topics.deliveries import Deliveries, Ports
from expeditor.topics.lane import Lane
from expeditor.topics.model import Redriven

CHUNK = 500
"""Dead letters that become deliveries in one piece of writing; a rate makes it smaller: a second's worth."""


@dataclass(frozen=True, slots=True)
class Redrive:
    """Moves dead letters back.

    Attributes:
        lane_for: the lane a dead letter belongs to now; None when its subscription is gone.
        delivery_ids: fresh ids, above all that were given before.
    """

    database: Database
    ports: Ports
    deliveries: Deliveries
    lane_for: Callable[[store.DeadAddressRow], Lane | None]
    delivery_ids: Iterator[int]

    async def run(self, queue: str, wanted: Collection[int] | None, rate: float | None) -> Redriven:
        """Redrives what was in *queue* when it was called.

        Args:
            wanted: ids of dead letters; None for all.
            rate: deliveries per second; None for no limit. One that is stopped half way leaves the rest in the queue.
        """
        assert rate is None or rate > 0
        pace = 0.0 if rate is None else 1.0 / rate
        moved, left = 0, list[int]()
        for chunk in self._chunks(queue, wanted, CHUNK if rate is None else max(1, min(CHUNK, int(rate)))):
            known = [(row, lane) for row in chunk if (lane := self.lane_for(row)) is not None]
            left += sorted({row.dead_letter_id for row in chunk} - {row.dead_letter_id for row, _ in known})
            moved += await self._revive(known, pace)
            if pace:
                await self._pause(len(known) * pace)
        return Redriven(moved, left)

    def _chunks(
        self, queue: str, wanted: Collection[int] | None, size: int
    ) -> Iterator[Sequence[store.DeadAddressRow]]:
        """The dead letters wanted, up to the last that is in the queue now: those that come back stay there."""
        last = store.read_last_dead_letter_id(self.database.reader, queue)
        after = 0
        while after < last:
            rows = store.read_dead_addresses(self.database.reader, queue, after=after, limit=size)
            if not rows:
                return
            after = rows[-1].dead_letter_id
            yield [
                row for row in rows if row.dead_letter_id <= last and (wanted is None or row.dead_letter_id in wanted)
            ]

    async def _revive(self, letters: Sequence[tuple[store.DeadAddressRow, Lane]], pace: float) -> int:
        if not letters:
            return 0
        now = self.ports.clock.now()
        rows = [
            store.RevivedRow(
                letter.dead_letter_id, next(self.delivery_ids), lane.subscription.subscription_id, now + index * pace
            )
            for index, (letter, lane) in enumerate(letters)
        ]
        future = self.database.submit(lambda connection: store.revive(connection, rows))
        future.add_done_callback(partial(self._revived, {lane for _, lane in letters}))
        return len(await asyncio.shield(future))

    def _revived(self, lanes: Collection[Lane], _: "asyncio.Future[list[int]]") -> None:
        """Has the lanes read their new deliveries; also when it is not known whether they were written."""
        for lane in lanes:
            self.deliveries.uncertain(lane)

    async def _pause(self, seconds: float) -> None:
        rung: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        alarm = self.ports.new_alarm()
        alarm.set(self.ports.clock.now() + seconds, lambda: rung.set_result(None))
        try:
            await rung
        finally:
            alarm.set(None, lambda: None)
