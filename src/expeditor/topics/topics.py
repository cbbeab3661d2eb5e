"""The door of the room: topics, their subscriptions, publishing."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import update_wrapper
from itertools import count
from typing import Any, Concatenate, ParamSpec, TypeVar

import apsw

from expeditor.store import Database
from expeditor.store import topics as store
from expeditor.topics import attributes as attribute_rules
from expeditor.topics.catalog import Catalog, TopicState
from expeditor.topics.deliveries import Deliveries, Ports
from expeditor.topics.errors import (
    InvalidParameterError,
    ResourceNotFoundError,
    TagLimitExceededError,
)
from expeditor.topics.lane import Lane
from expeditor.topics.model import (
    DeadReason,
    NewMessage,
    Region,
    Stats,
    Subscription,
    SubscriptionStats,
    Topic,
)
from expeditor.topics.publishing import Publisher
from expeditor.topics.queues import DeadLetterQueues
from expeditor.topics.redrive import Redrive
from expeditor.topics.validation import check_arn, check_publication, check_topic_name

IN_FLIGHT_MAX = 64
"""Deliveries of one subscription that run at once, unless ``open`` is told otherwise."""

TAGS_MAX = 50

P = ParamSpec("P")
R = TypeVar("R")


def _change(
    method: Callable[Concatenate["Topics", P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate["Topics", P], Coroutine[Any, Any, R]]:
    """Changes of the configuration run one after the other, to their end: also when the caller hangs up."""

    async def whole(self: "Topics", /, *args: P.args, **kwargs: P.kwargs) -> R:
        async def one_at_a_time() -> R:
            async with self._changing:
                return await method(self, *args, **kwargs)

        return await asyncio.shield(asyncio.ensure_future(one_at_a_time()))

    update_wrapper(whole, method)
    return whole


class Topics:
    """Topics of one region: durable, at least once, retried, with dead-letter queues.

    Attributes:
        queues: the dead-letter queues: create, letters, redrive, purge.
        region: where the topics live.
    """

    def __init__(self, database: Database, ports: Ports, region: Region, in_flight_max: int) -> None:
        self.region = region
        self._database = database
        self._ports = ports
        self._in_flight_max = in_flight_max
        self._changing = asyncio.Lock()
        self._catalog = Catalog()
        self._deliveries = Deliveries(database, ports)
        last = store.read_last_ids(database.reader)
        self._subscription_ids = count(last.subscription_id + 1)
        delivery_ids = count(last.delivery_id + 1)
        self._publisher = Publisher(
            database, ports, self.region, self._deliveries, count(last.message_key + 1), delivery_ids
        )
        redrive = Redrive(database, ports, self._deliveries, self._catalog.lane_for, delivery_ids)
        self.queues = DeadLetterQueues(database, ports, region, redrive)

    @classmethod
    def open(
        cls, database: Database, ports: Ports, region: Region | None = None, *, in_flight_max: int = IN_FLIGHT_MAX
    ) -> "Topics":
        """Reads the configuration and goes on with what is undelivered.

        Args:
            in_flight_max: deliveries of one subscription that run at once; retries get half of them at most.
        """
        topics = cls(database, ports, region or Region(), in_flight_max)
        for topic_row in store.read_topics(database.reader):
            topics._catalog.states[topic_row.topic_arn] = TopicState(attribute_rules.topic_of(topic_row))
        for row in store.read_subscriptions(database.reader):
            subscription = attribute_rules.build_subscription(row, topics.region, topics.queues.names)
            lane = Lane(subscription, in_flight_max, behind=True)
            topics._catalog.add_lane(lane)
            topics._deliveries.touch(lane)
        return topics

    async def close(self) -> None:
        """Stops delivering and writes the outcomes that are known.

        What is in flight is delivered again after the next ``open``.
        """
        await self._deliveries.close()

    @_change
    async def create_topic(
        self, name: str, attributes: Mapping[str, str] | None = None, tags: Mapping[str, str] | None = None
    ) -> Topic:
        """The topic called *name*, created unless it exists.

        Raises:
            InvalidParameterError: a bad name or attribute, or the topic exists with other ones.
        """
        check_topic_name(name)
        wanted, wanted_tags = dict(attributes or {}), dict(tags or {})
        attribute_rules.check_topic_attributes(wanted)
        existing = self._catalog.states.get(self.region.topic_arn(name))
        if existing is not None:
            return _same_topic(existing.topic, wanted, wanted_tags)
        topic = Topic(self.region.topic_arn(name), wanted, wanted_tags, self._ports.clock.now())
        row = attribute_rules.topic_row(topic)
        await self._database.submit(lambda connection: store.put_topic(connection, row))
        self._catalog.states[topic.topic_arn] = TopicState(topic)
        return topic

    @_change
    async def delete_topic(self, topic_arn: str) -> None:
        """Deletes a topic and its subscriptions; undelivered messages go to the discarded. No error when it is gone."""
        check_arn("TopicArn", topic_arn)
        if topic_arn in self._catalog.states:
            self._catalog.remove_topic(topic_arn)
        # Written also when it is gone from memory: an earlier deletion may not have come to the disk.
        now = self._ports.clock.now()
        await self._database.submit(
            lambda connection: store.delete_topic(connection, topic_arn, dead_at=now, reason=DeadReason.TOPIC_DELETED)
        )

    @property
    def topics(self) -> Sequence[Topic]:
        """All topics, by ARN."""
        return self._catalog.topics()

    def topic(self, topic_arn: str) -> Topic:
        """One topic.

        Raises:
            NotFoundError: there is none of that ARN.
        """
        return self._catalog.state(topic_arn).topic

    @_change
    async def set_topic_attribute(self, topic_arn: str, name: str, value: str) -> None:
        """Sets one attribute of a topic."""
        topic = self._catalog.state(topic_arn).topic
        attribute_rules.check_topic_attributes({name: value})
        await self._replace_topic(replace(topic, attributes={**topic.attributes, name: value}))

    @_change
    async def tag(self, topic_arn: str, tags: Mapping[str, str], remove: Sequence[str] = ()) -> None:
        """Adds and removes tags of a topic.

        Raises:
            ResourceNotFoundError, TagLimitExceededError
        """
        if topic_arn not in self._catalog.states:
            raise ResourceNotFoundError("Resource does not exist")
        topic = self._catalog.states[topic_arn].topic
        wanted = {name: value for name, value in {**topic.tags, **tags}.items() if name not in remove}
        if len(wanted) > TAGS_MAX:
            raise TagLimitExceededError("Could not complete request: tag quota of per resource exceeded")
        await self._replace_topic(replace(topic, tags=wanted))

    @_change
    async def subscribe(
        self, topic_arn: str, protocol: str, endpoint: str, attributes: Mapping[str, str] | None = None
    ) -> Subscription:
        """The endpoint's subscription to the topic, created unless it exists.

        Raises:
            NotFoundError: no such topic.
            InvalidParameterError: a protocol or endpoint that cannot be delivered to, a bad attribute, or the
                subscription exists with other attributes.
        """
        state = self._catalog.state(topic_arn)
        attribute_rules.check_endpoint(protocol, endpoint)
        text = attribute_rules.attributes_text(attributes or {})
        existing = state.find(protocol, endpoint)
        row = store.SubscriptionRow(
            next(self._subscription_ids),
            f"{topic_arn}:{self._ports.ids.uuid()}",
            topic_arn,
            protocol,
            endpoint,
            text,
            0,
            self._ports.clock.now(),
        )
        subscription = attribute_rules.build_subscription(row, self.region, self.queues.names)
        if existing is not None:
            return _same_subscription(existing.subscription, subscription)
        await self._database.submit(lambda connection: store.put_subscription(connection, row))
        self._catalog.add_lane(Lane(subscription, self._in_flight_max, behind=False))
        return subscription

    @_change
    async def unsubscribe(self, subscription_arn: str) -> None:
        """Deletes a subscription; what it did not get goes to the discarded. No error when it is gone."""
        check_arn("SubscriptionArn", subscription_arn)
        lane = self._catalog.lanes.get(subscription_arn)
        if lane is not None:
            self._catalog.close_lane(lane)
        # Written also when it is gone from memory: an earlier deletion may not have come to the disk.
        now = self._ports.clock.now()
        await self._database.submit(
            lambda connection: store.delete_subscription(
                connection, subscription_arn, dead_at=now, reason=DeadReason.SUBSCRIPTION_DELETED
            )
        )

    def subscriptions(self, topic_arn: str | None = None) -> Sequence[Subscription]:
        """All subscriptions, or those of one topic, oldest first.

        Raises:
            NotFoundError: there is no such topic.
        """
        return self._catalog.subscriptions(topic_arn)

    def subscription(self, subscription_arn: str) -> Subscription:
        """One subscription.

        Raises:
            NotFoundError: there is none of that ARN.
        """
        return self._catalog.lane(subscription_arn).subscription

    @_change
    async def set_subscription_attribute(self, subscription_arn: str, name: str, value: str) -> Subscription:
        """Sets one attribute, or removes it with an empty value; messages published from now on see it."""
        if name not in attribute_rules.SUBSCRIPTION_ATTRIBUTES:
            raise InvalidParameterError("Invalid parameter: AttributeName")
        lane = self._catalog.lane(subscription_arn)
        wanted = attribute_rules.attributes_text({**lane.subscription.attributes, name: value})
        row = replace(attribute_rules.subscription_row(lane.subscription), attributes=wanted)
        return await self._replace_subscription(lane, row)

    @_change
    async def pause(self, subscription_arn: str, *, paused: bool = True) -> Subscription:
        """Stops delivering to a subscription, or goes on (``paused=False``); messages wait, also over restarts."""
        lane = self._catalog.lane(subscription_arn)
        row = replace(attribute_rules.subscription_row(lane.subscription), paused=int(paused))
        return await self._replace_subscription(lane, row)

    def publish(self, topic_arn: str, messages: Sequence[NewMessage]) -> "asyncio.Future[list[str]]":
        """Publishes up to 10 messages in one commit; the future gives their ids once they are on disk.

        Deliveries start right then. A future that is cancelled does not take the messages back.

        Raises:
            NotFoundError: there is no such topic.
            InvalidParameterError, BatchRequestTooLongError, …: a bad message; nothing is published.
            CommitUnknownError (through the future): they may be published or not; publish again, with an id of yours
                in the text.
        """
        state = self._catalog.state(topic_arn)
        check_publication(messages)
        return self._publisher.publish(topic_arn, state.lanes, messages)

    def stats(self) -> Stats:
        """Every subscription and every queue, now."""
        now, reader = self._ports.clock.now(), self._database.reader
        return Stats([_lane_stats(lane, reader, now) for lane in self._catalog.lanes.values()], self.queues.stats())

    async def _replace_topic(self, topic: Topic) -> None:
        row = attribute_rules.topic_row(topic)
        await self._database.submit(lambda connection: store.put_topic(connection, row))
        self._catalog.states[topic.topic_arn].topic = topic

    async def _replace_subscription(self, lane: Lane, row: store.SubscriptionRow) -> Subscription:
        subscription = attribute_rules.build_subscription(row, self.region, self.queues.names)
        await self._database.submit(lambda connection: store.put_subscription(connection, row))
        lane.subscription = subscription
        self._deliveries.touch(lane)
        return lane.subscription


def _lane_stats(lane: Lane, reader: apsw.Connection, now: float) -> SubscriptionStats:
    subscription = lane.subscription
    oldest_at = store.oldest_published_at(reader, subscription.subscription_id)
    return SubscriptionStats(
        subscription.subscription_arn,
        subscription.endpoint,
        subscription.paused,
        max(0, store.count_deliveries(reader, subscription.subscription_id) - lane.in_flight),
        lane.in_flight,
        None if oldest_at is None else now - oldest_at,
        lane.delivered,
        lane.failed,
    )


def _same_topic(topic: Topic, attributes: Mapping[str, str], tags: Mapping[str, str]) -> Topic:
    """*topic*, unless it was asked for with other attributes or tags than it has."""
    if not attributes.items() <= topic.attributes.items():
        raise InvalidParameterError(
            "Invalid parameter: Attributes Reason: Topic already exists with different attributes"
        )
    if tags and dict(tags) != dict(topic.tags):
        raise InvalidParameterError("Invalid parameter: Tags Reason: Topic already exists with different tags")
    return topic


def _same_subscription(subscription: Subscription, wanted: Subscription) -> Subscription:
    if wanted.attributes and wanted.attributes != subscription.attributes:
        raise InvalidParameterError(
            "Invalid parameter: Attributes Reason: Subscription already exists with different attributes"
        )
    return subscription
