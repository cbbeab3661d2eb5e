"""Functions called from Task states."""

import asyncio
import json

import pytest

from expeditor.clock import ManualClock
from expeditor.errors import ServiceError
from expeditor.functions import Invocation
from expeditor.integrations import Failed, Integrations, Outcome, Submitted, Succeeded, TaskRequest
from expeditor.payloads import JSONValue

pytestmark = pytest.mark.anyio

ARN = "arn:aws:lambda:us-east-1:1234567890:function:fraud-scan:2"
REQUEST_ID = "6f1b1c9e-9a39-4a6d-8d7d-0d6f5c1f2a3b"


class GoneError(ServiceError):
    """No such function."""

    code = "ResourceNotFoundException"


class FunctionsInHand:
    """Functions whose answers the test gives."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, bytes, str | None]] = []
        self.future: asyncio.Future[Invocation]

    def invoke(self, function: str, payload: bytes, /, *, qualifier: str | None = None) -> "asyncio.Future[Invocation]":
        self.calls.append((function, payload, qualifier))
        self.future = asyncio.get_running_loop().create_future()
        return self.future


async def outcome_of(
    resource: str, parameters: object, answer: object, *, error: str | None = None
) -> tuple[FunctionsInHand, list[Outcome]]:
    functions, outcomes = FunctionsInHand(), []
    request = TaskRequest(resource, parameters, "arn:execution", 1, "token")
    Integrations(functions, ManualClock()).start(request, outcomes.append)
    if functions.calls:
        if isinstance(answer, Exception):
            functions.future.set_exception(answer)
        else:
            functions.future.set_result(Invocation(answer, error, "2", REQUEST_ID))
        await asyncio.sleep(0)
    return functions, outcomes


async def test_function_arn_gets_the_whole_input_and_its_result_passes_unchanged() -> None:
    functions, outcomes = await outcome_of(ARN, {"a": [1, None]}, b'{"b": 2}')

    assert functions.calls == [(ARN, b'{"a":[1,null]}', None)]
    assert outcomes == [Succeeded(b'{"b": 2}')]


async def test_function_error_is_named_by_its_type_and_caused_by_its_whole_object() -> None:
    payload = b'{"errorMessage":"no money","errorType":"Card.Declined","requestId":"x","stackTrace":[]}'
    _, outcomes = await outcome_of(ARN, {}, payload, error="Unhandled")

    assert outcomes == [Failed("Card.Declined", payload.decode())]


async def test_lambda_invoke_writes_a_function_error_anew() -> None:
    payload = b'{"errorMessage": "no money", "errorType": "Card.Declined", "stackTrace": []}'
    _, direct = await outcome_of(ARN, {}, payload, error="Unhandled")
    _, service = await outcome_of("arn:aws:states:::lambda:invoke", {"FunctionName": "f"}, payload, error="Unhandled")

    assert direct == [Failed("Card.Declined", payload.decode())]
    assert service[0].cause == '{"errorMessage":"no money","errorType":"Card.Declined","stackTrace":[]}'


@pytest.mark.parametrize("payload", [b'{"errorMessage":"out of memory"}', b"null", b"not json", b'{"errorType":7}'])
async def test_error_without_a_type_is_lambda_unknown(payload: bytes) -> None:
    _, outcomes = await outcome_of(ARN, {}, payload, error="Unhandled")

    assert outcomes == [Failed("Lambda.Unknown", payload.decode())]


async def test_missing_function_fails_the_task_as_lambda_says_it() -> None:
    _, outcomes = await outcome_of(ARN, {}, GoneError(f"Function not found: {ARN}"))

    [failed] = outcomes
    assert failed.error == "Lambda.ResourceNotFoundException"
    assert failed.cause.startswith(
        f"Function not found: {ARN} (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException;"
    )


async def test_result_over_the_limit_fails_the_task() -> None:
    _, outcomes = await outcome_of(ARN, {}, b'"' + b"x" * 262_143 + b'"')

    assert [outcome.error for outcome in outcomes] == ["States.DataLimitExceeded"]
    assert f"'{ARN}'" in outcomes[0].cause


async def test_cancelled_invocation_reports_nothing() -> None:
    functions, outcomes = FunctionsInHand(), []
    cancel = Integrations(functions, ManualClock()).start(TaskRequest(ARN, {}, "arn", 1), outcomes.append)
    cancel()
    await asyncio.sleep(0)

    assert functions.future.cancelled()
    assert outcomes == []


async def test_lambda_invoke_answers_as_aws_does() -> None:
    resource = "arn:aws:states:::lambda:invoke"
    functions, outcomes = await outcome_of(
        resource, {"FunctionName": "fraud-scan", "Payload": {"a": 1}, "Qualifier": "prod"}, b'{"b":2}'
    )

    answer = json.loads(outcomes[0].output)
    assert functions.calls == [("fraud-scan", b'{"a":1}', "prod")]
    assert list(answer) == ["ExecutedVersion", "Payload", "SdkHttpMetadata", "SdkResponseMetadata", "StatusCode"]
    assert (answer["ExecutedVersion"], answer["Payload"], answer["StatusCode"]) == ("2", {"b": 2}, 200)
    headers = answer["SdkHttpMetadata"]["HttpHeaders"]
    assert headers["Content-Length"] == "7"
    assert headers["x-amzn-RequestId"] == answer["SdkResponseMetadata"]["RequestId"] == REQUEST_ID
    assert answer["SdkHttpMetadata"]["AllHttpHeaders"]["Connection"] == ["keep-alive"]


@pytest.mark.parametrize(
    ("payload", "event"), [(None, b"{}"), ("0.0", b"0.0"), ('{"a": 1}', b'{"a": 1}'), ("plain text", b'"plain text"')]
)
async def test_text_that_is_json_is_the_event_itself(payload: JSONValue, event: bytes) -> None:
    functions, _ = await outcome_of("arn:aws:states:::lambda:invoke", {"FunctionName": "f", "Payload": payload}, b"1")

    assert functions.calls == [("f", event, None)]


async def test_lambda_invoke_of_a_missing_function_names_the_version_asked_for() -> None:
    resource, fields = "arn:aws:states:::lambda:invoke", {"FunctionName": "f", "Payload": {}}
    unqualified = ARN.removesuffix(":2")
    _, plain = await outcome_of(resource, fields, GoneError(f"Function not found: {unqualified}"))
    _, qualified = await outcome_of(resource, fields, GoneError(f"Function not found: {ARN}"))

    assert plain[0].cause.startswith(f"Function not found: {unqualified}:$LATEST (Service: AWSLambda;")
    assert qualified[0].cause.startswith(f"Function not found: {ARN} (Service: AWSLambda;")


async def test_lambda_invoke_with_a_token_only_says_that_it_was_submitted() -> None:
    resource = "arn:aws:states:::lambda:invoke.waitForTaskToken"
    _, outcomes = await outcome_of(resource, {"FunctionName": "f", "Payload": {}}, b"{}")

    assert [type(outcome) for outcome in outcomes] == [Submitted]


async def test_failed_request_fails_the_waiting_task() -> None:
    resource = "arn:aws:states:::lambda:invoke.waitForTaskToken"
    _, outcomes = await outcome_of(resource, {"FunctionName": "f"}, b'{"errorType":"E"}', error="Unhandled")

    assert outcomes == [Failed("E", '{"errorType":"E"}')]


async def test_submitted_request_is_not_repeated() -> None:
    functions = FunctionsInHand()
    request = TaskRequest("arn:aws:states:::lambda:invoke.waitForTaskToken", {}, "arn", 1, "token", b"{}")

    assert Integrations(functions, ManualClock()).start(request, lambda _: None) is None
    assert functions.calls == []


@pytest.mark.parametrize(
    ("resource", "parameters"),
    [
        ("arn:aws:states:::lambda:invoke", {"Payload": 1}),
        ("arn:aws:states:::lambda:invoke", {"FunctionName": "f", "Extra": 1}),
        ("arn:aws:states:::lambda:invoke", {"FunctionName": "f", "InvocationType": "Event"}),
        ("arn:aws:states:::lambda:invoke", 5),
        ("arn:aws:states:::glue:startJobRun", {}),
        ("arn:aws:states:::lambda:invoke.sync", {}),
        ("arn:aws:states:us-east-1:000000000000:nothing", {}),
        ("nonsense", {}),
    ],
)
async def test_what_cannot_be_called_fails_the_task_with_the_reason(resource: str, parameters: object) -> None:
    functions, outcomes = await outcome_of(resource, parameters, b"")

    assert functions.calls == []
    assert [outcome.error for outcome in outcomes] == ["States.Runtime"]
    assert outcomes[0].cause
