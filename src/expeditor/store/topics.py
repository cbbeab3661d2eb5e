"""All SQL of topics, subscriptions, deliveries and dead-letter queues.

Functions that write take the writer's connection and run inside ``Database.submit``; functions that read take
``Database.reader``. Lists of ids travel as one JSON array, so a burst is one statement.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apsw
import msgspec

DISCARDED = "discarded"
"""The queue of dead letters whose subscription names none; the migration creates it."""

_json = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class TopicRow:
    """A topic; attributes and tags are JSON texts."""

    topic_arn: str
    attributes: str
    tags: str
    created_at: float


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A subscription; attributes are JSON text."""

    subscription_id: int
    subscription_arn: str
    topic_arn: str
    protocol: str
    endpoint: str
    attributes: str
    paused: int
    created_at: float


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message; *notification* is the JSON text its endpoints get."""

    message_key: int
    message_id: str
    topic_arn: str
    notification: bytes
    published_at: float


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A message on its way to one subscription."""

    delivery_id: int
    subscription_id: int
    message_key: int
    attempts: int
    due_at: float


@dataclass(frozen=True, slots=True)
class FailedRow:
    """One more failed attempt of a delivery and when the next is due."""

    delivery_id: int
    attempts: int
    due_at: float
    error: str
    failed_at: float


@dataclass(frozen=True, slots=True)
class DeadRow:
    """A delivery that ends in a queue."""

    delivery_id: int
    queue_name: str
    reason: str
    dead_at: float


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    """A dead letter with its message."""

    dead_letter_id: int
    queue_name: str
    subscription_arn: str
    protocol: str
    endpoint: str
    reason: str
    attempts: int
    first_error: str | None
    first_failed_at: float | None
    last_error: str | None
    last_failed_at: float | None
    dead_at: float
    message_key: int
    message_id: str
    topic_arn: str
    notification: bytes
    published_at: float


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one burst of attempts came to."""

    delivered: Sequence[int]
    failed: Sequence[FailedRow]
    dead: Sequence[DeadRow]
    message_keys: Sequence[int]


def put_topic(connection: apsw.Connection, row: TopicRow) -> None:
    """Creates or replaces a topic."""
    connection.execute(
        "INSERT INTO topics VALUES (?, ?, ?, ?)"
        " ON CONFLICT (topic_arn) DO UPDATE SET attributes = excluded.attributes, tags = excluded.tags",
        (row.topic_arn, row.attributes, row.tags, row.created_at),
    )


def delete_topic(connection: apsw.Connection, topic_arn: str, *, dead_at: float, reason: str) -> None:
    """Deletes a topic and its subscriptions, if it is there; what was undelivered is kept among the discarded."""
    found = connection.execute("SELECT subscription_arn FROM subscriptions WHERE topic_arn = ?", (topic_arn,))
    for (subscription_arn,) in found.fetchall():
        assert isinstance(subscription_arn, str)
        delete_subscription(connection, subscription_arn, dead_at=dead_at, reason=reason)
    connection.execute("DELETE FROM topics WHERE topic_arn = ?", (topic_arn,))


def read_topics(reader: apsw.Connection) -> Iterator[TopicRow]:
    """Every topic, by ARN."""
    for row in reader.execute("SELECT topic_arn, attributes, tags, created_at FROM topics ORDER BY topic_arn"):
        yield TopicRow(*row)


def put_subscription(connection: apsw.Connection, row: SubscriptionRow) -> None:
    """Creates a subscription, or replaces its attributes and whether it is paused."""
    connection.execute(
        "INSERT INTO subscriptions VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (subscription_id)"
        " DO UPDATE SET attributes = excluded.attributes, paused = excluded.paused",
        (
            row.subscription_id,
            row.subscription_arn,
            row.topic_arn,
            row.protocol,
            row.endpoint,
            row.attributes,
            row.paused,
            row.created_at,
        ),
    )


def delete_subscription(connection: apsw.Connection, subscription_arn: str, *, dead_at: float, reason: str) -> None:
    """Deletes a subscription, if it is there; what it did not get is kept among the discarded."""
    found = connection.execute(
        "SELECT subscription_id FROM subscriptions WHERE subscription_arn = ?", (subscription_arn,)
    )
    for (subscription_id,) in found.fetchall():
        connection.execute(
            f"{_INSERT_DEAD} WHERE d.subscription_id = :subscription",
            {"queue": DISCARDED, "reason": reason, "dead_at": dead_at, "subscription": subscription_id},
        )
        connection.execute("DELETE FROM deliveries WHERE subscription_id = ?", (subscription_id,))
        connection.execute("DELETE FROM subscriptions WHERE subscription_id = ?", (subscription_id,))


def read_subscriptions(reader: apsw.Connection) -> Iterator[SubscriptionRow]:
    """Every subscription, oldest first."""
    for row in reader.execute(
        "SELECT subscription_id, subscription_arn, topic_arn, protocol, endpoint, attributes, paused, created_at"
        " FROM subscriptions ORDER BY subscription_id"
    ):
        yield SubscriptionRow(*row)


@dataclass(frozen=True, slots=True)
class LastIds:
    """The highest ids in use; new ones are counted on from here, so an id on disk is never given twice."""

    subscription_id: int
    message_key: int
    delivery_id: int


def read_last_ids(reader: apsw.Connection) -> LastIds:
    """The highest ids in use, 0 where a table is empty."""
    row = reader.execute(
        "SELECT (SELECT coalesce(max(subscription_id), 0) FROM subscriptions),"
        " (SELECT coalesce(max(message_key), 0) FROM messages),"
        " (SELECT coalesce(max(delivery_id), 0) FROM deliveries)"
    ).get
    return LastIds(*row)


def insert_publication(
    connection: apsw.Connection, messages: Iterable[MessageRow], deliveries: Iterable[DeliveryRow]
) -> None:
    """Writes published messages and one delivery per subscription that accepts them."""
    connection.executemany(
        "INSERT INTO messages VALUES (?, ?, ?, ?, ?)",
        [(row.message_key, row.message_id, row.topic_arn, row.notification, row.published_at) for row in messages],
    )
    connection.executemany(
        "INSERT INTO deliveries (delivery_id, subscription_id, message_key, due_at) VALUES (?, ?, ?, ?)",
        [(row.delivery_id, row.subscription_id, row.message_key, row.due_at) for row in deliveries],
    )


def count_deliveries(reader: apsw.Connection, subscription_id: int) -> int:
    """How many messages the subscription has not got yet."""
    found: int = reader.execute("SELECT count(*) FROM deliveries WHERE subscription_id = ?", (subscription_id,)).get
    return found


def oldest_published_at(reader: apsw.Connection, subscription_id: int) -> float | None:
    """When the message was published that waits first in line; None when nothing waits."""
    found: float | None = reader.execute(
        "SELECT published_at FROM deliveries JOIN messages USING (message_key)"
        " WHERE subscription_id = ? ORDER BY delivery_id LIMIT 1",
        (subscription_id,),
    ).get
    return found


def read_deliveries(
    reader: apsw.Connection, subscription_id: int, *, after: int, limit: int
) -> Iterator[tuple[DeliveryRow, MessageRow]]:
    """The subscription's next deliveries above id *after*, in the order of publishing."""
    for row in reader.execute(
        "SELECT delivery_id, subscription_id, message_key, attempts, due_at,"
        " message_id, topic_arn, notification, published_at"
        " FROM deliveries JOIN messages USING (message_key)"
        " WHERE subscription_id = ? AND delivery_id > ? ORDER BY delivery_id LIMIT ?",
        (subscription_id, after, limit),
    ):
        yield DeliveryRow(*row[:5]), MessageRow(row[2], *row[5:])


