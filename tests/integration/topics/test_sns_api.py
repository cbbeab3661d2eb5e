"""Amazon SNS's API, spoken by boto3 over a socket."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
import uvicorn
from botocore.config import Config
from botocore.exceptions import ClientError

from expeditor.api.guard import Guard
from expeditor.api.server import Api
from expeditor.api.sns import sns_operations
from expeditor.ids import SeededIds
from expeditor.topics import lambda_event
from tests.integration.topics.harness import FAILED, FUNCTION, World, world

pytestmark = pytest.mark.anyio

ATTRIBUTES = {
    "city": {"DataType": "String", "StringValue": "Chicago"},
    "price": {"DataType": "Number", "StringValue": "12.5"},
    "raw": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
}


class Client:
    """boto3 in a thread, so that the node's loop goes on."""

    def __init__(self, port: int) -> None:
        self._sns = boto3.client(
            "sns",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        async def call(**params: Any) -> Any:
            return await asyncio.to_thread(getattr(self._sns, operation), **params)

        return call

    async def refusal(self, operation: str, **params: Any) -> tuple[str, str]:
        """Code and message of an operation that must be refused."""
        with pytest.raises(ClientError) as caught:
            await getattr(self, operation)(**params)
        return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]

    def close(self) -> None:
        self._sns.close()


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[tuple[World, Client]]:
    async with world(path) as w:
        api = Api({"sns": sns_operations(w.topics)}, Guard(), SeededIds(2))
        listening = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(api, log_config=None, lifespan="off"))
        running = asyncio.ensure_future(server.serve([listening]))
        client = Client(listening.getsockname()[1])
        try:
            yield w, client
        finally:
            client.close()
            server.should_exit = True
            await running
            listening.close()


async def test_story_of_a_topic(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, sns):
        arn = (await sns.create_topic(Name="orders", Attributes={"DisplayName": "Orders"}))["TopicArn"]
        assert arn == "arn:aws:sns:us-east-1:000000000000:orders"
        assert (await sns.create_topic(Name="orders"))["TopicArn"] == arn
        assert (await sns.list_topics())["Topics"] == [{"TopicArn": arn}]

        found = (await sns.get_topic_attributes(TopicArn=arn))["Attributes"]
        assert (found["DisplayName"], found["Owner"], found["SubscriptionsConfirmed"]) == (
            "Orders",
            "000000000000",
            "0",
        )
        await sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="New")
        assert (await sns.get_topic_attributes(TopicArn=arn))["Attributes"]["DisplayName"] == "New"

        await sns.delete_topic(TopicArn=arn)
        await sns.delete_topic(TopicArn=arn)
        assert await sns.refusal("get_topic_attributes", TopicArn=arn) == ("NotFound", "Topic does not exist")


async def test_published_message_is_the_event_of_a_function(tmp_path: Path) -> None:
    async with serving(tmp_path) as (w, sns):
        arn = await w.subscribed()
        (subscription,) = w.topics.subscriptions(arn)
        await w.topics.pause(subscription.subscription_arn)

        answer = await sns.publish(TopicArn=arn, Message='{"a":"ö"}', Subject="Hi", MessageAttributes=ATTRIBUTES)

        queued = w.node.message()
        (record,) = json.loads(lambda_event(subscription, queued, w.topics.region))["Records"]
        assert record["EventSource"] == "aws:sns"
        assert record["EventVersion"] == "1.0"
        assert record["EventSubscriptionArn"] == subscription.subscription_arn
        notification = record["Sns"]
        assert notification.pop("UnsubscribeUrl").endswith(
            f"?Action=Unsubscribe&SubscriptionArn={subscription.subscription_arn}"
        )
        assert notification == {
            "Type": "Notification",
            "MessageId": answer["MessageId"],
            "TopicArn": arn,
            "Subject": "Hi",
            "Message": '{"a":"ö"}',
            "Timestamp": "2023-11-14T22:13:20.000Z",
            "SignatureVersion": "1",
            "Signature": "unsigned",
            "SigningCertUrl": "http://127.0.0.1:8081/SimpleNotificationService-unsigned.pem",
            "MessageAttributes": {
                "city": {"Type": "String", "Value": "Chicago"},
                "price": {"Type": "Number", "Value": "12.5"},
                "raw": {"Type": "Binary", "Value": "AAE="},
            },
        }


