"""Every recorded case that needs no wire runs in this process and answers as AWS did."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from expeditor.asl import DefinitionError
from tests.conformance.cases import FOLDER, Case, comparison_rule, known_failures, read_cases, without
from tests.conformance.driver import ACCOUNT, Region

CALLS: dict[str, Callable[[Region, dict[str, Any]], dict[str, Any]]] = {
    "CreateStateMachine": Region.create_state_machine,
    "CreateActivity": Region.create_activity,
    "StartExecution": Region.start_execution,
    "GetExecutionHistory": Region.get_execution_history,
    "DescribeExecution": Region.describe_execution,
    "StartSyncExecution": Region.start_sync_execution,
    "ValidateStateMachineDefinition": Region.validate_definition,
}

REFUSED = "InvalidDefinition"

KINDS = frozenset({"execution", "executions", "choice", "sync", "validate"})


def runs_here(case: Case) -> bool:
    """Whether all calls of *case* are answered without the API."""
    steps = case.body["steps"]
    if not all(step["call"] in CALLS and step.get("raises", REFUSED) == REFUSED for step in steps):
        return False
    return case.body["kind"] in KINDS or all("raises" in step for step in steps if step["call"] != "CreateActivity")


CASES = [case for case in read_cases() if runs_here(case)]
KNOWN = known_failures()

pytestmark = pytest.mark.skipif(not CASES, reason=f"no recorded cases in {FOLDER}; set CONFORMANCE_CASES")


def problems_of(case: Case) -> list[str]:
    """What differs from the recording."""
    rule, region, body = comparison_rule(), Region(), case.body
    refs = {"account": ACCOUNT, **{f"role{n}": f"arn:aws:iam::{ACCOUNT}:role/replay-{n}" for n in range(1, 10)}}
    for one in body["functions"]:
        refs[f"arn:{one['name']}"] = region.create_function(one["name"], one["handler"], one["files"])
    matcher, observed = rule.Matcher(body), {}
    for step in body["steps"]:
        answer = answer_to(region, step, rule.fill(step["params"], refs))
        refs |= {f"{step.get('as')}.{name}": value for name, value in answer.items() if isinstance(value, str)}
        if "expect" in step:
            observed[step["expect"]] = answer
        if "expect_output" in step:
            done = region.describe_execution(answer)
            matcher.compare(step["expect_output"], json.loads(done.get("output") or "null"), step["as"])
    compare(matcher, body, {name: rule.decode(value) for name, value in observed.items()})
    return list(matcher.problems)


def answer_to(region: Region, step: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The answer to one call, which may be that a definition is refused."""
    try:
        answer = CALLS[step["call"]](region, params)
    except DefinitionError as error:
        if step.get("raises") != error.code:
            raise
        return {"Error": {"Code": error.code, "Message": str(error)}, "message": str(error)}
    assert "raises" not in step, f"accepted, recorded {step['raises']}"
    return answer


def compare(matcher: Any, body: dict[str, Any], have: dict[str, Any]) -> None:
    """Compares the recorded answers with *have*, leaving out the lenient paths."""
    want = without(copy.deepcopy(body["expected"]), body["lenient_paths"])
    have = without(have, body["lenient_paths"])
    for name, recorded in want.items():
        recorded.pop("ResponseMetadata", None)
        matcher.compare(recorded, have.get(name), name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_recorded_case_is_answered_as_aws_did(case: Case) -> None:
    problems = problems_of(case)

    if case.id in KNOWN:
        assert problems, f"passes now: take it off known_failures.txt ({KNOWN[case.id]})"
        pytest.xfail(KNOWN[case.id])
    assert problems == []


def test_known_failures_name_recorded_cases() -> None:
    assert KNOWN.keys() <= {case.id for case in CASES}
