"""Calls to AWS services over the wire; small servers stand in for the services."""

import asyncio
import base64
import json
import socket

import pytest

from expeditor.errors import ServiceError
from expeditor.integrations import Failed, Submitted, Succeeded
from tests.integration.integrations.standins import REQUEST_ID, Answer, Asked, stand_in
from tests.integration.integrations.tasks import EXECUTION, MACHINE, outcome_of

pytestmark = pytest.mark.anyio

TAIL = f"Request ID: {REQUEST_ID}; Proxy: null)"
PUBLISHED = (
    b'<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>m-9</MessageId>'
    b"</PublishResult><ResponseMetadata><RequestId>r-9</RequestId></ResponseMetadata></PublishResponse>"
)


def json_error(kind: str, message: str, status: int = 400) -> Answer:
    return Answer({"__type": f"com.amazonaws#{kind}", "message": message}, status)


async def test_item_is_put_as_given_and_the_answer_has_the_metadata_of_its_request() -> None:
    item = {"id": {"S": "o-1"}, "paid": {"BOOL": True}, "sizes": {"NS": ["1", "2"]}, "raw": {"B": "aGk="}}
    with stand_in(lambda _: Answer({})) as dynamodb:
        outcome = await outcome_of(
            "dynamodb:putItem", {"TableName": "orders", "Item": item}, {"AWS_ENDPOINT_URL_DYNAMODB": dynamodb.url}
        )

    assert dynamodb.asked[0].operation == "PutItem"
    assert dynamodb.asked[0].fields == {"TableName": "orders", "Item": item}
    answer = json.loads(outcome.output)
    assert sorted(answer) == ["SdkHttpMetadata", "SdkResponseMetadata"]
    assert answer["SdkResponseMetadata"] == {"RequestId": REQUEST_ID}
    assert answer["SdkHttpMetadata"]["HttpStatusCode"] == 200
    assert answer["SdkHttpMetadata"]["AllHttpHeaders"]["x-amzn-RequestId"] == [REQUEST_ID]


async def test_optimised_answers_keep_the_services_own_spelling() -> None:
    item = {"id": {"S": "o-1"}, "paid": {"BOOL": True}, "raw": {"B": "aGk="}, "none": {"NULL": True}}
    with stand_in(lambda _: Answer({"Item": item})) as dynamodb:
        outcome = await outcome_of(
            "dynamodb:getItem",
            {"TableName": "orders", "Key": {"id": {"S": "o-1"}}},
            {"AWS_ENDPOINT_URL": dynamodb.url},
        )

    assert json.loads(outcome.output)["Item"] == item


async def test_sdk_answers_are_spelled_as_the_sdk_for_java_spells_them() -> None:
    given = {"id": {"S": "o-1"}, "paid": {"Bool": True}, "none": {"Nul": True}, "sizes": {"Ns": ["1"]}}
    wire = {"id": {"S": "o-1"}, "paid": {"BOOL": True}, "none": {"NULL": True}, "sizes": {"NS": ["1"]}}
    with stand_in(lambda _: Answer({"Attributes": wire})) as dynamodb:
        outcome = await outcome_of(
            "aws-sdk:dynamodb:putItem",
            {"TableName": "orders", "Item": given, "ReturnValues": "ALL_OLD"},
            {"AWS_ENDPOINT_URL_DYNAMODB": dynamodb.url},
        )

    assert dynamodb.asked[0].fields["Item"] == wire
    assert json.loads(outcome.output) == {"Attributes": given}


