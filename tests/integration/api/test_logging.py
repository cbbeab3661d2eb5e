"""State machines whose executions are logged to CloudWatch Logs."""

import json
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.integrations.standins import Answer, Asked, stand_in
from tests.serving import Endpoint, Serving

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

ROLE = "arn:aws:iam::000000000000:role/orders"
GROUP = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/vendedlogs/states/order:*"
FAIL = json.dumps(
    {"StartAt": "P", "States": {"P": {"Type": "Pass", "Next": "No"}, "No": {"Type": "Fail", "Error": "Card.Declined"}}}
)


def to(group: str) -> dict[str, Any]:
    return {"cloudWatchLogsLogGroup": {"logGroupArn": group}}


def create(sfn: "SFNClient", name: str, logging: Any, kind: Any = "STANDARD") -> str:
    return sfn.create_state_machine(name=name, definition=FAIL, roleArn=ROLE, type=kind, loggingConfiguration=logging)[
        "stateMachineArn"
    ]


class CloudWatch:
    """Keeps the messages it is sent."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self._changed = threading.Condition()

    def respond(self, asked: Asked) -> Answer:
        if asked.operation == "PutLogEvents":
            fields: Any = asked.fields
            with self._changed:
                self.messages += [json.loads(each["message"]) for each in fields["logEvents"]]
                self._changed.notify_all()
        return Answer({})

    def types(self, arn: str, last: str) -> list[str]:
        """The types of the events of an execution, once the *last* one is there."""

        def found() -> list[str]:
            return [each["type"] for each in self.messages if each["execution_arn"] == arn]

        with self._changed:
            assert self._changed.wait_for(lambda: last in found(), 20)
            return found()


@pytest.fixture(scope="module")
def cloudwatch() -> CloudWatch:
    return CloudWatch()


@pytest.fixture(scope="module")
def sfn(cloudwatch: CloudWatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator["SFNClient"]:
    with stand_in(cloudwatch.respond) as server:
        serving = Serving(tmp_path_factory.mktemp("node"), {"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": server.url})
        yield serving.start().stepfunctions
        serving.stop()


def test_every_event_is_logged_also_of_a_redrive(sfn: "SFNClient", cloudwatch: CloudWatch) -> None:
    logging = {"level": "ALL", "includeExecutionData": True, "destinations": [to(GROUP)]}
    arn = create(sfn, "all", logging)

    execution = sfn.start_execution(stateMachineArn=arn, input='{"n":1}')["executionArn"]

    types = cloudwatch.types(execution, "ExecutionFailed")
    assert types == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "FailStateEntered", "ExecutionFailed"]
    assert sfn.describe_state_machine(stateMachineArn=arn)["loggingConfiguration"] == logging
    sfn.redrive_execution(executionArn=execution)
    assert "ExecutionRedriven" in cloudwatch.types(execution, "ExecutionRedriven")


def test_express_executions_are_logged_as_their_level_says(sfn: "SFNClient", cloudwatch: CloudWatch) -> None:
    arn = create(sfn, "fatal", {"level": "FATAL", "destinations": [to(GROUP)]}, "EXPRESS")

    execution = sfn.start_sync_execution(stateMachineArn=arn)["executionArn"]

    assert cloudwatch.types(execution, "ExecutionFailed") == ["ExecutionFailed"]


@pytest.mark.parametrize(
    ("logging", "problem"),
    [
        ({"level": "ALL"}, "Must specify exactly one Log Destination."),
        ({"level": "ALL", "destinations": [to(GROUP), to(GROUP)]}, "Must specify exactly one Log Destination."),
        ({"level": "ALL", "destinations": [to("arn:aws:s3:::bucket")]}, "The log group ARN 'arn:aws:s3:::bucket' must"),
        ({"level": "ALL", "destinations": [to(GROUP.removesuffix(":*"))]}, "The log group ARN"),
    ],
)
def test_what_cannot_be_logged_to_is_refused(sfn: "SFNClient", logging: Any, problem: str) -> None:
    with pytest.raises(ClientError) as caught:
        create(sfn, "never", logging)

    error = caught.value.response["Error"]
    assert error["Code"] == "InvalidLoggingConfiguration"
    assert error["Message"].startswith(f"Invalid Logging Configuration: {problem}")


def test_node_without_cloudwatch_logs_says_so(endpoint: Endpoint) -> None:
    with pytest.raises(ClientError, match="start the node with AWS_ENDPOINT_URL_CLOUDWATCH_LOGS") as caught:
        create(endpoint.stepfunctions, "never", {"level": "ALL", "destinations": [to(GROUP)]})

    assert caught.value.response["Error"]["Code"] == "InvalidLoggingConfiguration"
