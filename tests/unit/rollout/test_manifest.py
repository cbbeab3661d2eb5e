"""Manifests, names, and definitions that begin in the middle."""

import json
from dataclasses import replace
from typing import Any

import pytest

from expeditor.rollout import (
    FunctionPin,
    Manifest,
    ManifestError,
    ReleaseName,
    ReleaseNameError,
    ResumeError,
    differences,
    pinned_versions,
    resumed_definition,
)

ARN = "arn:aws:lambda:us-east-1:000000000000:function"
SCAN = FunctionPin("fraud-scan", "2", "aaa=", "shop.scan", "python3.11", 30, 256, {"MODE": "strict", "KEY": "secret-1"})
PAY = FunctionPin("pay", "1", "bbb=", "shop.pay", "python3.11", 30, 256, {})


def definition(scan: str = "2", pay: str = "1", **states: Any) -> dict[str, Any]:
    return {
        "StartAt": "Scan",
        "States": {
            "Scan": {"Type": "Task", "Resource": f"{ARN}:fraud-scan:{scan}", "Next": "Pay"},
            "Pay": {"Type": "Task", "Resource": f"{ARN}:pay:{pay}", "End": True},
            **states,
        },
    }


def manifest(document: Any = None, **pins: FunctionPin) -> Manifest:
    functions = {"fraud-scan": SCAN, "pay": PAY, **{pin.name: pin for pin in pins.values()}}
    return Manifest("shop-v1.0.0", "STANDARD", document or definition(), functions)


def test_the_digest_is_of_content_not_of_version_numbers_accounts_or_the_order_of_keys() -> None:
    elsewhere = json.loads(json.dumps(definition(scan="9")).replace("us-east-1:000000000000", "eu-west-1:123456789012"))
    reordered = dict(reversed(elsewhere.items()))

    assert manifest(reordered, scan=replace(SCAN, version="9")).digest == manifest().digest


@pytest.mark.parametrize(
    "other",
    [
        manifest(scan=replace(SCAN, code="ccc=")),
        manifest(scan=replace(SCAN, environment={"MODE": "lax"})),
        manifest(scan=replace(SCAN, timeout_seconds=31)),
        manifest(scan=replace(SCAN, memory_mb=512)),
        manifest(scan=replace(SCAN, handler="shop.other")),
        manifest(scan=replace(SCAN, dependencies={"boto3": "1.0"})),
        manifest(definition(Extra={"Type": "Succeed"})),
        replace(manifest(), type="EXPRESS"),
    ],
)
def test_the_digest_covers_everything_that_decides_what_happens(other: Manifest) -> None:
    assert other.digest != manifest().digest


def test_libraries_that_were_never_recorded_leave_the_digest_as_it_always_was() -> None:
    recorded = manifest(scan=replace(SCAN, dependencies={"boto3": "1.0", "six": "1.17"}))
    reordered = manifest(scan=replace(SCAN, dependencies={"six": "1.17", "boto3": "1.0"}))

    assert SCAN.digest == "2cb2aa3e0487d5a745befe90d46377c74e1dbd456abac8f918f2fad8442a72fd", (
        "as releases of before have it in their tags"
    )
    assert recorded.digest == reordered.digest
    assert recorded.digests == {recorded.digest, manifest().digest}
    assert recorded.without_dependencies(["fraud-scan", "unknown"]) == manifest()


def test_differences_name_the_libraries() -> None:
    old = manifest(scan=replace(SCAN, dependencies={"boto3": "1.0", "six": "1.17", "gone": "3"}))
    new = manifest(scan=replace(SCAN, dependencies={"boto3": "1.1", "six": "1.17", "fresh": "4"}))

    assert differences(old, new) == [
        "function fraud-scan: library boto3 1.0 -> 1.1",
        "function fraud-scan: library fresh 4 is new",
        "function fraud-scan: library gone 3 is gone",
    ]
    assert differences(manifest(), new) == ["function fraud-scan: libraries are recorded now"]
    assert differences(new, manifest()) == ["function fraud-scan: libraries are no longer recorded"]


def test_a_definition_that_names_what_the_manifest_lacks_has_no_digest() -> None:
    with pytest.raises(ManifestError, match="which its manifest does not have"):
        _ = replace(manifest(), functions={}).digest


def test_pins_are_versions_and_one_of_each_function() -> None:
    assert pinned_versions(json.dumps(definition())) == {"fraud-scan": "2", "pay": "1"}
    assert pinned_versions(f'"{ARN}:pay:prod" "{ARN}:pay"') == {}
    with pytest.raises(ManifestError, match="pay in two versions"):
        pinned_versions(f'"{ARN}:pay:1" "{ARN}:pay:2"')


