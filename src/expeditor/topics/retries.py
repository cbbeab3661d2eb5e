"""Deliveries that wait for their time: one heap and one alarm for all of them."""

import heapq
from collections.abc import Callable, Iterator
from itertools import count

from expeditor.clock import Clock
from expeditor.topics.lane import HELD_BYTES_MAX, Delivery
from expeditor.topics.model import Alarm


class Retries:
    """What waits, by when it is due. *rang* is called when something may be due."""

    def __init__(self, clock: Clock, alarm: Alarm, rang: Callable[[], None]) -> None:
        self._clock = clock
        self._alarm = alarm
        self._rang = rang
        self._heap: list[tuple[float, int, Delivery]] = []
        self._numbers = count()
        self._rings_at: float | None = None

    def wait(self, delivery: Delivery, due_at: float) -> None:
        """Keeps a delivery until *due_at*, without its text when its lane holds much already."""
        if delivery.lane.held_bytes > HELD_BYTES_MAX // 2:
            delivery.lane.drop_text(delivery)
        heapq.heappush(self._heap, (due_at, next(self._numbers), delivery))

    def due(self) -> Iterator[Delivery]:
        """Takes out what is due."""
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now:
            yield heapq.heappop(self._heap)[2]

    def set_alarm(self, other_at: float | None) -> None:
        """Has the alarm ring when the first delivery is due, or at *other_at* if that is earlier."""
        wanted = [at for at in (other_at, self._heap[0][0] if self._heap else None) if at is not None]
        rings_at = min(wanted, default=None)
        if rings_at != self._rings_at:
            self._rings_at = rings_at
            self._alarm.set(rings_at, self._ring)

    def silence(self) -> None:
        """Nothing rings from now on."""
        self._alarm.set(None, self._ring)

    def _ring(self) -> None:
        self._rings_at = None
        self._rang()