@pytest.mark.parametrize(
    ("resource", "kind", "error", "cause"),
    [
        (
            "dynamodb:getItem",
            "ResourceNotFoundException",
            "DynamoDB.ResourceNotFoundException",
            f"no (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ResourceNotFoundException; {TAIL}",
        ),
        (
            "dynamodb:getItem",
            "ValidationException",
            "DynamoDB.AmazonDynamoDBException",
            f"no (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ValidationException; {TAIL}",
        ),
        (
            "aws-sdk:dynamodb:getItem",
            "ResourceNotFoundException",
            "DynamoDb.ResourceNotFoundException",
            f"no (Service: DynamoDb, Status Code: 400, Request ID: {REQUEST_ID}) (SDK Attempt Count: 1)",
        ),
        (
            "aws-sdk:dynamodb:getItem",
            "ValidationException",
            "DynamoDb.DynamoDbException",
            f"no (Service: DynamoDb, Status Code: 400, Request ID: {REQUEST_ID}) (SDK Attempt Count: 1)",
        ),
    ],
)
async def test_refusals_are_named_and_worded_as_aws_does(resource: str, kind: str, error: str, cause: str) -> None:
    with stand_in(lambda _: json_error(kind, "no")) as dynamodb:
        outcome = await outcome_of(
            resource, {"TableName": "t", "Key": {"id": {"S": "1"}}}, {"AWS_ENDPOINT_URL": dynamodb.url}
        )

    assert outcome == Failed(error, cause)


async def test_call_that_fails_is_made_once() -> None:
    with stand_in(lambda _: json_error("InternalServerError", "down", 500)) as dynamodb:
        outcome = await outcome_of(
            "dynamodb:getItem", {"TableName": "t", "Key": {}}, {"AWS_ENDPOINT_URL": dynamodb.url}
        )

    assert outcome.error == "DynamoDB.InternalServerErrorException"
    assert len(dynamodb.asked) == 1


async def test_what_is_missing_is_the_services_to_say() -> None:
    with stand_in(lambda _: json_error("ValidationException", "Value null at 'item'")) as dynamodb:
        await outcome_of("aws-sdk:dynamodb:putItem", {"TableName": "t"}, {"AWS_ENDPOINT_URL": dynamodb.url})

    assert dynamodb.asked[0].fields == {"TableName": "t"}


def queue(asked: Asked) -> Answer:
    return Answer({"MessageId": "m-1", "MD5OfMessageBody": "x"})


async def test_message_body_that_is_no_text_is_sent_as_json() -> None:
    with stand_in(queue) as sqs:
        url = f"{sqs.url}/000000000000/q"
        outcome = await outcome_of(
            "sqs:sendMessage", {"QueueUrl": url, "MessageBody": {"a": 1}}, {"AWS_ENDPOINT_URL_SQS": sqs.url}
        )

    assert sqs.asked[0].fields == {"QueueUrl": url, "MessageBody": '{"a":1}'}
    assert json.loads(outcome.output)["MD5OfMessageBody"] == "x"


async def test_queue_url_never_says_where_the_request_goes() -> None:
    with stand_in(queue) as sqs:
        outcome = await outcome_of(
            "sqs:sendMessage",
            {"QueueUrl": "http://192.0.2.1/000000000000/q", "MessageBody": "hi"},
            {"AWS_ENDPOINT_URL_SQS": sqs.url},
        )

    assert isinstance(outcome, Succeeded)
    assert len(sqs.asked) == 1


async def test_callback_form_only_submits() -> None:
    with stand_in(queue) as sqs:
        outcome = await outcome_of(
            "sqs:sendMessage.waitForTaskToken",
            {"QueueUrl": "q", "MessageBody": {"token": "t"}},
            {"AWS_ENDPOINT_URL_SQS": sqs.url},
        )

    assert isinstance(outcome, Submitted)
    assert json.loads(outcome.output)["MessageId"] == "m-1"