def test_differences_name_states_functions_and_variables_but_no_values_of_them() -> None:
    after_scan = replace(SCAN, version="3", code="ddd=", environment={"KEY": "secret-2", "NEW": "secret-3"})
    after_document = definition(scan="3", Mail={"Type": "Succeed"})
    after_document["States"]["Pay"]["TimeoutSeconds"] = 5
    del after_document["States"]["Scan"]["Next"]

    lines = differences(manifest(), manifest(after_document, scan=after_scan))

    assert lines == [
        "state Mail is new",
        "state Pay: TimeoutSeconds (absent) -> 5",
        'state Scan: Next "Pay" -> (absent)',
        "function fraud-scan: code aaa= -> ddd= (version 2 -> 3)",
        "function fraud-scan: environment variable KEY changed",
        "function fraud-scan: environment variable MODE is gone",
        "function fraud-scan: environment variable NEW is new",
    ]
    assert "secret" not in "".join(lines)


def test_the_same_content_has_no_differences() -> None:
    assert differences(manifest(), manifest(definition(scan="7"), scan=replace(SCAN, version="7"))) == []


def test_functions_that_share_a_change_are_named_together() -> None:
    lines = differences(manifest(), manifest(scan=replace(SCAN, memory_mb=512), pay=replace(PAY, memory_mb=512)))

    assert lines == [
        "function fraud-scan: memory_mb 256 -> 512 (version 2 -> 2)",
        "function pay: memory_mb 256 -> 512 (version 1 -> 1)",
    ]
    both = {"scan": replace(SCAN, runtime="python3.13"), "pay": replace(PAY, runtime="python3.13", version="2")}
    before = manifest(pay=replace(PAY, version="2"))
    assert differences(before, manifest(**both)) == [
        "functions fraud-scan, pay: runtime python3.11 -> python3.13 (version 2 -> 2)"
    ]


def test_functions_and_states_that_come_and_go_are_named() -> None:
    small = {"StartAt": "Scan", "States": {"Scan": definition()["States"]["Scan"]}}
    less = Manifest("shop-v1.0.0", "STANDARD", small, {"fraud-scan": SCAN})

    assert differences(manifest(), less) == ["state Pay is gone", "function pay: gone"]
    assert differences(less, manifest()) == ["state Pay is new", "function pay: new"]


@pytest.mark.parametrize("text", ["order-processing-v1.2.3", "a-v0.0.1", "shop-v1.0.0-rc.1"])
def test_names_are_read_and_written(text: str) -> None:
    assert str(ReleaseName.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "order-processing",
        "order-processing-v1.2",
        "order-processing-1.2.3",
        "a-v1.0.0-from-Pay",
        "x" * 80 + "-v1.0.0",
    ],
)
def test_other_names_are_no_releases(text: str) -> None:
    with pytest.raises(ReleaseNameError):
        ReleaseName.parse(text)


@pytest.mark.parametrize("version", ["1.2.0", "v1.2.0", "shop-v1.2.0"])
def test_a_version_is_taken_in_any_spelling(version: str) -> None:
    assert str(ReleaseName("shop", "1.0.0").at(version)) == "shop-v1.2.0"


def test_versions_sort_as_versions() -> None:
    versions = ["1.0.0-rc.2", "1.0.0-rc.10", "1.0.0", "1.2.0", "1.10.0", "2.0.0"]

    shuffled = versions[::-1]
    assert sorted(shuffled, key=lambda each: ReleaseName("shop", each).order) == versions


def flow(**more: Any) -> str:
    states = {
        "A": {
            "Type": "Task",
            "Resource": "r",
            "Next": "B",
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Sorry"}],
        },
        "B": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": True, "Next": "C"}], "Default": "Sorry"},
        "C": {"Type": "Succeed"},
        "Sorry": {"Type": "Fail"},
    }
    return json.dumps({"Comment": "flow", "StartAt": "A", "States": {**states, **more}})


def test_what_is_left_from_a_state_on_keeps_all_that_can_be_reached() -> None:
    left = json.loads(resumed_definition(flow(), "B", "shop-v1.1.0 from B"))

    assert left["StartAt"] == "B"
    assert list(left["States"]) == ["B", "C", "Sorry"]
    assert left["Comment"] == "flow (shop-v1.1.0 from B)"


@pytest.mark.parametrize(
    ("states", "reason"),
    [
        ({"Z": {"Type": "Succeed"}}, "has no state Missing"),
        ({"Missing": {"Type": "Pass", "Parameters": {"a.$": "$$.Execution.Input.a"}, "End": True}}, "reads the input"),
        (
            {
                "Missing": {
                    "Type": "Pass",
                    "QueryLanguage": "JSONata",
                    "Output": "{% $states.context.Execution.Input %}",
                    "End": True,
                }
            },
            "reads the input",
        ),
        (
            {
                "A": {"Type": "Pass", "Assign": {"x": 1}, "Next": "Missing"},
                "Missing": {"Type": "Succeed"},
            },
            "A assign variables",
        ),
    ],
)
def test_a_start_in_the_middle_that_would_lack_something_is_refused(states: dict[str, Any], reason: str) -> None:
    with pytest.raises(ResumeError, match=reason):
        resumed_definition(flow(**states), "Missing", "note")
