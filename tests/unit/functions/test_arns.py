"""From what callers name to (name, qualifier)."""

import pytest

from expeditor.functions import arns, refusals


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("fraud-scan", ("fraud-scan", None)),
        ("fraud-scan:2", ("fraud-scan", "2")),
        ("fraud-scan:prod", ("fraud-scan", "prod")),
        ("fraud-scan:$LATEST", ("fraud-scan", "$LATEST")),
        ("function:fraud-scan", ("fraud-scan", None)),
        ("123456789012:function:fraud-scan:prod", ("fraud-scan", "prod")),
        ("arn:aws:lambda:us-east-1:000000000000:function:fraud-scan", ("fraud-scan", None)),
        ("arn:aws:lambda:us-east-1:1234567890:function:fraud-scan:2", ("fraud-scan", "2")),
        ("arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:a_B-9:prod", ("a_B-9", "prod")),
    ],
)
def test_reference_gives_name_and_qualifier(reference: str, expected: tuple[str, str | None]) -> None:
    assert arns.parse(reference) == expected


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "fraud scan",
        "fraud-scan:",
        "fraud-scan:2:3",
        "fraud/scan",
        "x" * 65,
        "arn:aws:sns:us-east-1:000000000000:orders",
        "arn:aws:lambda:us-east-1:abc:function:fraud-scan",
        "fraud-scan\n",
        "fräud",
    ],
)
def test_anything_else_is_refused_in_aws_words(reference: str) -> None:
    with pytest.raises(refusals.InvalidRequestError, match="at 'functionName' failed to satisfy constraint"):
        arns.parse(reference)


def test_qualifier_beside_the_name_may_repeat_but_not_contradict() -> None:
    assert arns.parse("fraud-scan", "prod") == ("fraud-scan", "prod")
    assert arns.parse("fraud-scan:2", "2") == ("fraud-scan", "2")
    with pytest.raises(refusals.InvalidParameterValueError, match="derived qualifier"):
        arns.parse("fraud-scan:2", "3")
    with pytest.raises(refusals.InvalidRequestError):
        arns.parse("fraud-scan", "no such thing")


def test_arn_is_one_of_this_region() -> None:
    assert arns.function_arn("fraud-scan", "2") == "arn:aws:lambda:us-east-1:000000000000:function:fraud-scan:2"
    assert arns.parse(arns.function_arn("fraud-scan")) == ("fraud-scan", None)


@pytest.mark.parametrize(("qualifier", "expected"), [("2", True), ("$LATEST", True), ("prod", False), ("2a", False)])
def test_versions_are_told_from_aliases(qualifier: str, expected: bool) -> None:
    assert arns.is_version(qualifier) is expected


def test_alias_is_not_a_number() -> None:
    assert arns.check_alias("prod-2") == "prod-2"
    with pytest.raises(refusals.InvalidRequestError):
        arns.check_alias("12")
