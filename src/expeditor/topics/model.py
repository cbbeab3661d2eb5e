"""Values of the topics room."""

from asyncio import Future
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Protocol, TypeAlias

from expeditor.store.topics import MessageRow
from expeditor.topics.filters import Filter, FilterPolicyScope
from expeditor.topics.retry import DEFAULT_RETRY_POLICY, RetryPolicy


@dataclass(frozen=True, slots=True)
class MessageAttribute:
    """A typed value beside the text.

    Attributes:
        data_type: ``String``, ``String.Array``, ``Number`` or ``Binary``, with an optional ``.suffix`` of the sender's.
        value: text, or bytes when the type is ``Binary``.
    """

    data_type: str
    value: str | bytes


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to publish; at most 256 KiB with its attributes."""

    text: str
    subject: str | None = None
    attributes: Mapping[str, MessageAttribute] = field(default_factory=dict)


Message: TypeAlias = MessageRow
"""A published message: key in the order of publishing, id, topic, and the notification as endpoints get it."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as its owner set it up."""

    topic_arn: str
    attributes: Mapping[str, str]
    tags: Mapping[str, str]
    created_at: float


@dataclass(frozen=True, slots=True)
class Subscription:
    """An endpoint's interest in a topic, with its attributes compiled.

    Attributes:
        attributes: as set, AWS's names to texts.
        paused: messages wait and nothing is delivered.
        accepts: the compiled filter policy, None when every message is wanted.
        dead_letter_queue: name of the queue of its RedrivePolicy, None when it has none.
    """

    subscription_id: int
    subscription_arn: str
    topic_arn: str
    protocol: str
    endpoint: str
    attributes: Mapping[str, str]
    created_at: float
    paused: bool = False
    accepts: Filter | None = None
    filter_scope: FilterPolicyScope = FilterPolicyScope.MESSAGE_ATTRIBUTES
    retry_policy: RetryPolicy = DEFAULT_RETRY_POLICY
    dead_letter_queue: str | None = None


class Outcome(Enum):
    """What became of one attempt to deliver."""

    DELIVERED = "delivered"
    FAILED = "failed"
    """Counts as an attempt; the retry policy says what comes next."""
    DEFERRED = "deferred"
    """The endpoint had no room; tried again soon, and no attempt is used up."""


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """Answer of the delivery port; *error* is a sentence, empty when delivered."""

    outcome: Outcome
    error: str = ""


Deliver: TypeAlias = Callable[[Subscription, Message], "Future[DeliveryResult]"]
"""Port: hands a message to the subscription's endpoint. Filled in by the node."""


class Alarm(Protocol):
    """Port: rings once, at or soon after an instant."""

    def set(self, due_at: float | None, ring: Callable[[], None]) -> None:
        """Replaces whatever was set before; None: do not ring."""
        ...


class DeadReason(StrEnum):
    """Why a delivery ended in a queue."""

    ATTEMPTS_EXHAUSTED = "AttemptsExhausted"
    SUBSCRIPTION_DELETED = "SubscriptionDeleted"
    TOPIC_DELETED = "TopicDeleted"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that one subscription did not get.

    Attributes:
        attempts: how many were made.
        first_error, last_error: sentences; None when no attempt was made.
        dead_at: when it came into the queue.
    """

    dead_letter_id: int
    queue: str
    subscription_arn: str
    endpoint: str
    reason: DeadReason
    attempts: int
    first_error: str | None
    first_failed_at: float | None
    last_error: str | None
    last_failed_at: float | None
    dead_at: float
    message: Message


@dataclass(frozen=True, slots=True)
class SubscriptionStats:
    """One subscription now; *delivered* and *failed* (attempts) count since the node started."""

    subscription_arn: str
    endpoint: str
    paused: bool
    waiting: int
    in_flight: int
    oldest_age_seconds: float | None
    delivered: int
    failed: int


@dataclass(frozen=True, slots=True)
class QueueStats:
    """One dead-letter queue now."""

    queue: str
    depth: int
    oldest_age_seconds: float | None


@dataclass(frozen=True, slots=True)
class Stats:
    """Every subscription and every queue."""

    subscriptions: Sequence[SubscriptionStats]
    queues: Sequence[QueueStats]


@dataclass(frozen=True, slots=True)
class Redriven:
    """What a redrive did.

    Attributes:
        moved: dead letters that are deliveries again.
        left: ids of those that stay because no subscription of that topic and endpoint exists.
    """

    moved: int
    left: Sequence[int]


@dataclass(frozen=True, slots=True)
class Region:
    """Where the topics live; part of every ARN.

    Attributes:
        endpoint_url: of the AWS endpoint, for links in notifications.
    """

    name: str = "us-east-1"
    account: str = "000000000000"
    endpoint_url: str = "http://127.0.0.1:8081"

    def topic_arn(self, name: str) -> str:
        """ARN of the topic called *name*."""
        return f"arn:aws:sns:{self.name}:{self.account}:{name}"

    def queue_arn(self, name: str) -> str:
        """ARN of the dead-letter queue called *name*."""
        return f"arn:aws:sqs:{self.name}:{self.account}:{name}"
