"""Configurations: which are accepted, and what their digest depends on."""

from dataclasses import replace
from typing import Any

import pytest

from expeditor.functions import FunctionConfiguration, refusals
from expeditor.functions.versions import check_configuration, content_digest

CONFIGURATION = FunctionConfiguration("app.handler", environment={"A": "1", "B": "2"})


@pytest.mark.parametrize(
    "change",
    [
        {"handler": "app.other"},
        {"runtime": "python3.12"},
        {"timeout_seconds": 4},
        {"memory_mb": 129},
        {"environment": {"A": "1"}},
        {"environment": {"A": "1", "B": "3"}},
        {"role": "arn:aws:iam::000000000000:role/other"},
    ],
)
def test_digest_changes_with_whatever_changes_behaviour(change: dict[str, Any]) -> None:
    assert content_digest(replace(CONFIGURATION, **change), "code") != content_digest(CONFIGURATION, "code")


def test_digest_changes_with_the_code_but_not_with_order_or_description() -> None:
    digest = content_digest(CONFIGURATION, "code")

    assert content_digest(CONFIGURATION, "other code") != digest
    assert content_digest(replace(CONFIGURATION, environment={"B": "2", "A": "1"}), "code") == digest
    assert content_digest(replace(CONFIGURATION, description="other"), "code") == digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"runtime": "nodejs22.x"}, "use python3.x"),
        ({"timeout_seconds": 0}, "Timeout is 0; it must be from 1 to 900"),
        ({"timeout_seconds": 901}, "Timeout is 901"),
        ({"memory_mb": 127}, "MemorySize is 127; it must be from 128 to 10240"),
        ({"description": "x" * 257}, "length of Description is 257"),
        ({"handler": "app handler"}, "'handler' failed to satisfy"),
        ({"handler": ""}, "'handler' failed to satisfy"),
        ({"environment": {"AWS_REGION": "x", "_HANDLER": "y"}}, "Reserved keys used in this request: AWS_REGION, _HAN"),
        ({"environment": {"1A": "x"}}, "environment.variables"),
        ({"environment": {"A": "x" * 4096}}, "exceeded the 4KB limit; they are 4097 bytes"),
        ({"environment": {"A": "\0"}}, "NUL"),
    ],
)
def test_configuration_that_cannot_be_run_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(refusals.ServiceError, match=message):
        check_configuration(replace(CONFIGURATION, **change))


def test_configuration_at_the_limits_is_accepted() -> None:
    limits = replace(CONFIGURATION, timeout_seconds=900, memory_mb=10_240, environment={"A": "x" * 4095})

    assert check_configuration(limits) is limits