async def test_batch_publishes_good_entries_and_names_bad_ones(tmp_path: Path) -> None:
    async with serving(tmp_path) as (w, sns):
        arn = await w.subscribed()

        answer = await sns.publish_batch(
            TopicArn=arn,
            PublishBatchRequestEntries=[
                {"Id": "one", "Message": "1"},
                {"Id": "bad", "Message": "2", "Subject": "line\nbreak"},
                {"Id": "three", "Message": "3"},
            ],
        )
        await w.node.settle()

        assert [entry["Id"] for entry in answer["Successful"]] == ["one", "three"]
        (failed,) = answer["Failed"]
        assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("bad", "InvalidParameter", True)
        assert w.endpoint.seen == ["1", "3"]


async def test_batches_that_break_a_rule_are_refused_whole(tmp_path: Path) -> None:
    async with serving(tmp_path) as (w, sns):
        arn = await w.subscribed()

        async def code(*entries: tuple[str, str]) -> str:
            made = [{"Id": entry_id, "Message": text} for entry_id, text in entries]
            return (await sns.refusal("publish_batch", TopicArn=arn, PublishBatchRequestEntries=made))[0]

        assert await code() == "EmptyBatchRequest"
        assert await code(*((str(n), "x") for n in range(11))) == "TooManyEntriesInBatchRequest"
        assert await code(("a", "x"), ("a", "y")) == "BatchEntryIdsNotDistinct"
        assert await code(("a b", "x")) == "InvalidBatchEntryId"
        assert await code(("a", "x" * 131_073), ("b", "y" * 131_072)) == "BatchRequestTooLong"
        await w.node.settle()
        assert w.endpoint.seen == []


async def test_largest_message_passes_and_one_byte_more_does_not(tmp_path: Path) -> None:
    async with serving(tmp_path) as (w, sns):
        arn = await w.subscribed()

        await sns.publish(TopicArn=arn, Message="x" * 262_144)
        refused = await sns.refusal("publish", TopicArn=arn, Message="x" * 262_145)

        assert refused == ("InvalidParameter", "Invalid parameter: Message too long")


async def test_publishing_to_nowhere(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, sns):
        gone = "arn:aws:sns:us-east-1:000000000000:gone"
        assert await sns.refusal("publish", TopicArn=gone, Message="x") == ("NotFound", "Topic does not exist")
        assert await sns.refusal("publish", TopicArn="orders", Message="x") == (
            "InvalidParameter",
            "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1",
        )
        assert (await sns.refusal("publish", PhoneNumber="+100", Message="x"))[0] == "InvalidParameter"
        assert (await sns.refusal("publish", Message="x"))[0] == "InvalidParameter"


async def test_story_of_a_subscription(tmp_path: Path) -> None:
    async with serving(tmp_path) as (w, sns):
        arn = (await sns.create_topic(Name="orders"))["TopicArn"]
        queue = await w.topics.queues.create("dead")
        redrive = json.dumps({"deadLetterTargetArn": queue})
        policy = json.dumps({"city": ["Chicago"]})

        made = await sns.subscribe(
            TopicArn=arn, Protocol="lambda", Endpoint=FUNCTION, Attributes={"RedrivePolicy": redrive}
        )
        again = await sns.subscribe(TopicArn=arn, Protocol="lambda", Endpoint=FUNCTION)
        assert again["SubscriptionArn"] == made["SubscriptionArn"]
        subscription_arn = made["SubscriptionArn"]
        assert subscription_arn.startswith(f"{arn}:")

        await sns.set_subscription_attributes(
            SubscriptionArn=subscription_arn, AttributeName="FilterPolicy", AttributeValue=policy
        )
        found = (await sns.get_subscription_attributes(SubscriptionArn=subscription_arn))["Attributes"]
        assert found["FilterPolicy"] == policy
        assert found["FilterPolicyScope"] == "MessageAttributes"
        assert found["RedrivePolicy"] == redrive
        assert found["PendingConfirmation"] == "false"
        listed = (await sns.list_subscriptions_by_topic(TopicArn=arn))["Subscriptions"]
        assert listed == (await sns.list_subscriptions())["Subscriptions"]
        assert listed[0]["Endpoint"] == FUNCTION

        await sns.unsubscribe(SubscriptionArn=subscription_arn)
        assert (await sns.list_subscriptions())["Subscriptions"] == []
        assert (await sns.refusal("get_subscription_attributes", SubscriptionArn=subscription_arn))[0] == "NotFound"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"Protocol": "https", "Endpoint": "https://x"}, "delivers to lambda only, not to https"),
        ({"Protocol": "sqs", "Endpoint": "arn:aws:sqs:us-east-1:000000000000:q"}, "name a queue in its RedrivePolicy"),
        ({"Protocol": "pigeon", "Endpoint": "x"}, "does not support this protocol string: pigeon"),
        ({"Protocol": "lambda", "Endpoint": "dispatcher"}, "Lambda endpoint ARN"),
        ({"Attributes": {"FilterPolicy": '{"a": []}'}}, "FilterPolicy: Empty arrays are not allowed"),
        ({"Attributes": {"RawMessageDelivery": "true"}}, "does not support raw message delivery"),
        (
            {"Attributes": {"RedrivePolicy": '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:q"}'}},
            "no queue",
        ),
        ({"Attributes": {"Colour": "red"}}, "Invalid parameter: AttributeName"),
        ({"Attributes": {"FilterPolicyScope": "Everything"}}, "Please use either MessageBody or MessageAttributes"),
        ({"Attributes": {"DeliveryPolicy": '{"healthyRetryPolicy": {"numRetries": 101}}'}}, "between 0 and 100"),
    ],
)
async def test_subscriptions_that_cannot_be(tmp_path: Path, params: dict[str, Any], message: str) -> None:
    async with serving(tmp_path) as (_, sns):
        arn = (await sns.create_topic(Name="orders"))["TopicArn"]

        refused = await sns.refusal(
            "subscribe", **{"TopicArn": arn, "Protocol": "lambda", "Endpoint": FUNCTION, **params}
        )

        assert refused[0] == "InvalidParameter"
        assert message in refused[1]


