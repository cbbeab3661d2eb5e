"""The AWS CLI speaks to the endpoint as to AWS."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import Endpoint

AWS = Path(sys.executable).with_name("aws")
PASS = '{"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": true}}}'

pytestmark = pytest.mark.skipif(not AWS.exists(), reason="the AWS CLI is not installed")


def aws(endpoint: Endpoint, *words: str) -> dict[str, Any]:
    """What the AWS CLI printed, as JSON."""
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_PAGER": "",
    }
    done = subprocess.run(
        [AWS, *words, "--output", "json"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout or "{}")
    return printed


def test_cli_starts_an_execution(endpoint: Endpoint) -> None:
    machine = aws(
        endpoint,
        *("stepfunctions", "create-state-machine", "--name", "by-cli", "--definition", PASS),
        *("--type", "EXPRESS", "--role-arn", "arn:aws:iam::000000000000:role/r"),
    )

    ended = aws(
        endpoint,
        *("stepfunctions", "start-sync-execution", "--input", '{"a": 1}'),
        *("--state-machine-arn", machine["stateMachineArn"]),
    )

    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"a": 1})


def test_cli_publishes(endpoint: Endpoint) -> None:
    topic = aws(endpoint, "sns", "create-topic", "--name", "by-cli")["TopicArn"]

    assert aws(endpoint, "sns", "publish", "--topic-arn", topic, "--message", "hello <&>")["MessageId"]
    assert {"TopicArn": topic} in aws(endpoint, "sns", "list-topics")["Topics"]


def test_cli_lists_functions(endpoint: Endpoint) -> None:
    assert "Functions" in aws(endpoint, "lambda", "list-functions")
