"""The application as ASGI sees it: who is let in, what is bounded, what every failure looks like."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from expeditor.api.guard import Guard
from expeditor.api.protocol import Answer, Call, Operation
from expeditor.api.server import Api, Message, Scope, is_aws_request
from expeditor.errors import ExpeditorError, ServiceError
from expeditor.ids import SeededIds

pytestmark = pytest.mark.anyio

ARN = "arn:aws:states:us-east-1:000000000000:stateMachine:orders"


class TooManyError(ServiceError):
    code = "ExecutionLimitExceeded"


async def start(call: Call) -> Answer:
    if call.params.get("name") == "bug":
        raise ZeroDivisionError("secret")
    if call.params.get("name") == "busy":
        raise ExpeditorError("/srv/node.db was locked")
    if call.params.get("name") == "many":
        raise TooManyError("too many")
    return {"executionArn": f"{call.params['stateMachineArn']}:{call.params.get('name')}", "startDate": 1.5}


async def wait_for_task(call: Call) -> Answer:
    await asyncio.Event().wait()
    return {}


async def publish(call: Call) -> Answer:
    return {"MessageId": call.params["Message"]}


def api() -> Api:
    return Api(
        {
            "stepfunctions": {
                "StartExecution": Operation(start, body_bytes_max=1_000),
                "GetActivityTask": Operation(wait_for_task, waits=True),
                "DescribeExecution": Operation(wait_for_task),
            },
            "lambda": {},
            "sns": {"Publish": Operation(publish)},
        },
        Guard(["node.test"]),
        SeededIds(),
    )


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.text)
        return found


def scope(method: str = "POST", path: str = "/", query: str = "", **headers: str) -> Scope:
    named = {"host": "127.0.0.1:8081", **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = [(name.encode(), value.encode()) for name, value in named.items()]
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": raw,
    }


async def call(received: Scope, *parts: bytes) -> Response | None:
    """The answer, None when the application gave none; the caller hangs up after the last part."""
    return await exchange(received, [*parts[:-1], parts[-1] if parts else b""])


async def exchange(received: Scope, parts: Sequence[bytes]) -> Response | None:
    incoming: list[Message] = [
        {"type": "http.request", "body": part, "more_body": index < len(parts)} for index, part in enumerate(parts, 1)
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await api()(received, receive, send)
    if not sent:
        return None
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Response(sent[0]["status"], headers, sent[1]["body"].decode())


async def start_execution(body: object, **headers: str) -> Response:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = await call(scope(x_amz_target="AWSStepFunctions.StartExecution", **headers), text)
    assert response is not None
    return response


async def test_operation_answers_with_a_request_id() -> None:
    response = await start_execution({"stateMachineArn": ARN, "name": "o-1"})

    assert response.status == 200
    assert response.json == {"executionArn": f"{ARN}:o-1", "startDate": 1.5}
    assert response.headers["content-type"] == "application/x-amz-json-1.0"
    assert len(response.headers["x-amzn-requestid"]) == 36
    assert response.headers["content-length"] == str(len(response.text))


async def test_body_may_come_in_parts() -> None:
    text = json.dumps({"stateMachineArn": ARN}).encode()

    response = await call(scope(x_amz_target="AWSStepFunctions.StartExecution"), text[:10], text[10:20], text[20:])

    assert response is not None
    assert response.status == 200


async def test_refusal_has_the_code_of_the_room() -> None:
    response = await start_execution({"stateMachineArn": ARN, "name": "many"})

    assert response.status == 400
    assert response.json == {"__type": "ExecutionLimitExceeded", "message": "too many"}


async def test_bug_is_an_internal_failure_that_shows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    response = await start_execution({"stateMachineArn": ARN, "name": "bug"})

    assert response.status == 500
    assert response.json["__type"] == "InternalFailure"
    assert "secret" not in response.text
    assert response.headers["x-amzn-requestid"] in caplog.text


async def test_fault_of_the_node_asks_for_another_try(caplog: pytest.LogCaptureFixture) -> None:
    response = await start_execution({"stateMachineArn": ARN, "name": "busy"})

    assert response.status == 503
    assert "node.db" not in response.text
    assert "node.db" in caplog.text


async def test_call_that_the_closing_server_cancels_asks_for_another_try() -> None:
    describe = scope(x_amz_target="AWSStepFunctions.DescribeExecution")
    body = json.dumps({"executionArn": ARN.replace("stateMachine", "execution") + ":o-1"}).encode()
    under_way = asyncio.ensure_future(call(describe, body))
    await asyncio.sleep(0)

    under_way.cancel()
    response = await under_way

    assert response is not None
    assert (response.status, response.json["__type"]) == (503, "ServiceUnavailableException")
    assert "call again when it is up" in response.json["message"]


async def test_malformed_json_is_a_400() -> None:
    response = await start_execution(b"{'not': json")

    assert response.status == 400
    assert response.json["__type"] == "SerializationException"


async def test_body_longer_than_it_may_be_is_not_kept() -> None:
    declared = await call(scope(x_amz_target="AWSStepFunctions.StartExecution", content_length="1001"), b"x" * 1_001)
    streamed = await call(scope(x_amz_target="AWSStepFunctions.StartExecution"), b"x" * 600, b"x" * 600)

    for response in (declared, streamed):
        assert response is not None
        assert response.status == 413
        assert response.headers["connection"] == "close"
        assert response.json["__type"] == "RequestEntityTooLargeException"


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("AWSStepFunctions.TestState", "UnsupportedOperationException"),
        ("AWSStepFunctions.MakeCoffee", "UnknownOperationException"),
        ("DynamoDB_20120810.PutItem", "UnknownOperationException"),
        ("", "UnknownOperationException"),
        ("StartExecution", "UnknownOperationException"),
    ],
)
async def test_operation_that_is_not_here_is_named(target: str, code: str) -> None:
    response = await call(scope(x_amz_target=target), b"{}")

    assert response is not None
    assert response.status == 400
    assert response.json["__type"] == code
    assert target.rpartition(".")[2] in response.json["message"]


async def test_unsupported_lambda_operation_speaks_rest() -> None:
    response = await call(scope("GET", "/2015-03-31/functions"))

    assert response is not None
    assert response.headers["x-amzn-errortype"] == "UnsupportedOperationException"
    assert "ListFunctions" in response.json["Message"]


async def test_form_reaches_its_operation() -> None:
    response = await call(scope(), b"Action=Publish&TopicArn=t&Message=hi&Version=2010-03-31")

    assert response is not None
    assert "<MessageId>hi</MessageId>" in response.text


async def test_form_without_action_is_refused_in_xml() -> None:
    response = await call(scope(), b"Message=hi")

    assert response is not None
    assert response.status == 400
    assert "<Code>UnknownOperationException</Code>" in response.text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1", "[::1]:8081", "NODE.test", "sync-localhost:8081"])
async def test_own_hosts_are_let_in(host: str) -> None:
    assert (await start_execution({"stateMachineArn": ARN}, host=host)).status == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil.example:8081"])
async def test_other_hosts_are_refused(host: str) -> None:
    response = await start_execution({"stateMachineArn": ARN}, host=host)

    assert response.status == 403
    assert response.json["__type"] == "AccessDeniedException"


async def test_page_of_another_site_is_refused() -> None:
    body = {"stateMachineArn": ARN}

    assert (await start_execution(body, origin="http://evil.example")).status == 403
    assert (await start_execution(body, origin="null")).status == 403
    assert (await start_execution(body, origin="http://[broken")).status == 403
    assert (await start_execution(body, sec_fetch_site="cross-site")).status == 403
    assert (await start_execution(body, origin="http://localhost:8081")).status == 200


async def test_image_of_another_site_is_refused() -> None:
    response = await call(scope("GET", "/", "Action=Publish&TopicArn=t&Message=hi", sec_fetch_site="cross-site"))

    assert response is not None
    assert response.status == 403


async def test_endless_headers_are_refused() -> None:
    assert (await start_execution({"stateMachineArn": ARN}, x_amz_junk="x" * 40_000)).status == 431


async def test_caller_who_hangs_up_cancels_what_waits() -> None:
    body = json.dumps({"activityArn": "arn:aws:states:us-east-1:000000000000:activity:a"}).encode()

    assert await call(scope(x_amz_target="AWSStepFunctions.GetActivityTask"), body) is None


async def test_caller_who_hangs_up_within_the_body_is_not_answered() -> None:
    assert await exchange(scope(x_amz_target="AWSStepFunctions.StartExecution"), []) is None


@pytest.mark.parametrize(
    ("received", "ours"),
    [
        (scope(x_amz_target="AWSStepFunctions.StartExecution"), True),
        (scope("GET", "/2015-03-31/functions"), True),
        (scope("POST", "/"), True),
        (scope("GET", "/", "Action=ListTopics"), True),
        (scope("GET", "/", authorization="AWS4-HMAC-SHA256 Credential=x"), True),
        (scope("GET", "/"), False),
        (scope("GET", "/executions/2015-03-31/x"), False),
        ({"type": "websocket"}, False),
    ],
)
async def test_aws_requests_are_told_from_the_console(received: Scope, ours: bool) -> None:
    assert is_aws_request(received) is ours
