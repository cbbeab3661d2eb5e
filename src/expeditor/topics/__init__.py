"""Topics, subscriptions, durable deliveries with retry, dead-letter queues. See ``Topics``."""

from expeditor.topics.deliveries import Ports
from expeditor.topics.errors import (
    InvalidParameterError,
    NotFoundError,
    ResourceNotFoundError,
)
from expeditor.topics.fields import new_message
from expeditor.topics.model import (
    Alarm,
    DeadLetter,
    DeadReason,
    Deliver,
    DeliveryResult,
    Message,
    MessageAttribute,
    NewMessage,
    Outcome,
    QueueStats,
    Redriven,
    Region,
    Stats,
    Subscription,
    SubscriptionStats,
    Topic,
)
from expeditor.topics.notification import Notification, lambda_event, notification_fields
from expeditor.topics.retry import DEFAULT_RETRY_POLICY, RetryPolicy
from expeditor.topics.topics import Topics
from expeditor.topics.validation import check_batch, check_message, structured_text

__all__ = [
    "DEFAULT_RETRY_POLICY",
    "Alarm",
    "DeadLetter",
    "DeadReason",
    "Deliver",
    "DeliveryResult",
    "InvalidParameterError",
    "Message",
    "MessageAttribute",
    "NewMessage",
    "NotFoundError",
    "Notification",
    "Outcome",
    "Ports",
    "QueueStats",
    "Redriven",
    "Region",
    "ResourceNotFoundError",
    "RetryPolicy",
    "Stats",
    "Subscription",
    "SubscriptionStats",
    "Topic",
    "Topics",
    "check_batch",
    "check_message",
    "lambda_event",
    "new_message",
    "notification_fields",
    "structured_text",
]
