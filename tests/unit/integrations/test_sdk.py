"""AWS services called from Task states; moto stands in for AWS."""

import asyncio
import json
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from expeditor.clock import ManualClock
from expeditor.integrations import Endpoints, Integrations, Outcome, SdkTasks, TaskRequest
from expeditor.integrations.sdk import Client

pytestmark = pytest.mark.anyio


def connect(service: str) -> Client:
    return boto3.client(service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")


@pytest.fixture
def aws() -> Iterator[None]:
    with mock_aws():
        yield


async def outcome_of(resource: str, parameters: object, tasks: SdkTasks | None = None) -> Outcome:
    tasks = tasks or SdkTasks(connect, threads=1)
    reported: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    request = TaskRequest(f"arn:aws:states:::{resource}", parameters, "arn", 1, "token")
    Integrations(None, ManualClock(), services=tasks).start(request, reported.set_result)  # type: ignore[arg-type]
    outcome = await reported
    tasks.close()
    return outcome


async def test_items_go_to_a_table_and_come_back_with_their_own_attribute_names(aws) -> None:
    connect("dynamodb").create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"id": {"S": "o-1"}, "total": {"N": "4900"}}

    put = await outcome_of("dynamodb:putItem", {"TableName": "orders", "Item": item})
    get = await outcome_of("aws-sdk:dynamodb:getItem", {"TableName": "orders", "Key": {"id": {"S": "o-1"}}})
    again = await outcome_of(
        "dynamodb:putItem", {"TableName": "orders", "Item": item, "ConditionExpression": "attribute_not_exists(id)"}
    )

    assert json.loads(put.output)["SdkHttpMetadata"]["HttpStatusCode"] == 200
    assert json.loads(get.output) == {"Item": item}
    assert again.error == "DynamoDB.ConditionalCheckFailedException"
    assert "(Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ConditionalCheckFailedException;" in again.cause


async def test_message_body_that_is_no_text_is_sent_as_json(aws) -> None:
    queue = connect("sqs").create_queue(QueueName="q")["QueueUrl"]

    sent = await outcome_of("sqs:sendMessage", {"QueueUrl": queue, "MessageBody": {"a": 1}})
    waiting = await outcome_of("sqs:sendMessage.waitForTaskToken", {"QueueUrl": queue, "MessageBody": "hi"})

    bodies = [
        message["Body"]
        for _ in range(2)
        for message in connect("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", ())
    ]
    assert sorted(bodies) == ["hi", '{"a":1}']
    assert len(json.loads(sent.output)["MessageId"]) == 36
    assert type(waiting).__name__ == "Submitted"


async def test_camel_case_services_take_and_give_pascal_case(aws) -> None:
    created = await outcome_of("aws-sdk:sfn:createActivity", {"Name": "pick"})

    answer = json.loads(created.output)
    assert answer["ActivityArn"].endswith(":activity:pick")
    assert answer["CreationDate"].endswith("Z")


async def test_errors_of_a_service_are_named_after_it(aws) -> None:
    failed = await outcome_of("aws-sdk:sfn:describeActivity", {"ActivityArn": "arn:aws:states:us-east-1:1:activity:no"})

    assert failed.error.startswith("Sfn.")
    assert "(Service: Sfn, Status Code: 400, Request ID: " in failed.cause


@pytest.mark.parametrize(
    ("resource", "parameters", "error"),
    [
        ("aws-sdk:sqs:doTheImpossible", {}, "States.Runtime"),
        ("aws-sdk:nothing:atAll", {}, "Nothing.SdkClientException"),
        ("sqs:sendMessage", {"QueueUrl": 5, "MessageBody": "x"}, "SQS.SdkClientException"),
    ],
)
async def test_calls_that_cannot_be_made_fail_the_task(aws, resource, parameters, error) -> None:
    assert (await outcome_of(resource, parameters)).error == error


async def test_service_without_an_endpoint_is_refused_with_what_to_do() -> None:
    failed = await outcome_of("sqs:sendMessage", {}, SdkTasks(Endpoints().connect, threads=1))

    assert failed.error == "States.Runtime"
    assert "no endpoint is configured for sqs" in failed.cause
