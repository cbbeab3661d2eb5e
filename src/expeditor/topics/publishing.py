"""From new messages to rows on disk and deliveries under way."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import msgspec

from expeditor.payloads import JSONValue, decode
from expeditor.store import Database
from expeditor.store import topics as store
from expeditor.topics.deliveries import Deliveries, Ports
from expeditor.topics.filters import FilterPolicyScope
from expeditor.topics.lane import Delivery, Lane
from expeditor.topics.model import Message, NewMessage, Region, Subscription
from expeditor.topics.notification import notifier
from expeditor.topics.validation import filter_values


@dataclass(slots=True)
class _Publication:
    """What one call of publish writes; *arriving* holds the deliveries of each lane, in order."""

    message_ids: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    rows: list[store.DeliveryRow] = field(default_factory=list)
    arriving: dict[Lane, list[Delivery]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Publisher:
    """Writes publications; ids come from counters that start above all that are on disk."""

    database: Database
    ports: Ports
    region: Region
    deliveries: Deliveries
    message_keys: Iterator[int]
    delivery_ids: Iterator[int]

    def publish(
        self, topic_arn: str, lanes: Sequence[Lane], messages: Sequence[NewMessage]
    ) -> "asyncio.Future[list[str]]":
        """Writes *messages* in one piece for the lanes that accept them; the future gives their ids."""
        publication = self._prepare(topic_arn, lanes, messages)
        answer: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        if not publication.rows:
            answer.set_result(publication.message_ids)
            return answer
        written = self.database.submit(
            lambda connection: store.insert_publication(connection, publication.messages, publication.rows)
        )
        written.add_done_callback(partial(self._written, publication, answer))
        return answer

    def _prepare(self, topic_arn: str, lanes: Sequence[Lane], messages: Sequence[NewMessage]) -> _Publication:
        now = self.ports.clock.now()
        encode = notifier(topic_arn, self.region, now)
        publication = _Publication()
        for new in messages:
            message_id = self.ports.ids.uuid()
            publication.message_ids.append(message_id)
            takers = _takers(lanes, new)
            if takers:
                message = Message(next(self.message_keys), message_id, topic_arn, encode(message_id, new), now)
                self._address(publication, message, takers)
        return publication

    def _address(self, publication: _Publication, message: Message, takers: Sequence[Lane]) -> None:
        publication.messages.append(message)
        for lane in takers:
            delivery = Delivery(next(self.delivery_ids), message, lane)
            subscription_id = lane.subscription.subscription_id
            publication.rows.append(
                store.DeliveryRow(delivery.delivery_id, subscription_id, message.message_key, 0, message.published_at)
            )
            publication.arriving.setdefault(lane, []).append(delivery)

    def _written(
        self, publication: _Publication, answer: "asyncio.Future[list[str]]", written: "asyncio.Future[None]"
    ) -> None:
        error = written.exception()
        for lane, deliveries in publication.arriving.items():
            if error is None:
                lane.arrived(deliveries)
                self.deliveries.touch(lane)
            else:
                self.deliveries.uncertain(lane)
        if answer.done():
            return
        if error is None:
            answer.set_result(publication.message_ids)
        else:
            answer.set_exception(error)


def _takers(lanes: Sequence[Lane], new: NewMessage) -> list[Lane]:
    """The lanes whose filter accepts the message; what filters look at is read at most once."""
    views: dict[FilterPolicyScope, JSONValue] = {}
    return [lane for lane in lanes if _accepts(lane.subscription, new, views)]


def _accepts(subscription: Subscription, new: NewMessage, views: dict[FilterPolicyScope, JSONValue]) -> bool:
    if subscription.accepts is None:
        return True
    scope = subscription.filter_scope
    if scope not in views:
        views[scope] = _VIEWS[scope](new)
    return subscription.accepts(views[scope])


def _body(new: NewMessage) -> JSONValue:
    """The text as JSON; one that is not JSON has no properties, so only policies of absence accept it."""
    try:
        return decode(new.text)
    except msgspec.DecodeError:
        return None


_VIEWS: Mapping[FilterPolicyScope, Callable[[NewMessage], JSONValue]] = {
    FilterPolicyScope.MESSAGE_ATTRIBUTES: lambda new: dict(filter_values(new.attributes)),
    FilterPolicyScope.MESSAGE_BODY: _body,
}
