"""Dead-letter queues: what subscriptions could not get, kept until it is redriven or purged."""

from collections.abc import Collection

from expeditor.store import Database
from expeditor.store import topics as store
from expeditor.topics.deliveries import Ports
from expeditor.topics.errors import NotFoundError
from expeditor.topics.model import DeadLetter, DeadReason, Message, QueueStats, Redriven, Region
from expeditor.topics.redrive import Redrive
from expeditor.topics.validation import check_queue_name


class DeadLetterQueues:
    """The queues and what is in them."""

    def __init__(self, database: Database, ports: Ports, region: Region, redrive: Redrive) -> None:
        self._database = database
        self._ports = ports
        self._region = region
        self._redrive = redrive
        self.names = frozenset(store.read_queues(database.reader))

    async def create(self, name: str) -> str:
        """Creates the queue called *name* unless it exists; gives its ARN.

        Raises:
            InvalidParameterError: the name breaks SQS's rules.
        """
        check_queue_name(name)
        now = self._ports.clock.now()
        await self._database.submit(lambda connection: store.put_queue(connection, name, now))
        self.names |= {name}
        return self._region.queue_arn(name)

    def stats(self) -> list[QueueStats]:
        """Depth and age of every queue, by name."""
        now = self._ports.clock.now()
        found = ((name, store.read_queue_depth(self._database.reader, name)) for name in sorted(self.names))
        return [
            QueueStats(name, row.depth, None if row.oldest_dead_at is None else now - row.oldest_dead_at)
            for name, row in found
        ]

    def letters(self, queue: str, *, limit: int = 100, after: int = 0) -> list[DeadLetter]:
        """Up to *limit* dead letters of *queue* with ids above *after*, oldest first.

        Raises:
            NotFoundError: there is no such queue.
        """
        self._check(queue)
        rows = store.read_dead_letters(self._database.reader, queue, after=after, limit=limit)
        return [_letter(row) for row in rows]

    def letter(self, dead_letter_id: int) -> DeadLetter:
        """One dead letter.

        Raises:
            NotFoundError: it was redriven or purged, or never was.
        """
        row = store.read_dead_letter(self._database.reader, dead_letter_id)
        if row is None:
            raise NotFoundError(f"Dead letter {dead_letter_id} does not exist; it may have been redriven or purged")
        return _letter(row)

    async def redrive(self, queue: str, ids: Collection[int] | None = None, *, rate: float | None = None) -> Redriven:
        """Makes dead letters deliveries again, with no attempt used; ends when the last one is.

        A letter goes to its subscription, or to one that has the same topic and endpoint since.

        Args:
            ids: which; None for all that are in the queue now.
            rate: deliveries per second; None for as fast as the endpoint takes them.

        Raises:
            NotFoundError: there is no such queue.
        """
        self._check(queue)
        return await self._redrive.run(queue, ids, rate)

    async def purge(self, queue: str) -> int:
        """Deletes all dead letters of *queue* for good; gives how many.

        Raises:
            NotFoundError: there is no such queue.
        """
        self._check(queue)
        return await self._database.submit(lambda connection: store.purge(connection, queue))

    def _check(self, queue: str) -> None:
        if queue not in self.names:
            raise NotFoundError(f"Queue {queue} does not exist; there are: {', '.join(sorted(self.names))}")


def _letter(row: store.DeadLetterRow) -> DeadLetter:
    message = Message(row.message_key, row.message_id, row.topic_arn, row.notification, row.published_at)
    return DeadLetter(
        row.dead_letter_id,
        row.queue_name,
        row.subscription_arn,
        row.endpoint,
        DeadReason(row.reason),
        row.attempts,
        row.first_error,
        row.first_failed_at,
        row.last_error,
        row.last_failed_at,
        row.dead_at,
        message,
    )
