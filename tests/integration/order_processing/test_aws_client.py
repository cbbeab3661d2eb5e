"""boto3's client with a connection of our own, against a server that speaks Step Functions' wire protocol."""

import json
import select
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from greenlet import greenlet

from order_processing.functions import order_notification_dispatcher, request_fraud_review, request_shipment
from order_processing.gateways import aws_client
from order_processing.gateways.aws import is_near

ARN = "arn:aws:states:us-east-1:000000000000:execution:m:o-1"
START = {"stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:m", "name": "o-1", "input": "{}"}


class StandIn(ThreadingHTTPServer):
    """Answers StartExecution with what is next in *answers*; None hangs up instead."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, Any]] | None] = []
        self.requests: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.connections = 0
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandIn

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.requests.append(dict(self.headers.items()))
        self.server.paths.append(self.path)
        answer = self.server.answers.pop(0)
        if answer is None:
            self.close_connection = True
            return
        status, document = answer
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("x-amzn-RequestId", "r-1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A running stand-in that boto3 finds through its own settings."""
    server = StandIn()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials that it found first
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def started() -> tuple[int, dict[str, Any]]:
    return 200, {"executionArn": ARN, "startDate": 1_700_000_000.5}


def test_an_answer_is_boto3s_own_with_date_and_request_id(stand_in: StandIn) -> None:
    stand_in.answers = [started()]

    answer = aws_client("stepfunctions").start_execution(**START)

    assert answer["executionArn"] == ARN
    assert answer["startDate"].timestamp() == 1_700_000_000.5
    assert answer["ResponseMetadata"]["RequestId"] == "r-1"
    assert stand_in.requests[0]["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=x/")


def test_one_connection_serves_many_calls(stand_in: StandIn) -> None:
    stand_in.answers = [started() for _ in range(5)]
    client = aws_client("stepfunctions")

    for _ in range(5):
        client.start_execution(**START)

    assert stand_in.connections == 1


def test_an_endpoint_below_a_path_is_asked_there(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{stand_in.server_port}/aws")
    stand_in.answers = [started()]

    assert aws_client("stepfunctions").start_execution(**START)["executionArn"] == ARN
    assert stand_in.paths == ["/aws"]


@pytest.mark.parametrize("function", [order_notification_dispatcher, request_fraud_review, request_shipment])
def test_functions_give_way_while_step_functions_answers(stand_in: StandIn, function: Any) -> None:
    stand_in.answers = [(200, {})]
    function._client.cache_clear()
    client = function._client()
    function._client.cache_clear()

    assert waits_in(lambda: client.send_task_success(taskToken="t", output="{}")) == {"connecting", "reading"}


def waits_in(call: Callable[[], object]) -> set[str]:
    """What *call* gives way for."""
    task = greenlet(call)
    waits = set()
    given = task.switch()
    while not task.dead:
        descriptor, is_writing, seconds = given
        waits.add("connecting" if is_writing else "reading")
        ready = select.select([] if is_writing else [descriptor], [descriptor] if is_writing else [], [], seconds)
        given = task.switch(any(ready))
    return waits


def test_an_error_is_the_exception_of_its_name(stand_in: StandIn) -> None:
    refusal = {"__type": "com.amazonaws.states#ExecutionAlreadyExists", "message": "Execution Already Exists: o-1"}
    stand_in.answers = [(400, refusal), (400, refusal)]
    client = aws_client("stepfunctions")

    with pytest.raises(client.exceptions.ExecutionAlreadyExists, match="o-1"):
        client.start_execution(**START)


def test_a_server_that_fails_is_asked_again_by_botocore_as_often_as_the_configuration_says(stand_in: StandIn) -> None:
    stand_in.answers = [(500, {"message": "no"}), (500, {"message": "no"}), started()]
    client = aws_client("stepfunctions", Config(retries={"mode": "standard", "total_max_attempts": 2}))

    assert client.start_execution(**START)["ResponseMetadata"]["RetryAttempts"] == 1
    assert stand_in.answers == []


def test_a_server_that_fails_is_asked_once_when_there_is_one_attempt(stand_in: StandIn) -> None:
    refusal = {"__type": "com.amazonaws.states#ExecutionAlreadyExists", "message": "Execution Already Exists: o-1"}
    stand_in.answers = [(500, {"message": "no"}), (400, refusal)]
    client = aws_client("stepfunctions", Config(retries={"total_max_attempts": 1}))

    with pytest.raises(ClientError, match="no"):
        client.start_execution(**START)
    with pytest.raises(client.exceptions.ExecutionAlreadyExists, match="o-1"):
        client.start_execution(**START)

    assert len(stand_in.requests) == 2


def test_a_connection_that_was_closed_while_it_stood_idle_is_made_again(stand_in: StandIn) -> None:
    stand_in.answers = [started(), None, started()]
    client = aws_client("stepfunctions", Config(retries={"total_max_attempts": 1}))
    client.start_execution(**START)

    assert client.start_execution(**START)["executionArn"] == ARN
    assert stand_in.connections == 2


def test_a_server_that_hangs_up_is_a_closed_connection_to_botocore(stand_in: StandIn) -> None:
    stand_in.answers = [None]
    client = aws_client("stepfunctions", Config(retries={"total_max_attempts": 1}))

    with pytest.raises(ConnectionClosedError):
        client.start_execution(**START)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8081", True),
        ("http://localhost:4566", True),
        ("https://localhost:4566", False),
        ("https://states.us-east-1.amazonaws.com", False),
        ("http://10.0.0.5:8081", False),
    ],
)
def test_only_an_address_of_this_machine_gets_a_connection_of_our_own(url: str, expected: bool) -> None:
    assert is_near(url) is expected
