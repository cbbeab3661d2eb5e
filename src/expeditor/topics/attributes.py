"""Attributes of topics and subscriptions: which there are, what they mean, and back from and to rows of the store."""

import re
from collections.abc import Callable, Collection, Mapping

import msgspec

from expeditor.payloads import JSONValue, decode
from expeditor.store.topics import SubscriptionRow, TopicRow
from expeditor.topics.errors import InvalidParameterError
from expeditor.topics.filters import Filter, FilterPolicyScope, compile_filter_policy
from expeditor.topics.model import Region, Subscription, Topic
from expeditor.topics.retry import DEFAULT_RETRY_POLICY, parse_delivery_policy

TOPIC_ATTRIBUTES = frozenset({"DisplayName", "Policy", "DeliveryPolicy"})
"""What a topic keeps and gives back. None has an effect here: AWS's own DeliveryPolicy of a topic is for HTTP only."""

SUBSCRIPTION_ATTRIBUTES = frozenset(
    {"DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy"}
)

DISPLAY_NAME_LENGTH_MAX = 100

_FUNCTION_ARN = re.compile(
    r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{10,12}:function:[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9$_-]{1,128})?"
)

_strings = msgspec.json.Decoder(dict[str, str])
_encoder = msgspec.json.Encoder(order="deterministic")


def check_topic_attributes(attributes: Mapping[str, str]) -> None:
    """Raises InvalidParameterError for a name AWS does not have, or a value it refuses."""
    for name, value in attributes.items():
        if name not in TOPIC_ATTRIBUTES:
            known = ", ".join(sorted(TOPIC_ATTRIBUTES))
            raise InvalidParameterError(f"Invalid parameter: AttributeName Reason: {name} is not one of {known}")
        if name == "DisplayName" and len(value) > DISPLAY_NAME_LENGTH_MAX:
            raise InvalidParameterError("Invalid parameter: DisplayName")


def topic_row(topic: Topic) -> TopicRow:
    """*topic* as the store has it."""
    attributes, tags = _encoder.encode(topic.attributes), _encoder.encode(topic.tags)
    return TopicRow(topic.topic_arn, attributes.decode(), tags.decode(), topic.created_at)


def topic_of(row: TopicRow) -> Topic:
    """The topic of a row."""
    return Topic(row.topic_arn, _strings.decode(row.attributes), _strings.decode(row.tags), row.created_at)


def check_endpoint(protocol: str, endpoint: str) -> None:
    """Raises InvalidParameterError unless the endpoint is a function's ARN: only protocol lambda is delivered here."""
    known = ("http", "https", "email", "email-json", "sms", "sqs", "application", "firehose", "lambda")
    if protocol not in known:
        raise InvalidParameterError(f"Invalid parameter: Amazon SNS does not support this protocol string: {protocol}")
    if protocol != "lambda":
        raise InvalidParameterError(
            f"Invalid parameter: Protocol Reason: this endpoint delivers to lambda only, not to {protocol}; "
            "subscribe a function, and name a queue in its RedrivePolicy for what cannot be delivered"
        )
    if not _FUNCTION_ARN.fullmatch(endpoint):
        raise InvalidParameterError("Invalid parameter: Lambda endpoint ARN")


def build_subscription(row: SubscriptionRow, region: Region, queues: Collection[str]) -> Subscription:
    """The subscription of a row, its attributes checked and compiled.

    Args:
        queues: names of the dead-letter queues there are.

    Raises:
        InvalidParameterError: an attribute is unknown or has a value that AWS refuses.
    """
    attributes = _strings.decode(row.attributes)
    for name, value in attributes.items():
        if name not in SUBSCRIPTION_ATTRIBUTES:
            raise InvalidParameterError("Invalid parameter: AttributeName")
        _CHECKS.get(name, _accept)(value)
    own_policy = attributes.get("DeliveryPolicy")
    return Subscription(
        row.subscription_id,
        row.subscription_arn,
        row.topic_arn,
        row.protocol,
        row.endpoint,
        attributes,
        row.created_at,
        paused=bool(row.paused),
        accepts=_filter(attributes),
        filter_scope=_filter_scope(attributes),
        retry_policy=parse_delivery_policy(own_policy) if own_policy else DEFAULT_RETRY_POLICY,
        dead_letter_queue=_dead_letter_queue(attributes.get("RedrivePolicy"), region, queues),
    )


def subscription_row(subscription: Subscription) -> SubscriptionRow:
    """*subscription* as the store has it."""
    return SubscriptionRow(
        subscription.subscription_id,
        subscription.subscription_arn,
        subscription.topic_arn,
        subscription.protocol,
        subscription.endpoint,
        attributes_text(subscription.attributes),
        int(subscription.paused),
        subscription.created_at,
    )


def attributes_text(attributes: Mapping[str, str]) -> str:
    """Attributes as JSON text, empty ones left out: an empty text removes an attribute."""
    return _encoder.encode({name: value for name, value in attributes.items() if value}).decode()


def _filter(attributes: Mapping[str, str]) -> Filter | None:
    policy = attributes.get("FilterPolicy")
    if not policy:
        return None
    return compile_filter_policy(policy, _filter_scope(attributes))


def _filter_scope(attributes: Mapping[str, str]) -> FilterPolicyScope:
    """What the filter policy looks at; message attributes unless said otherwise."""
    return FilterPolicyScope(attributes.get("FilterPolicyScope", FilterPolicyScope.MESSAGE_ATTRIBUTES))


def _accept(_: str) -> None:
    return None


def _check_scope(value: str) -> None:
    if value not in set(FilterPolicyScope):
        raise InvalidParameterError(
            f"Invalid parameter: FilterPolicyScope: Invalid value [{value}]. "
            "Please use either MessageBody or MessageAttributes"
        )


def _check_raw(value: str) -> None:
    if value.lower() not in {"true", "false"}:
        raise InvalidParameterError(
            f"Invalid parameter: Attributes Reason: RawMessageDelivery: Invalid value [{value}]. Must be true or false."
        )
    if value.lower() == "true":
        raise InvalidParameterError(
            "Invalid parameter: Attributes Reason: RawMessageDelivery: Delivery protocol [lambda] does not support "
            "raw message delivery."
        )


_CHECKS: Mapping[str, Callable[[str], None]] = {"FilterPolicyScope": _check_scope, "RawMessageDelivery": _check_raw}


def _dead_letter_queue(policy: str | None, region: Region, queues: Collection[str]) -> str | None:
    if policy is None:
        return None
    queue_arn = _target_arn(policy)
    prefix = region.queue_arn("")
    name = queue_arn.removeprefix(prefix)
    if not queue_arn.startswith(prefix) or name not in queues:
        raise InvalidParameterError(
            f"Invalid parameter: RedrivePolicy: deadLetterTargetArn {queue_arn} is no queue of this endpoint; "
            "create it first"
        )
    return name


def _target_arn(policy: str) -> str:
    try:
        found: JSONValue = decode(policy)
    except msgspec.DecodeError as error:
        raise InvalidParameterError("Invalid parameter: RedrivePolicy: failed to parse JSON.") from error
    target = found.get("deadLetterTargetArn") if isinstance(found, dict) else None
    if not isinstance(target, str):
        raise InvalidParameterError("Invalid parameter: RedrivePolicy: deadLetterTargetArn is missing")
    return target
