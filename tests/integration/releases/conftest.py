"""A shop in two functions, released through boto3 to a real endpoint."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from expeditor.functions import FunctionCode
from expeditor.releases import Catalogue, Created, FileFlagStore, Package, Traffic, WantedFunction, WantedRelease
from expeditor.releases import create_release as create
from expeditor.rollout import FunctionPin, ReleaseName, first_flags
from tests.serving import Endpoint, Serving

ROLE = "arn:aws:iam::000000000000:role/shop"
SCAN = """
def handler(event, context):
    open(event["trace"], "a").write("scan ")
    return {"verdict": "cleared"}
"""
PAY = """
def handler(event, context):
    open(event["trace"], "a").write("pay ")
    raise RuntimeError("no connection to the bank")
"""
MENDED = PAY.replace('raise RuntimeError("no connection to the bank")', 'return {"amount_minor": 500}')
DEFINITION: dict[str, Any] = {
    "Comment": "shop",
    "StartAt": "Scan",
    "States": {
        "Scan": {"Type": "Task", "Resource": "${Scan}", "ResultPath": "$.scan", "Next": "Pay"},
        "Pay": {"Type": "Task", "Resource": "${Pay}", "ResultPath": "$.pay", "Next": "Done"},
        "Done": {"Type": "Succeed"},
    },
}


@pytest.fixture(scope="package")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    serving = Serving(tmp_path_factory.mktemp("node"))
    yield serving.start()
    serving.stop()


@dataclass
class Workshop:
    """Makes releases of a machine of its own, as every test needs another."""

    folder: Path
    machine: str
    catalogue: Catalogue
    code: dict[str, str] = field(default_factory=lambda: {"scan": SCAN, "pay": PAY})
    definition: dict[str, Any] = field(default_factory=lambda: DEFINITION)
    environment: dict[str, str] = field(default_factory=dict)
    dependencies: dict[str, str] = field(default_factory=lambda: {"boto3": "1.0", "six": "1.17"})

    def wanted(self, version: str) -> WantedRelease:
        text = json.dumps(self.definition)
        return WantedRelease(
            name=ReleaseName(self.machine, version),
            type="STANDARD",
            role_arn=ROLE,
            functions=(self._function("scan"), self._function("pay"), self._function("unused")),
            define=lambda arns: re.sub(r"\$\{(\w+)\}", lambda match: arns[f"{match[1]}.Version"], text),
            dry_run=("scan",),
        )

    def release(self, version: str) -> Created:
        return create(self.catalogue, self.wanted(version), "tester")

    def name(self, version: str) -> ReleaseName:
        return ReleaseName(self.machine, version)

    def traffic(self) -> Traffic:
        store = FileFlagStore(self.folder / "experiments.json")
        if not store.exists():
            store.write(first_flags(str(self.name("1.0.0")), 0.0, "up"))
        return Traffic(store, self.catalogue)

    def run(self, version: str, name: str) -> str:
        """The ARN of an execution that has ended."""
        arn = self.catalogue.arns()[self.name(version)]
        given = json.dumps({"trace": str(self.folder / name)})
        started = self.catalogue.sfn.start_execution(stateMachineArn=arn, name=name, input=given)
        self.ended(started["executionArn"])
        return started["executionArn"]

    def ended(self, arn: str) -> dict[str, Any]:
        deadline = time.monotonic() + 30
        while (found := self.catalogue.sfn.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < deadline
        return dict(found)

    def _function(self, name: str) -> WantedFunction:
        folder = self.folder / "code" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "shop.py").write_text(self.code.get(name, "def handler(event, context): pass"))
        pin = FunctionPin(f"{self.machine}-{name}", "", "", "shop.handler", "python3.11", 10, 128, self.environment)
        pin = replace(pin, dependencies=self.dependencies)
        return WantedFunction(name.capitalize(), pin, Package(FunctionCode.from_directory(folder)))


@pytest.fixture
def workshop(endpoint: Endpoint, tmp_path: Path, request: pytest.FixtureRequest) -> Workshop:
    machine = "shop-" + re.sub(r"\W+", "-", request.node.name.removeprefix("test_"))[:40].strip("-_")
    return Workshop(tmp_path, machine, Catalogue(endpoint.stepfunctions, endpoint.functions))


@pytest.fixture
def sold(workshop: Workshop) -> Workshop:
    """A workshop with v1.0.0 out."""
    workshop.release("1.0.0")
    return replace(workshop)
