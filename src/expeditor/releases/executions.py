"""Executions of a release as recordings, and calls of its functions."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from expeditor.payloads import decode
from expeditor.releases.catalogue import Catalogue
from expeditor.releases.recording import Answer, Recording, recording_of
from expeditor.rollout import ReleaseName

if TYPE_CHECKING:
    from mypy_boto3_lambda.client import LambdaClient

CLOSED = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"})
PAGE = 1_000


def recorded(catalogue: Catalogue, arn: str) -> Recording:
    """One execution.

    Raises:
        TruncatedError: its history lacks data.
    """
    description = catalogue.sfn.describe_execution(executionArn=arn)
    pages = catalogue.sfn.get_paginator("get_execution_history").paginate(
        executionArn=arn, includeExecutionData=True, PaginationConfig={"PageSize": PAGE}
    )
    return recording_of(dict(description), [dict(event) for page in pages for event in page["events"]])


def last_recorded(catalogue: Catalogue, name: ReleaseName, count: int) -> Iterator[Recording]:
    """The newest *count* executions of a release that have ended, newest first."""
    pages = catalogue.sfn.get_paginator("list_executions").paginate(
        stateMachineArn=catalogue.arns()[name], PaginationConfig={"PageSize": min(count, PAGE)}
    )
    left = count
    for page in pages:
        for execution in page["executions"]:
            if left > 0 and execution["status"] in CLOSED:
                left -= 1
                yield recorded(catalogue, execution["executionArn"])
        if left == 0:
            return


def asking(functions: "LambdaClient", arn: str, text: str) -> Answer:
    """Invokes a function version and waits; what it raises is a recorded failure like any other."""
    answer: Any = functions.invoke(FunctionName=arn, Payload=text)
    payload = answer["Payload"].read().decode()
    if not answer.get("FunctionError"):
        return Answer(payload)
    return Answer(None, _error_type(payload), payload)


def _error_type(payload: str) -> str:
    raised = decode(payload)
    return str(raised.get("errorType", "Exception")) if isinstance(raised, dict) else "Exception"