def read_message(reader: apsw.Connection, message_key: int) -> MessageRow:
    """One message that still has a delivery or a dead letter."""
    row = reader.execute(
        "SELECT message_key, message_id, topic_arn, notification, published_at FROM messages WHERE message_key = ?",
        (message_key,),
    ).fetchone()
    assert row is not None, f"message {message_key} is gone although something still refers to it"
    return MessageRow(*row)


_INSERT_DEAD = (
    "INSERT INTO dead_letters (queue_name, message_key, subscription_arn, protocol, endpoint, reason, attempts,"
    " first_error, first_failed_at, last_error, last_failed_at, dead_at)"
    " SELECT :queue, message_key, subscription_arn, protocol, endpoint, :reason, attempts,"
    " first_error, first_failed_at, last_error, last_failed_at, :dead_at"
    " FROM deliveries d JOIN subscriptions s USING (subscription_id)"
)

_DELETE_UNREFERENCED = (
    "DELETE FROM messages WHERE message_key IN (SELECT value FROM json_each(?))"
    " AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.message_key = messages.message_key)"
    " AND NOT EXISTS (SELECT 1 FROM dead_letters l WHERE l.message_key = messages.message_key)"
)


def settle(connection: apsw.Connection, settlement: Settlement) -> None:
    """Writes what a burst of attempts came to; writing it twice is the same as once."""
    connection.executemany(
        "UPDATE deliveries SET attempts = :attempts, due_at = :due_at, last_error = :error, last_failed_at = :at,"
        " first_error = coalesce(first_error, :error), first_failed_at = coalesce(first_failed_at, :at)"
        " WHERE delivery_id = :id",
        [
            {
                "id": row.delivery_id,
                "attempts": row.attempts,
                "due_at": row.due_at,
                "error": row.error,
                "at": row.failed_at,
            }
            for row in settlement.failed
        ],
    )
    for row in settlement.dead:
        connection.execute(
            f"{_INSERT_DEAD} WHERE d.delivery_id = :id",
            {"queue": row.queue_name, "reason": row.reason, "dead_at": row.dead_at, "id": row.delivery_id},
        )
    done = [*settlement.delivered, *(row.delivery_id for row in settlement.dead)]
    connection.execute("DELETE FROM deliveries WHERE delivery_id IN (SELECT value FROM json_each(?))", (_list(done),))
    connection.execute(_DELETE_UNREFERENCED, (_list(settlement.message_keys),))