async def test_missing_queue_is_named_as_the_sdk_names_it() -> None:
    answer = Answer(
        {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no queue"},
        400,
        {"x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender"},
    )
    with stand_in(lambda _: answer) as sqs:
        parameters = {"QueueUrl": "q", "MessageBody": "hi"}
        environment = {"AWS_ENDPOINT_URL_SQS": sqs.url}
        optimised = await outcome_of("sqs:sendMessage", parameters, environment)
        plain = await outcome_of("aws-sdk:sqs:sendMessage", parameters, environment)

    assert optimised.error == "SQS.QueueDoesNotExistException"
    assert "Error Code: AWS.SimpleQueueService.NonExistentQueue;" in optimised.cause
    assert plain.error == "Sqs.QueueDoesNotExistException"


async def test_events_name_the_machine_and_the_execution_they_come_from() -> None:
    entry = {"Source": "shop", "DetailType": "OrderPlaced", "Detail": {"id": "o-1"}, "Resources": ["arn:a"]}
    with stand_in(lambda _: Answer({"FailedEntryCount": 0, "Entries": [{"EventId": "e-1"}]})) as events:
        outcome = await outcome_of(
            "events:putEvents", {"Entries": [entry]}, {"AWS_ENDPOINT_URL_EVENTBRIDGE": events.url}
        )

    (sent,) = events.asked[0].fields["Entries"]
    assert sent == entry | {"Detail": '{"id":"o-1"}', "Resources": ["arn:a", MACHINE, EXECUTION]}
    assert json.loads(outcome.output)["FailedEntryCount"] == 0


async def test_refused_entry_fails_the_task() -> None:
    body = {"Entries": [{"ErrorCode": "X", "ErrorMessage": "y"}], "FailedEntryCount": 1}
    with stand_in(lambda _: Answer(body)) as events:
        outcome = await outcome_of(
            "events:putEvents", {"Entries": [{"Source": "shop"}]}, {"AWS_ENDPOINT_URL_EVENTBRIDGE": events.url}
        )

    assert outcome.error == "EventBridge.FailedEntry"
    assert json.loads(outcome.cause) == body


async def test_log_events_go_to_cloudwatch_logs_by_its_own_variable() -> None:
    with stand_in(
        lambda _: Answer({"nextSequenceToken": "s", "rejectedLogEventsInfo": {"expiredLogEventEndIndex": 1}})
    ) as logs:
        outcome = await outcome_of(
            "aws-sdk:cloudwatchlogs:putLogEvents",
            {"LogGroupName": "g", "LogStreamName": "s", "LogEvents": [{"Timestamp": 1, "Message": {"a": 1}}]},
            {"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": logs.url},
        )

    assert logs.asked[0].operation == "PutLogEvents"
    assert logs.asked[0].fields["logEvents"] == [{"timestamp": 1, "message": '{"a":1}'}]
    assert json.loads(outcome.output) == {
        "NextSequenceToken": "s",
        "RejectedLogEventsInfo": {"ExpiredLogEventEndIndex": 1},
    }


async def test_own_services_are_asked_at_the_nodes_own_endpoint() -> None:
    with stand_in(lambda _: json_error("InvalidToken", "Invalid Token: 'Invalid token'")) as node:
        outcome = await outcome_of("aws-sdk:sfn:sendTaskFailure", {"TaskToken": "x"}, {}, own_url=node.url)

    assert node.asked[0].fields == {"taskToken": "x"}
    assert outcome == Failed(
        "Sfn.InvalidTokenException",
        "Invalid Token: 'Invalid token' (Service: Sfn, Status Code: 400, Request ID: "
        f"{REQUEST_ID}) (SDK Attempt Count: 1)",
    )


async def test_instants_are_iso_and_blobs_base64() -> None:
    with stand_in(lambda _: Answer({"CreatedDate": 1700000000.25, "SecretBinary": "AAH/", "ARN": "arn:s"})) as secrets:
        outcome = await outcome_of(
            "aws-sdk:secretsmanager:getSecretValue",
            {"SecretId": "s"},
            {"AWS_ENDPOINT_URL_SECRETS_MANAGER": secrets.url},
        )

    assert json.loads(outcome.output) == {
        "Arn": "arn:s",
        "CreatedDate": "2023-11-14T22:13:20.250Z",
        "SecretBinary": base64.b64encode(b"\x00\x01\xff").decode(),
    }


async def test_objects_are_text_and_too_large_ones_fail() -> None:
    body = {"small": b'{"a":1}', "large": b"x" * 300_000}
    with stand_in(lambda asked: Answer(body[asked.path.rpartition("/")[2]])) as s3:
        environment = {"AWS_ENDPOINT_URL_S3": s3.url}
        small = await outcome_of("aws-sdk:s3:getObject", {"Bucket": "b", "Key": "small"}, environment)
        large = await outcome_of("aws-sdk:s3:getObject", {"Bucket": "b", "Key": "large"}, environment)

    assert s3.asked[0].path == "/b/small"
    assert json.loads(small.output)["Body"] == '{"a":1}'
    assert large.error == "States.DataLimitExceeded"


class NoSuchTopicError(ServiceError):
    """No such topic."""

    code = "NotFound"


class OwnTopics:
    """The node's topics; only ``mine`` is one of them."""

    def publish(self, fields: dict[str, object]) -> "asyncio.Future[str]":
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        if fields.get("TopicArn") == "mine":
            answer.set_result("m-own")
        else:
            answer.set_exception(NoSuchTopicError("Topic does not exist"))
        return answer


async def test_messages_to_foreign_topics_go_to_the_configured_endpoint() -> None:
    with stand_in(lambda _: Answer(PUBLISHED, headers={"Content-Type": "text/xml"})) as sns:
        environment = {"AWS_ENDPOINT_URL_SNS": sns.url}
        mine = await outcome_of("sns:publish", {"TopicArn": "mine", "Message": "hi"}, environment, topics=OwnTopics())
        other = await outcome_of(
            "sns:publish", {"TopicArn": "other", "Message": {"a": 1}}, environment, topics=OwnTopics()
        )

    assert json.loads(mine.output)["MessageId"] == "m-own"
    assert json.loads(other.output)["MessageId"] == "m-9"
    assert len(sns.asked) == 1
    assert b"Message=%7B%22a%22%3A1%7D" in sns.asked[0].body


async def test_foreign_topic_without_an_endpoint_does_not_exist() -> None:
    outcome = await outcome_of("sns:publish", {"TopicArn": "other", "Message": "hi"}, {}, topics=OwnTopics())

    assert outcome.error == "SNS.NotFoundException"
    assert outcome.cause.startswith("Topic does not exist (Service: AmazonSNS; Status Code: 404; Error Code: NotFound;")


@pytest.mark.parametrize(
    ("resource", "environment", "cause"),
    [
        ("sqs:sendMessage", {}, "AWS_ENDPOINT_URL_SQS="),
        ("aws-sdk:cloudwatchlogs:describeLogGroups", {}, "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS="),
        ("aws-sdk:s3:listBuckets", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "AWS_ENDPOINT_URL_S3="),
        ("aws-sdk:s3:listBuckets", {"AWS_ENDPOINT_URL_S3": "localhost:9"}, "which is no address"),
        (
            "aws-sdk:cloudwatchlogs:startLiveTail",
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:2"},
            "startLiveTail streams events",
        ),
        ("aws-sdk:nothing:atAll", {}, "Step Functions knows no service nothing"),
        (
            "aws-sdk:sqs:doTheImpossible",
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:2"},
            "sqs has no action doTheImpossible",
        ),
    ],
)
async def test_calls_that_cannot_be_made_say_what_to_do(resource: str, environment: dict[str, str], cause: str) -> None:
    outcome = await outcome_of(resource, {}, environment, own_url="http://127.0.0.1:1")

    assert outcome.error == "States.Runtime"
    assert cause in outcome.cause


@pytest.mark.parametrize(
    ("resource", "parameters", "problem"),
    [
        ("sqs:sendMessage", {"MessageBodies": []}, "[The field 'MessageBodies' is not supported by Step Functions]"),
        ("sqs:sendMessage", {"DelaySeconds": "5"}, "[The value for the field 'DelaySeconds' must be a valid number]"),
        ("aws-sdk:sqs:sendMessage", {"queueUrl": "q"}, "[The field 'queueUrl' is not supported by Step Functions]"),
        ("aws-sdk:sqs:sendMessage", [], "[The value must be a JSON object]"),
        (
            "dynamodb:putItem",
            {"TableName": "t", "Item": []},
            "[The value for the field 'Item' must be a valid JSON object]",
        ),
    ],
)
async def test_unusable_parameters_are_refused_before_anything_is_sent(
    resource: str, parameters: object, problem: str
) -> None:
    outcome = await outcome_of(resource, parameters, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})

    assert outcome.error == "States.Runtime"
    given = json.dumps(parameters, separators=(",", ":"))
    assert outcome.cause == f"The Parameters '{given}' could not be used to start the Task: {problem}"


