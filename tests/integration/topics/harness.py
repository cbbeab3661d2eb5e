"""A topics room on a real file, with a clock, an alarm and an endpoint that tests move by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from expeditor.clock import ManualClock
from expeditor.ids import SeededIds
from expeditor.store import Database
from expeditor.store.topics import read_message
from expeditor.topics import (
    DeliveryResult,
    Message,
    NewMessage,
    Outcome,
    Ports,
    Subscription,
    Topics,
    notification_fields,
)

DELIVERED = DeliveryResult(Outcome.DELIVERED)
FAILED = DeliveryResult(Outcome.FAILED, "Boom: it failed")
DEFERRED = DeliveryResult(Outcome.DEFERRED)

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:dispatcher"


class ManualAlarm:
    """Rings when told to."""

    def __init__(self) -> None:
        self.due_at: float | None = None
        self._ring: Callable[[], None] = lambda: None

    def set(self, due_at: float | None, ring: Callable[[], None]) -> None:
        self.due_at, self._ring = due_at, ring

    def ring(self) -> None:
        self.due_at = None
        self._ring()


class ManualAlarms:
    """All alarms of one node; they ring when the clock is moved past them."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.made: list[ManualAlarm] = []

    def new(self) -> ManualAlarm:
        self.made.append(ManualAlarm())
        return self.made[-1]

    @property
    def next_at(self) -> float | None:
        return min((alarm.due_at for alarm in self.made if alarm.due_at is not None), default=None)

    def ring_due(self) -> None:
        for alarm in list(self.made):
            if alarm.due_at is not None and alarm.due_at <= self.clock.now():
                alarm.ring()


class Endpoint:
    """Notes what it is handed; answers by *behave*, or leaves the answer open when that gives None."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.arns: list[str] = []
        self.open: list[tuple[str, asyncio.Future[DeliveryResult]]] = []
        self.behave: Callable[[str], DeliveryResult | BaseException | None] = lambda _: DELIVERED

    def __call__(self, subscription: Subscription, message: Message) -> "asyncio.Future[DeliveryResult]":
        text = notification_fields(message).message
        self.seen.append(text)
        self.arns.append(subscription.subscription_arn)
        future: asyncio.Future[DeliveryResult] = asyncio.get_running_loop().create_future()
        answer = self.behave(text)
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        elif answer is not None:
            future.set_result(answer)
        else:
            self.open.append((text, future))
        return future


class Node:
    """One life of the process: what is in memory is lost with it, the file stays."""

    def __init__(self, path: Path, clock: ManualClock, endpoint: Endpoint, in_flight_max: int) -> None:
        self.clock = clock
        self.alarm = ManualAlarms(clock)
        self.endpoint = endpoint
        self.database = Database.open(path, "expeditor.store.migrations")
        ports = Ports(endpoint, clock, SeededIds(1), self.alarm.new)
        self.topics = Topics.open(self.database, ports, in_flight_max=in_flight_max)

    async def settle(self) -> None:
        """Until nothing more happens without the clock moving: the writer is idle and every callback has run."""
        for _ in range(4):
            await asyncio.sleep(0)
            await asyncio.gather(self.database.submit(lambda connection: None), return_exceptions=True)

    async def advance(self, seconds: float) -> None:
        """Moves the clock, stopping at every alarm on the way."""
        await self.settle()
        until = self.clock.now() + seconds
        while (at := self.alarm.next_at) is not None and at <= until:
            self.clock.advance(max(0.0, at - self.clock.now()) + 1e-6)  # past it, whatever the rounding
            self.alarm.ring_due()
            await self.settle()
        self.clock.advance(max(0.0, until - self.clock.now()))
        await self.settle()

    async def close(self) -> None:
        await self.topics.close()
        await self.database.close()

    async def kill(self) -> None:
        """Ends as SIGKILL would: what is not on disk is gone, and nothing is said good-bye to."""
        self.topics._deliveries._closed = True
        await self.database.close()

    def message(self) -> Message:
        """The one message that is not delivered yet."""
        ((row,),) = (list(self.database.reader.execute("SELECT message_key FROM messages")),)
        return read_message(self.database.reader, row[0])

    def count(self, table: str) -> int:
        found: int = self.database.reader.execute(f"SELECT count(*) FROM {table}").get
        return found


class World:
    """What outlives a node: the file, the time, the endpoint."""

    def __init__(self, path: Path, in_flight_max: int = 64) -> None:
        self.path = path
        self.clock = ManualClock()
        self.endpoint = Endpoint()
        self.in_flight_max = in_flight_max
        self.node = self._start()

    def _start(self) -> Node:
        return Node(self.path, self.clock, self.endpoint, self.in_flight_max)

    @property
    def topics(self) -> Topics:
        return self.node.topics

    async def restart(self, *, kill: bool = False) -> None:
        await (self.node.kill() if kill else self.node.close())
        self.node = self._start()

    async def subscribed(self, attributes: dict[str, str] | None = None, *, name: str = "orders") -> str:
        """A topic with one function subscribed; gives the topic's ARN."""
        topic = await self.topics.create_topic(name)
        await self.topics.subscribe(topic.topic_arn, "lambda", FUNCTION, attributes)
        return topic.topic_arn


@asynccontextmanager
async def world(path: Path, in_flight_max: int = 64) -> AsyncIterator[World]:
    """A world that ends with its test."""
    made = World(path / "node.db", in_flight_max)
    try:
        yield made
    finally:
        await made.node.close()


def texts(*values: str) -> list[NewMessage]:
    """Messages of these texts."""
    return [NewMessage(value) for value in values]