def put_queue(connection: apsw.Connection, queue_name: str, created_at: float) -> None:
    """Creates a queue unless it exists."""
    connection.execute("INSERT OR IGNORE INTO queues VALUES (?, ?)", (queue_name, created_at))


def read_queues(reader: apsw.Connection) -> list[str]:
    """The names of all queues, sorted."""
    return [name for (name,) in reader.execute("SELECT queue_name FROM queues ORDER BY queue_name")]


@dataclass(frozen=True, slots=True)
class QueueDepthRow:
    """How full a queue is."""

    depth: int
    oldest_dead_at: float | None


def read_queue_depth(reader: apsw.Connection, queue_name: str) -> QueueDepthRow:
    """How many dead letters a queue holds and when the oldest came."""
    row = reader.execute(
        "SELECT count(*), min(dead_at) FROM dead_letters WHERE queue_name = ?", (queue_name,)
    ).fetchone()
    assert row is not None
    return QueueDepthRow(*row)


_SELECT_DEAD = (
    "SELECT dead_letter_id, queue_name, subscription_arn, protocol, endpoint, reason, attempts, first_error,"
    " first_failed_at, last_error, last_failed_at, dead_at, message_key, message_id, topic_arn, notification,"
    " published_at FROM dead_letters JOIN messages USING (message_key)"
)


def read_dead_letters(reader: apsw.Connection, queue_name: str, *, after: int, limit: int) -> list[DeadLetterRow]:
    """The queue's dead letters above id *after*, oldest first."""
    found = reader.execute(
        f"{_SELECT_DEAD} WHERE queue_name = ? AND dead_letter_id > ? ORDER BY dead_letter_id LIMIT ?",
        (queue_name, after, limit),
    )
    return [DeadLetterRow(*row) for row in found]


def read_dead_letter(reader: apsw.Connection, dead_letter_id: int) -> DeadLetterRow | None:
    """One dead letter, None when there is none of that id."""
    row = reader.execute(f"{_SELECT_DEAD} WHERE dead_letter_id = ?", (dead_letter_id,)).fetchone()
    return None if row is None else DeadLetterRow(*row)


@dataclass(frozen=True, slots=True)
class DeadAddressRow:
    """Where a dead letter was going to."""

    dead_letter_id: int
    subscription_arn: str
    topic_arn: str
    protocol: str
    endpoint: str


def read_dead_addresses(reader: apsw.Connection, queue_name: str, *, after: int, limit: int) -> list[DeadAddressRow]:
    """Where the queue's dead letters above id *after* were going to, oldest first."""
    found = reader.execute(
        "SELECT dead_letter_id, subscription_arn, topic_arn, protocol, endpoint"
        " FROM dead_letters JOIN messages USING (message_key)"
        " WHERE queue_name = ? AND dead_letter_id > ? ORDER BY dead_letter_id LIMIT ?",
        (queue_name, after, limit),
    )
    return [DeadAddressRow(*row) for row in found]


def read_last_dead_letter_id(reader: apsw.Connection, queue_name: str) -> int:
    """The highest id in a queue, 0 when it is empty."""
    found: int = reader.execute(
        "SELECT coalesce(max(dead_letter_id), 0) FROM dead_letters WHERE queue_name = ?", (queue_name,)
    ).get
    return found


@dataclass(frozen=True, slots=True)
class RevivedRow:
    """A dead letter that becomes a delivery again."""

    dead_letter_id: int
    delivery_id: int
    subscription_id: int
    due_at: float


def revive(connection: apsw.Connection, rows: Sequence[RevivedRow]) -> list[int]:
    """Turns dead letters into deliveries with no attempt used; gives the delivery ids of those that were there."""
    revived = []
    for row in rows:
        connection.execute(
            "INSERT INTO deliveries (delivery_id, subscription_id, message_key, due_at)"
            " SELECT ?, ?, message_key, ? FROM dead_letters WHERE dead_letter_id = ?",
            (row.delivery_id, row.subscription_id, row.due_at, row.dead_letter_id),
        )
        connection.execute("DELETE FROM dead_letters WHERE dead_letter_id = ?", (row.dead_letter_id,))
        if connection.changes():
            revived.append(row.delivery_id)
    return revived


def purge(connection: apsw.Connection, queue_name: str) -> int:
    """Deletes all dead letters of a queue; gives how many."""
    found = connection.execute(
        "DELETE FROM dead_letters WHERE queue_name = ? RETURNING message_key", (queue_name,)
    ).fetchall()
    message_keys: list[Any] = [message_key for (message_key,) in found]
    connection.execute(_DELETE_UNREFERENCED, (_list(message_keys),))
    return len(found)


def _list(values: Sequence[int]) -> str:
    return _json.encode(values).decode()