async def test_lists_come_in_pages_of_a_hundred(tmp_path: Path) -> None:
    async with serving(tmp_path) as (w, sns):
        for number in range(205):
            await w.topics.create_topic(f"topic-{number:03}")
        await w.topics.subscribe(w.topics.topics[0].topic_arn, "lambda", FUNCTION)

        sizes, token = [], {}
        while True:
            page = await sns.list_topics(**token)
            sizes.append(len(page["Topics"]))
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}

        assert sizes == [100, 100, 5]
        assert (await sns.refusal("list_topics", NextToken="?"))[0] == "InvalidParameter"


async def test_tags(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, sns):
        arn = (await sns.create_topic(Name="orders", Tags=[{"Key": "team", "Value": "a"}]))["TopicArn"]

        await sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "env", "Value": "test"}])
        await sns.untag_resource(ResourceArn=arn, TagKeys=["team"])

        assert (await sns.list_tags_for_resource(ResourceArn=arn))["Tags"] == [{"Key": "env", "Value": "test"}]
        assert (await sns.refusal("tag_resource", ResourceArn=arn + "x", Tags=[]))[0] == "ResourceNotFound"


@pytest.mark.parametrize("name", ["", "a b", "x" * 257, "orders.fifo", "ö"])
async def test_bad_names(tmp_path: Path, name: str) -> None:
    async with serving(tmp_path) as (_, sns):
        code, message = await sns.refusal("create_topic", Name=name)
        assert code == "InvalidParameter"
        assert "Topic Name" in message


async def test_topic_that_exists_with_other_attributes(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, sns):
        await sns.create_topic(Name="orders", Attributes={"DisplayName": "Orders"})
        refused = await sns.refusal("create_topic", Name="orders", Attributes={"DisplayName": "Other"})
        assert refused[1] == "Invalid parameter: Attributes Reason: Topic already exists with different attributes"


async def test_structured_message_is_reduced_to_the_text_for_functions(tmp_path: Path) -> None:
    async with serving(tmp_path) as (w, sns):
        arn = await w.subscribed()
        for variants in ({"default": "d", "lambda": "l"}, {"default": "d"}):
            await sns.publish(TopicArn=arn, Message=json.dumps(variants), MessageStructure="json")
        await w.node.settle()

        assert w.endpoint.seen == ["l", "d"]
        refused = await sns.refusal("publish", TopicArn=arn, Message="{}", MessageStructure="json")
        assert refused[1] == "Invalid parameter: Message Structure - No default entry in JSON message body"


async def test_failed_delivery_does_not_fail_the_publisher(tmp_path: Path) -> None:
    async with serving(tmp_path) as (w, sns):
        arn = await w.subscribed()
        w.endpoint.behave = lambda _: FAILED
        assert (await sns.publish(TopicArn=arn, Message="x"))["MessageId"]
