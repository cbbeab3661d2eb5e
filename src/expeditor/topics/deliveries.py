"""From written deliveries to endpoints: starts them, retries them, has their outcomes written.

Nothing here runs a task per delivery: the port gives a future, its callback notes the outcome, and one turn of the
event loop later everything noted is handled together: one piece of writing, one refill, one alarm.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from expeditor.clock import Clock
from expeditor.errors import ExpeditorError
from expeditor.ids import Ids
from expeditor.store import Database
from expeditor.store import topics as store
from expeditor.topics.lane import PAGE, Delivery, Lane
from expeditor.topics.model import Alarm, Deliver, DeliveryResult, Outcome
from expeditor.topics.retries import Retries
from expeditor.topics.retry import retry_delay_seconds
from expeditor.topics.settling import Settler

DEFERRED_DELAY_SECONDS = 0.25
"""Before an endpoint that had no room is asked again; jittered."""

ERROR_LENGTH_MAX = 2_000
"""Characters of an error that are kept."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What the topics need of the node.

    Attributes:
        new_alarm: makes an alarm; each user sets its own.
    """

    deliver: Deliver
    clock: Clock
    ids: Ids
    new_alarm: Callable[[], Alarm]


class Deliveries:
    """All lanes at work."""

    def __init__(self, database: Database, ports: Ports) -> None:
        self._database = database
        self._ports = ports
        self._loop = asyncio.get_running_loop()
        self._retries = Retries(ports.clock, ports.new_alarm(), self._schedule_turn)
        self._settler = Settler(database, ports.clock, self._schedule_turn)
        self._touched: dict[Lane, None] = {}
        self._turn_due = False
        self._closed = False

    def touch(self, lane: Lane) -> None:
        """Has the lane looked at in the next turn: something arrived, landed, or may go on."""
        self._touched[lane] = None
        self._schedule_turn()

    def uncertain(self, lane: Lane) -> None:
        """Reads the lane's new deliveries from disk: whether a commit with some of them took place is not known."""
        lane.behind = True
        self.touch(lane)

    async def close(self) -> None:
        """Starts nothing more and writes the outcomes that are known; what is in flight is delivered again."""
        self._closed = True
        self._retries.silence()
        await self._settler.finish()

    def _schedule_turn(self) -> None:
        if not self._turn_due and not self._closed:
            self._turn_due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._turn_due = False
        if self._closed:
            return
        self._wake_due()
        touched, self._touched = self._touched, {}
        for lane in touched:
            self._read_in(lane)
            while lane.may_start():
                self._start(lane, lane.take())
        self._settler.write()
        self._retries.set_alarm(self._settler.retry_at)

    def _wake_due(self) -> None:
        """Puts retries whose time has come back into their lanes."""
        for delivery in self._retries.due():
            if not delivery.lane.closed:
                delivery.lane.again.append(delivery)
                self._touched[delivery.lane] = None

    def _read_in(self, lane: Lane) -> None:
        """Fills the lane from disk."""
        while lane.wants_page():
            found = store.read_deliveries(
                self._database.reader, lane.subscription.subscription_id, after=lane.cursor, limit=PAGE
            )
            taken = self._hold(lane, found)
            lane.behind = taken == PAGE or not lane.has_room()

    def _hold(self, lane: Lane, rows: Iterable[tuple[store.DeliveryRow, store.MessageRow]]) -> int:
        now = self._ports.clock.now()
        # No delivery has longer to wait than this; one that seems to was written before the clock was put back.
        latest = now + lane.subscription.retry_policy.max_delay_target
        taken = 0
        for row, message in rows:
            delivery = Delivery(row.delivery_id, message, lane, row.attempts)
            lane.hold(delivery)
            taken += 1
            if row.due_at > now:
                self._retries.wait(delivery, min(row.due_at, latest))
            else:
                (lane.again if row.attempts else lane.fresh).append(delivery)
            if not lane.has_room():
                break
        return taken

    def _start(self, lane: Lane, delivery: Delivery) -> None:
        message = delivery.message or store.read_message(self._database.reader, delivery.message_key)
        try:
            future = self._ports.deliver(lane.subscription, message)
        except ExpeditorError as error:
            self._landed(delivery, DeliveryResult(Outcome.FAILED, str(error)))
        else:
            future.add_done_callback(partial(self._answered, delivery))

    def _answered(self, delivery: Delivery, future: "asyncio.Future[DeliveryResult]") -> None:
        if not self._closed:
            self._landed(delivery, _result(future))

    def _landed(self, delivery: Delivery, result: DeliveryResult) -> None:
        lane = delivery.lane
        lane.landed(delivery)
        if not lane.closed:
            _HANDLERS[result.outcome](self, delivery, result.error)
        self.touch(lane)

    def _delivered(self, delivery: Delivery, _: str) -> None:
        self._settler.delivered(delivery)
        delivery.lane.delivered += 1
        delivery.lane.release(delivery)

    def _failed(self, delivery: Delivery, error: str) -> None:
        lane, policy, now = delivery.lane, delivery.lane.subscription.retry_policy, self._ports.clock.now()
        lane.failed += 1
        delivery.attempts += 1
        exhausted = delivery.attempts > policy.num_retries
        delay = 0.0 if exhausted else retry_delay_seconds(policy, delivery.attempts, self._ports.ids.draw())
        row = store.FailedRow(delivery.delivery_id, delivery.attempts, now + delay, error[:ERROR_LENGTH_MAX], now)
        self._settler.failed(row)
        if exhausted:
            self._settler.dead(delivery)
            lane.release(delivery)
        elif delay:
            self._retries.wait(delivery, now + delay)
        else:
            lane.again.append(delivery)

    def _deferred(self, delivery: Delivery, _: str) -> None:
        delay = DEFERRED_DELAY_SECONDS * (0.5 + self._ports.ids.draw())
        self._retries.wait(delivery, self._ports.clock.now() + delay)


_HANDLERS: Mapping[Outcome, Callable[[Deliveries, Delivery, str], None]] = {
    Outcome.DELIVERED: Deliveries._delivered,
    Outcome.FAILED: Deliveries._failed,
    Outcome.DEFERRED: Deliveries._deferred,
}


def _result(future: "asyncio.Future[DeliveryResult]") -> DeliveryResult:
    """What the port answered; a call that was taken back used up no attempt."""
    if future.cancelled():
        return DeliveryResult(Outcome.DEFERRED)
    error = future.exception()
    if error is not None:
        return DeliveryResult(Outcome.FAILED, f"{type(error).__name__}: {error}")
    return future.result()