async def test_service_that_does_not_listen_is_a_client_exception() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        environment = {"AWS_ENDPOINT_URL_SQS": f"http://127.0.0.1:{closed.getsockname()[1]}"}
        optimised = await outcome_of("sqs:sendMessage", {"QueueUrl": "q", "MessageBody": "m"}, environment)
        plain = await outcome_of("aws-sdk:sqs:sendMessage", {"QueueUrl": "q", "MessageBody": "m"}, environment)

    assert optimised.error == "SQS.SdkClientException"
    assert optimised.cause.startswith("Unable to execute HTTP request: ")
    assert plain.error == "Sqs.SdkClientException"


@pytest.mark.parametrize("body", [b"<html>no</html>", b"\xff\xfe", b'{"a":'])
async def test_answer_that_is_none_fails_the_task(body: bytes) -> None:
    with stand_in(lambda _: Answer(body)) as sqs:
        outcome = await outcome_of(
            "sqs:sendMessage", {"QueueUrl": "q", "MessageBody": "m"}, {"AWS_ENDPOINT_URL_SQS": sqs.url}
        )

    assert outcome.error == "SQS.SdkClientException"


async def test_dynamodb_offers_no_callback() -> None:
    outcome = await outcome_of("dynamodb:putItem.waitForTaskToken", {}, {})

    assert outcome.error == "States.Runtime"
    assert "is not recognized" in outcome.cause


