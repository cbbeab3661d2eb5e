"""From the outbox to the topic: every order's notification is published at least once, then taken out of the outbox."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from order_processing.clock import Clock
from order_processing.errors import OrderProcessingError, TransientError
from order_processing.ids import Ids
from order_processing.stores import Notification, OrderStore, RemoveNotifications

_log = logging.getLogger(__name__)

BATCH_MAX = 10
"""SNS takes at most so many messages in one PublishBatch."""

READ_MAX = 100
GATHER_FACTOR = 2.0
GATHER_SECONDS_MAX = 0.05
"""After a batch the next orders gather for as many times as long as it took to publish it, at most for the second: so
batches grow as the machine gets busy. The first order after a quiet moment never waits."""

BACKOFF_FIRST_SECONDS = 0.05
BACKOFF_MAX_SECONDS = 5.0
"""After a failure the pause doubles from the first to the last; new orders do not shorten it."""


class PublishError(TransientError):
    """The topic did not take the batch, or nobody knows whether it did; publishing it again is safe."""


class Publisher(Protocol):
    """Where notifications go."""

    def publish(self, batch: Sequence[Notification]) -> frozenset[Notification]:
        """Publishes up to BATCH_MAX notifications; gives those that were taken.

        Raises:
            PublishError: none is known to have been taken.
        """
        ...


@dataclass(slots=True)
class RelayFigures:
    """What the relay has done since it started, for metrics.

    Attributes:
        failures: batches of which at least one notification was not taken.
        oldest_unpublished_at: instant at which the oldest notification seen in the outbox was written; None when the
            outbox was empty.
    """

    published: int = 0
    batches: int = 0
    failures: int = 0
    oldest_unpublished_at: float | None = None


class Relay:
    """One thread that empties the outbox.

    It is woken by each accepted order, so nothing waits for a poll; while one batch is on its way the next orders
    gather, so batches grow with the load by themselves. A crash between publishing and removing publishes again; a
    notification leaves the outbox only after the topic took it.

    Args:
        connect: makes the publisher, on the relay's own thread, as soon as it starts.
    """

    def __init__(self, store: OrderStore, connect: Callable[[], Publisher], clock: Clock, ids: Ids) -> None:
        self.figures = RelayFigures()
        self._store = store
        self._connect = connect
        self._clock = clock
        self._ids = ids
        self._publisher: Publisher | None = None
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    def start(self) -> None:
        """Begins with what the last process left in the outbox."""
        self._thread.start()

    def wake(self) -> None:
        """Says that the outbox has something new; cheap, callable from any thread."""
        if not self._wake.is_set():
            self._wake.set()

    def close(self) -> None:
        """Ends after the batch in flight; what is left is published by the next start."""
        self._stop.set()
        self._wake.set()
        self._thread.join()

    def publish_once(self) -> int:
        """Publishes what is in the outbox now, up to READ_MAX; gives how many of them are still there.

        Raises:
            OrderProcessingError: the topic or the store failed; what was taken before is removed or will be published
                again.
        """
        waiting = self._store.unpublished(READ_MAX)
        self.figures.oldest_unpublished_at = waiting[0].created_at if waiting else None
        done: list[Notification] = []
        try:
            for at in range(0, len(waiting), BATCH_MAX):
                done += self._publish(waiting[at : at + BATCH_MAX])
        finally:
            if done:
                self._store.commit((RemoveNotifications(tuple(each.key for each in done)),)).result()
        return len(waiting) - len(done)

    def _publish(self, batch: Sequence[Notification]) -> frozenset[Notification]:
        self.figures.batches += 1
        taken: frozenset[Notification] = frozenset()
        try:
            taken = self._connected().publish(batch)
        finally:
            self.figures.published += len(taken)
            self.figures.failures += len(taken) < len(batch)
        return taken

    def _connected(self) -> Publisher:
        if self._publisher is None:
            self._publisher = self._connect()
        return self._publisher

    def _run(self) -> None:
        self._wake.set()
        failures = 0
        while not self._stop.is_set():
            self._wake.wait()
            self._wake.clear()
            try:
                self._connected()
                left = self._empty_outbox()
            except OrderProcessingError as error:
                failures += 1
                _log.warning("outbox: %s; trying again", error)
                self._stop.wait(self._pause(failures))
                self._wake.set()
            else:
                failures = failures + 1 if left else 0
                self._wake_later(failures)

    def _empty_outbox(self) -> int:
        """Publishes until the outbox is empty or the topic leaves some; gives how many."""
        left = 0
        while not left and not self._stop.is_set():
            began = self._clock.monotonic()
            left = self.publish_once()
            if self.figures.oldest_unpublished_at is None:
                break
            taken = self._clock.monotonic() - began
            self._stop.wait(min(GATHER_SECONDS_MAX, GATHER_FACTOR * taken))
        return left

    def _wake_later(self, failures: int) -> None:
        """After a batch was taken in part: tries the rest after a pause, or earlier with the next order."""
        if failures and not self._wake.wait(self._pause(failures)):
            self._wake.set()

    def _pause(self, failures: int) -> float:
        longest = min(BACKOFF_MAX_SECONDS, BACKOFF_FIRST_SECONDS * 2.0 ** min(failures - 1, 10))
        return longest * (0.5 + self._ids.draw() / 2)
