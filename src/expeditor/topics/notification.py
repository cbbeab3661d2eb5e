"""What endpoints get: the notification, encoded once per message, and the Lambda event around it."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from expeditor.topics.model import Message, MessageAttribute, NewMessage, Region, Subscription


class NotificationAttribute(msgspec.Struct, rename="pascal"):
    """A message attribute in a notification; Binary values are Base64."""

    type: str
    value: str


class Notification(msgspec.Struct, rename="pascal", tag_field="Type", tag="Notification"):
    """The ``Sns`` part of a record, in AWS's order; nothing is signed, as nothing leaves the machine."""

    message_id: str
    topic_arn: str
    subject: str | None
    message: str
    timestamp: str
    signature_version: str
    signature: str
    signing_cert_url: str
    message_attributes: dict[str, NotificationAttribute]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Notification)


def timestamp(instant: float) -> str:
    """*instant* as AWS writes it: UTC, milliseconds, ``Z``."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def notifier(topic_arn: str, region: Region, published_at: float) -> Callable[[str, NewMessage], bytes]:
    """A function from message id and new message to JSON text, for all messages of one publication."""
    stamp = timestamp(published_at)
    certificate_url = f"{region.endpoint_url}/SimpleNotificationService-unsigned.pem"

    def encode(message_id: str, new: NewMessage) -> bytes:
        attributes = {name: _attribute(each) for name, each in new.attributes.items()} if new.attributes else {}
        return _encoder.encode(
            Notification(
                message_id, topic_arn, new.subject, new.text, stamp, "1", "unsigned", certificate_url, attributes
            )
        )

    return encode


def _attribute(attribute: MessageAttribute) -> NotificationAttribute:
    value = attribute.value
    text = value if isinstance(value, str) else base64.b64encode(value).decode()
    return NotificationAttribute(attribute.data_type, text)


def notification_fields(message: Message) -> Notification:
    """The fields of a published message: text, subject, attributes, timestamp."""
    return _decoder.decode(message.notification)


def lambda_event(subscription: Subscription, message: Message, region: Region) -> bytes:
    """The event a function gets for one message, as JSON text.

    The message's own text is copied, not encoded again.
    Source: Lambda developer guide, "Using AWS Lambda with Amazon SNS".
    """
    arn = subscription.subscription_arn
    return (
        b'{"Records":[{"EventSource":"aws:sns","EventVersion":"1.0","EventSubscriptionArn":"%b","Sns":%b'
        b',"UnsubscribeUrl":"%b/?Action=Unsubscribe&SubscriptionArn=%b"}}]}'
    ) % (arn.encode(), message.notification[:-1], region.endpoint_url.encode(), arn.encode())
