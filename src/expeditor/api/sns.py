"""Amazon SNS's operations on the node's topics."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from expeditor.api.protocol import Answer, Call, Operation, Operations, Params
from expeditor.errors import ServiceError
from expeditor.topics import (
    InvalidParameterError,
    NewMessage,
    ResourceNotFoundError,
    RetryPolicy,
    Subscription,
    Topic,
    Topics,
    check_batch,
    check_message,
    new_message,
)

PAGE = 100
"""Entries of every list's page, as on AWS."""

T = TypeVar("T")


def sns_operations(topics: Topics) -> Operations:
    """What SNS can do here, by AWS's names."""
    groups = (_TopicOperations(topics), _SubscriptionOperations(topics), _PublishOperations(topics))
    return {name: operation for group in groups for name, operation in group.table().items()}


class _TopicOperations:
    """Topics and their tags."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics

    def table(self) -> Operations:
        return {
            "CreateTopic": Operation(self._create, missing="FIFO topics, encryption, data protection policies"),
            "DeleteTopic": Operation(self._delete),
            "ListTopics": Operation(self._list),
            "GetTopicAttributes": Operation(self._attributes),
            "SetTopicAttributes": Operation(
                self._set_attribute, missing="only DisplayName, Policy (kept, not enforced) and DeliveryPolicy (kept)"
            ),
            "TagResource": Operation(self._tag),
            "UntagResource": Operation(self._untag),
            "ListTagsForResource": Operation(self._tags),
        }

    async def _create(self, call: Call) -> Answer:
        if "DataProtectionPolicy" in call.params:
            raise InvalidParameterError(
                "Invalid parameter: DataProtectionPolicy Reason: not supported by this endpoint"
            )
        attributes = dict(call.params.get("Attributes", {}))
        if attributes.get("FifoTopic", "false").lower() == "false":
            attributes.pop("FifoTopic", None)
        topic = await self._topics.create_topic(call.params["Name"], attributes, _tags(call.params.get("Tags", [])))
        return {"TopicArn": topic.topic_arn}

    async def _delete(self, call: Call) -> Answer:
        await self._topics.delete_topic(call.params["TopicArn"])
        return {}

    async def _list(self, call: Call) -> Answer:
        found, token = _page(self._topics.topics, call.params, lambda topic: topic.topic_arn)
        return {"Topics": [{"TopicArn": topic.topic_arn} for topic in found], "NextToken": token}

    async def _attributes(self, call: Call) -> Answer:
        topic = self._topics.topic(call.params["TopicArn"])
        confirmed = len(self._topics.subscriptions(topic.topic_arn))
        return {"Attributes": self._described(topic, confirmed)}

    def _described(self, topic: Topic, confirmed: int) -> dict[str, str]:
        return {
            "TopicArn": topic.topic_arn,
            "Owner": self._topics.region.account,
            "DisplayName": "",
            "Policy": _default_policy(topic.topic_arn, self._topics.region.account),
            "SubscriptionsConfirmed": str(confirmed),
            "SubscriptionsPending": "0",
            "SubscriptionsDeleted": "0",
            **topic.attributes,
        }

    async def _set_attribute(self, call: Call) -> Answer:
        params = call.params
        await self._topics.set_topic_attribute(
            params["TopicArn"], params["AttributeName"], params.get("AttributeValue", "")
        )
        return {}

    async def _tag(self, call: Call) -> Answer:
        await self._topics.tag(call.params["ResourceArn"], _tags(call.params["Tags"]))
        return {}

    async def _untag(self, call: Call) -> Answer:
        await self._topics.tag(call.params["ResourceArn"], {}, call.params["TagKeys"])
        return {}

    async def _tags(self, call: Call) -> Answer:
        found = {topic.topic_arn: topic for topic in self._topics.topics}.get(call.params["ResourceArn"])
        if found is None:
            raise ResourceNotFoundError("Resource does not exist")
        return {"Tags": [{"Key": key, "Value": value} for key, value in found.tags.items()]}


class _SubscriptionOperations:
    """Subscriptions and their attributes."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics

    def table(self) -> Operations:
        return {
            "Subscribe": Operation(self._subscribe, missing="protocols other than lambda"),
            "Unsubscribe": Operation(self._unsubscribe),
            "ListSubscriptions": Operation(self._list),
            "ListSubscriptionsByTopic": Operation(self._list),
            "GetSubscriptionAttributes": Operation(self._attributes),
            "SetSubscriptionAttributes": Operation(self._set_attribute, missing="ReplayPolicy, raw delivery"),
        }

    async def _subscribe(self, call: Call) -> Answer:
        params = call.params
        found = await self._topics.subscribe(
            params["TopicArn"], params["Protocol"], params.get("Endpoint", ""), params.get("Attributes", {})
        )
        return {"SubscriptionArn": found.subscription_arn}

    async def _unsubscribe(self, call: Call) -> Answer:
        await self._topics.unsubscribe(call.params["SubscriptionArn"])
        return {}

    async def _list(self, call: Call) -> Answer:
        every = self._topics.subscriptions(call.params.get("TopicArn"))
        found, token = _page(every, call.params, lambda each: f"{each.subscription_id:020}")
        return {"Subscriptions": [self._listed(each) for each in found], "NextToken": token}

    def _listed(self, subscription: Subscription) -> Answer:
        return {
            "SubscriptionArn": subscription.subscription_arn,
            "Owner": self._topics.region.account,
            "Protocol": subscription.protocol,
            "Endpoint": subscription.endpoint,
            "TopicArn": subscription.topic_arn,
        }

    async def _attributes(self, call: Call) -> Answer:
        subscription = self._topics.subscription(call.params["SubscriptionArn"])
        scope = {"FilterPolicyScope": subscription.filter_scope.value} if subscription.accepts else {}
        return {
            "Attributes": {
                **self._listed(subscription),
                "ConfirmationWasAuthenticated": "true",
                "PendingConfirmation": "false",
                "RawMessageDelivery": "false",
                "EffectiveDeliveryPolicy": _effective(subscription.retry_policy),
                **scope,
                **subscription.attributes,
            }
        }

    async def _set_attribute(self, call: Call) -> Answer:
        params = call.params
        await self._topics.set_subscription_attribute(
            params["SubscriptionArn"], params["AttributeName"], params.get("AttributeValue", "")
        )
        return {}


