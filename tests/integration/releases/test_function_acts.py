"""One contract for every place acts on functions are kept in: what was added is there, in order, and nothing goes."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from expeditor.releases import COLLECT, FileFunctionActs, FunctionAct, ParameterFunctionActs, Pointing

Acts = FileFunctionActs | ParameterFunctionActs


@pytest.fixture(params=["file", "parameter"])
def acts(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Acts]:
    if request.param == "file":
        yield FileFunctionActs(tmp_path / "home" / "functions.history.jsonl")
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield ParameterFunctionActs(boto3.client("ssm", region_name="us-east-1"), "/shop/experiments.functions")


def moved(number: int) -> FunctionAct:
    return FunctionAct(
        action="alias set",
        function="pay",
        at=float(number),
        by="me",
        reason="{{ why }}",
        alias="prod",
        before=None if number == 1 else Pointing(str(number - 1)),
        after=Pointing(str(number), {"9": 0.1}),
    )


def test_acts_are_kept_in_order(acts: Acts) -> None:
    assert acts.all() == []
    collected = FunctionAct(action=COLLECT, function="pay", at=4.0, by="me", reason="", versions=("1", "2"))

    for act in (moved(1), moved(2), collected):
        acts.add(act)

    assert acts.all() == [moved(1), moved(2), collected]


def test_a_line_that_a_crash_cut_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "functions.history.jsonl"
    acts = FileFunctionActs(path)
    acts.add(moved(1))
    path.write_bytes(path.read_bytes() + b'{"action": "alias s')

    acts.add(moved(2))

    assert acts.all() == [moved(1), moved(2)]
