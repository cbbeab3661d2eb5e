"""Every recorded case, replayed with boto3 against a node that serves on loopback, and answered as AWS answered it."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.conformance.cases import FOLDER, Case, comparison_rule, known_failures, read_cases, without
from tests.serving import Endpoint, Serving

ACCOUNT = "000000000000"
SERVICES = ("stepfunctions", "lambda")
AT_ONCE = 12
"""Cases replayed at the same time: most of them wait."""

CASES = list(read_cases())
KNOWN = known_failures("known_failures_over_the_wire.txt")

pytestmark = pytest.mark.skipif(not CASES, reason=f"no recorded cases in {FOLDER}; set CONFORMANCE_CASES")


@pytest.fixture(scope="module")
def replays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, "Future[list[str]]"]]:
    """What differs from the recording, by case id."""
    serving = Serving(tmp_path_factory.mktemp("node"))
    endpoint = serving.start()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        replay = Replay(endpoint)
        yield {case.id: threads.submit(replay.problems_of, case) for case in CASES}
    serving.stop()


class Replay:
    """The way of replaying that stands beside the cases, with our reading of their lenient paths."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._rule = rule()
        config = Config(
            inject_host_prefix=False,
            max_pool_connections=AT_ONCE,
            read_timeout=70,
            retries={"total_max_attempts": 2},
        )
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
        self._clients = [session.client(name, endpoint_url=endpoint.url, config=config) for name in SERVICES]

    def problems_of(self, case: Case) -> list[str]:
        problems: list[str] = self._rule.run_case(case.body, *self._clients, ACCOUNT, strict=False)
        return problems


def rule() -> ModuleType:
    """The module beside the cases; it would leave the lenient paths out with a library that we do not have."""
    module: Any = comparison_rule()
    module.without = without
    return module


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_recorded_case_is_answered_over_the_wire_as_aws_did(case: Case, replays: dict[str, Any]) -> None:
    problems = replays[case.id].result()

    if case.id in KNOWN:
        assert problems, f"passes now: take it off the list ({KNOWN[case.id]})"
        pytest.xfail(KNOWN[case.id])
    assert problems == []


def test_known_failures_over_the_wire_name_recorded_cases() -> None:
    assert KNOWN.keys() <= {case.id for case in CASES}
