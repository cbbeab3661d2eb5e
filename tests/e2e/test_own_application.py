"""The tutorial's example: a template of one's own runs, fails as designed, and shows what its function printed."""

from pathlib import Path

import boto3
import pytest

from .running import RunningNode, running_node

pytestmark = pytest.mark.e2e

TEMPLATE = Path(__file__).parents[2] / "docs" / "examples" / "hello" / "template.yaml"
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:hello-v1.0.0"


def test_the_tutorial_example_runs(tmp_path: Path) -> None:
    with running_node(tmp_path / "home", TEMPLATE) as node:
        start(node, "first", '{"name": "Ada", "language": "fr"}')
        start(node, "second", '{"name": "Ada", "language": "tlh"}')

        first = node.command("execution", "wait", "first", "-o", "json")
        second = node.command("execution", "wait", "second", "-o", "json")
        logs = node.command("function", "logs", "greet")

    assert first.returncode == 0, first.stderr
    assert "Bonjour, Ada" in first.stdout
    assert second.returncode == 5
    assert "NoGreeting" in second.stdout
    assert "greeting Ada" in logs.stdout


def start(node: RunningNode, name: str, text: str) -> None:
    client = boto3.client(
        "stepfunctions",
        endpoint_url=f"http://127.0.0.1:{node.node_port}",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    client.start_execution(stateMachineArn=MACHINE, name=name, input=text)
    client.close()