class _PublishOperations:
    """Publishing."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics

    def table(self) -> Operations:
        return {
            "Publish": Operation(self._publish, missing="phone numbers and mobile endpoints; FIFO parameters"),
            "PublishBatch": Operation(self._publish_batch, missing="FIFO parameters"),
        }

    async def _publish(self, call: Call) -> Answer:
        if "PhoneNumber" in call.params:
            raise InvalidParameterError("Invalid parameter: PhoneNumber Reason: SMS is not supported by this endpoint")
        topic_arn = call.params.get("TopicArn") or call.params.get("TargetArn")
        if not topic_arn:
            raise InvalidParameterError(
                "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter"
            )
        (message_id,) = await self._topics.publish(topic_arn, [new_message(call.params)])
        return {"MessageId": message_id}

    async def _publish_batch(self, call: Call) -> Answer:
        """Bad entries are reported one by one; the others are published in one piece."""
        topic_arn, entries = (
            self._topics.topic(call.params["TopicArn"]).topic_arn,
            call.params["PublishBatchRequestEntries"],
        )
        check_batch([entry["Id"] for entry in entries], [entry["Message"] for entry in entries])
        messages: dict[str, NewMessage] = {}
        failed = []
        for entry in entries:
            try:
                messages[entry["Id"]] = _checked(entry)
            except ServiceError as error:
                failed.append({"Id": entry["Id"], "Code": error.code, "Message": str(error), "SenderFault": True})
        ids = await self._topics.publish(topic_arn, list(messages.values())) if messages else []
        done = [{"Id": entry_id, "MessageId": found} for entry_id, found in zip(messages, ids, strict=True)]
        return {"Successful": done, "Failed": failed}


def _checked(entry: Params) -> NewMessage:
    message = new_message(entry)
    check_message(message)
    return message


def _tags(tags: Sequence[Params]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def _page(items: Sequence[T], params: Params, key: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """The page after NextToken, items being in the order of *key*, and the token of the next page if there is one."""
    after = _token_key(params.get("NextToken"))
    rest = [item for item in items if key(item) > after]
    more = len(rest) > PAGE
    token = base64.b64encode(key(rest[PAGE - 1]).encode()).decode() if more else None
    return rest[:PAGE], token


def _token_key(token: str | None) -> str:
    try:
        return base64.b64decode(token.encode(), validate=True).decode() if token else ""
    except (binascii.Error, ValueError) as error:
        raise InvalidParameterError("Invalid parameter: NextToken") from error


def _effective(policy: RetryPolicy) -> str:
    return msgspec.json.encode({"healthyRetryPolicy": policy}).decode()


def _default_policy(topic_arn: str, account: str) -> str:
    """The policy AWS gives a topic that was created without one."""
    actions = (
        "GetTopicAttributes",
        "SetTopicAttributes",
        "DeleteTopic",
        "Subscribe",
        "ListSubscriptionsByTopic",
        "Publish",
    )
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in actions],
        "Resource": topic_arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
    }
    return msgspec.json.encode(
        {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}
    ).decode()
