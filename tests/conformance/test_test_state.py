"""Every recorded case of TestState, through the endpoint's application but without a socket."""

import asyncio
import copy
import json
from typing import Any

import httpx
import pytest

from expeditor.api import Api
from expeditor.api.guard import Guard
from expeditor.api.stepfunctions.testing import TrialOperations
from expeditor.clock import ManualClock
from expeditor.executions import Trials
from expeditor.functions import Invocation
from expeditor.ids import SeededIds
from expeditor.integrations import Integrations
from tests.conformance.cases import FOLDER, Case, comparison_rule, known_failures, read_cases, without
from tests.conformance.driver import ACCOUNT
from tests.conformance.handlers import Function

CASES = [case for case in read_cases() if case.body["kind"] == "test_state"]
KNOWN = known_failures()

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not CASES, reason=f"no recorded cases in {FOLDER}; set CONFORMANCE_CASES"),
]


class InvokedHere:
    """Functions that run in this process."""

    def __init__(self, described: list[dict[str, Any]]) -> None:
        self._functions = {one["name"]: Function(one["name"], one["handler"], one["files"]) for one in described}

    def invoke(self, function: str, payload: bytes, *, qualifier: str | None = None) -> asyncio.Future[Invocation]:
        outcome = self._functions[function.rsplit(":", 1)[-1]].invoke(json.loads(payload))
        done: asyncio.Future[Invocation] = asyncio.get_running_loop().create_future()
        done.set_result(Invocation(outcome.payload, outcome.error, "$LATEST", SeededIds().uuid()))
        return done


def application(case: Case) -> Api:
    """The endpoint, as far as TestState needs it."""
    clock, ids = ManualClock(), SeededIds(7)
    integrations = Integrations(InvokedHere(case.body["functions"]), clock)
    return Api({"stepfunctions": TrialOperations(Trials(integrations, clock), ids).table()}, Guard(), ids)


async def answer_to(client: httpx.AsyncClient, params: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """The error's name, if it is one, and the answer as boto3 shows it."""
    headers = {"x-amz-target": "AWSStepFunctions.TestState", "content-type": "application/x-amz-json-1.0"}
    response = await client.post("/", json=params, headers=headers)
    body = response.json()
    if response.status_code == 200:
        return None, body
    code, message = body["__type"], body["message"]
    return code, {"Error": {"Code": code, "Message": message}, "message": message}


async def problems_of(case: Case) -> list[str]:
    """What differs from the recording."""
    rule, body = comparison_rule(), case.body
    refs = {"account": ACCOUNT, **{f"role{n}": f"arn:aws:iam::{ACCOUNT}:role/replay-{n}" for n in range(1, 10)}}
    refs |= {
        f"arn:{one['name']}": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{one['name']}" for one in body["functions"]
    }
    matcher, observed = rule.Matcher(body), {}
    transport = httpx.ASGITransport(app=application(case))
    async with httpx.AsyncClient(transport=transport, base_url="http://sync-localhost:8081") as client:
        for step in body["steps"]:
            refused, answer = await answer_to(client, rule.fill(step["params"], refs))
            if refused != step.get("raises"):
                matcher.problems.append(f"{answer}, recorded {step.get('raises', 'success')}")
            observed[step["expect"]] = answer
    want = without(copy.deepcopy(body["expected"]), body["lenient_paths"])
    for name, recorded in want.items():
        recorded.pop("ResponseMetadata", None)
        matcher.compare(recorded, without(rule.decode(observed[name]), body["lenient_paths"]), name)
    return list(matcher.problems)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_recorded_case_is_answered_as_aws_did(case: Case) -> None:
    problems = await problems_of(case)

    if case.id in KNOWN:
        assert problems, f"passes now: take it off known_failures.txt ({KNOWN[case.id]})"
        pytest.xfail(KNOWN[case.id])
    assert problems == []