async def test_invocations_nobody_waits_for_are_lambdas_to_keep() -> None:
    with stand_in(lambda _: Answer(b"", 202)) as node:
        outcome = await outcome_of(
            "lambda:invoke",
            {"FunctionName": "mail", "InvocationType": "Event", "Payload": {"id": "o-1"}},
            {},
            own_url=node.url,
        )

    (asked,) = node.asked
    assert asked.path == "/2015-03-31/functions/mail/invocations"
    assert asked.headers["x-amz-invocation-type"] == "Event"
    assert asked.fields == {"id": "o-1"}
    assert json.loads(outcome.output)["StatusCode"] == 202


async def test_repeated_request_has_the_same_token() -> None:
    tokens = []
    with stand_in(lambda _: Answer({"ARN": "a", "Name": "s"})) as secrets:
        for _ in range(2):
            await outcome_of(
                "aws-sdk:secretsmanager:createSecret", {"Name": "s"}, {"AWS_ENDPOINT_URL_SECRETS_MANAGER": secrets.url}
            )
        tokens = [asked.fields["ClientRequestToken"] for asked in secrets.asked]

    assert tokens[0] == tokens[1]
    assert len(tokens[0]) == 36


@pytest.mark.parametrize("bucket", ["evil.example/x", "arn:aws:s3:us-west-2:123456789012:accesspoint/evil"])
async def test_names_in_a_request_never_lead_to_another_host(bucket: str) -> None:
    with stand_in(lambda _: Answer(b"")) as s3:
        environment = {"AWS_ENDPOINT_URL_S3": s3.url}
        outcome = await outcome_of("aws-sdk:s3:headObject", {"Bucket": bucket, "Key": "../k"}, environment)

    assert outcome.error == "S3.SdkClientException"
    assert s3.asked == []
