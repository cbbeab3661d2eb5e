"""Whatever is sent, the answer is AWS's, and never a failure of the node."""

import http.client
import json
import socket
from collections.abc import Iterator
from urllib.parse import quote, urlencode, urlsplit

import pytest

from expeditor.api.endpoints import Endpoint as ServiceEndpoint

from .conftest import Endpoint

ARN = "arn:aws:states:us-east-1:000000000000:stateMachine:nowhere"
BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"\xff\xfe\x00",
    b"[" * 50_000,
    b'{"a":' * 20_000,
    b'{"name": {"deep": []}}',
    json.dumps({"stateMachineArn": ARN, "executionArn": ARN, "resourceArn": ARN, "maxResults": 10**30}).encode(),
    json.dumps({"name": "\ud800", "definition": "\ud800", "roleArn": "\ud800", "taskToken": "\ud800"}).encode(),
    json.dumps({"stateMachineArn": ARN + "\n\r\0", "nextToken": "A" * 5_000, "input": "\0"}).encode(),
]
NAMES = ["nowhere", "%00", "%2e%2e%2f", "a" * 3_000, "%ff", "arn%3Aaws%3Alambda", "$LATEST", "%F0%9F%92%A9", "a:b:c:d"]


@pytest.fixture
def connection(endpoint: Endpoint) -> Iterator[http.client.HTTPConnection]:
    opened = http.client.HTTPConnection(urlsplit(endpoint.url).netloc, timeout=30)
    opened.connect()
    opened.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    yield opened
    opened.close()


def status(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    response = connection.getresponse()
    return response.status, response.read()


def json_operations(endpoint: Endpoint) -> list[str]:
    return sorted(endpoint.api.endpoints["stepfunctions"].model.operations)


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_no_step_functions_operation_fails(
    endpoint: Endpoint, connection: http.client.HTTPConnection, body: bytes
) -> None:
    for operation in json_operations(endpoint):
        code, answer = status(connection, "POST", "/", body, X_Amz_Target=f"AWSStepFunctions.{operation}")

        assert code < 500, (operation, answer)
        assert code == 200 or "__type" in json.loads(answer)


@pytest.mark.parametrize("name", NAMES)
def test_no_lambda_operation_fails(endpoint: Endpoint, connection: http.client.HTTPConnection, name: str) -> None:
    service: ServiceEndpoint = endpoint.api.endpoints["lambda"]
    for operation in service.operations:
        http_model = service.model.operations[operation].http
        path = "/".join(name if part.startswith("{") else part for part in http_model.request_uri.split("/"))
        for body in (b"", b"{", b"[]", b'{"Code": {"ZipFile": "%%%"}}', b'{"Tags": {"a": null}, "Timeout": "x"}'):
            code, answer = status(connection, http_model.method, path, body)

            assert code < 500, (operation, path, answer)
            assert code < 300 or json.loads(answer)


@pytest.mark.parametrize("value", ["", "\0", "x" * 5_000, "<&>]]>", "\ud7ff\U0001f4a9", "arn:aws:sns:::"])
def test_no_sns_operation_fails(endpoint: Endpoint, connection: http.client.HTTPConnection, value: str) -> None:
    service: ServiceEndpoint = endpoint.api.endpoints["sns"]
    for operation, described in service.model.operations.items():
        assert described.input is not None
        members = service.model.shapes[described.input.shape].members
        forms = [
            urlencode({"Action": operation, **dict.fromkeys(members, value)}),
            urlencode({"Action": operation, **{f"{name}.member.1": value for name in members}}),
            urlencode({"Action": operation, **{f"{name}.entry.1.key": value for name in members}}),
            f"Action={operation}&{quote(value)}",
        ]
        for form in forms:
            code, answer = status(connection, "POST", "/", form.encode())

            assert code < 500, (operation, form, answer)
            assert answer.startswith(b"<")


def test_oversized_bodies_are_cut_off(endpoint: Endpoint, connection: http.client.HTTPConnection) -> None:
    code, answer = status(connection, "POST", "/", b" " * 2_000_000, X_Amz_Target="AWSStepFunctions.StartExecution")

    assert code == 413
    assert json.loads(answer)["__type"] == "RequestEntityTooLargeException"
    assert status(connection, "POST", "/", b"{}", X_Amz_Target="AWSStepFunctions.ListStateMachines")[0] == 200
