"""Names and ARNs."""

import pytest

from expeditor.executions import arns
from expeditor.executions.errors import InvalidArnError, InvalidNameError

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:order-processing-v1.0.0"


@pytest.mark.parametrize("name", ["a", "x" * 80, "order-processing-v0.0.6", "ünïcode", "a@b!(c)=+'"])
def test_names_aws_allows(name: str) -> None:
    arns.check_name(name)


@pytest.mark.parametrize(
    "name", ["", "x" * 81, "a b", "a\tb", "\x00a", "a\x80", *(f"a{c}" for c in '<>{}[]?*"#%\\^|~`$&,;:/')]
)
def test_names_aws_refuses(name: str) -> None:
    with pytest.raises(InvalidNameError) as refused:
        arns.check_name(name)
    assert str(refused.value) == f"Invalid Name: '{name}'"


def test_execution_arn_splits_into_what_it_was_made_of() -> None:
    arn = arns.execution_arn(MACHINE, "o-1")

    assert arn == "arn:aws:states:us-east-1:000000000000:execution:order-processing-v1.0.0:o-1"
    assert arns.split_execution_arn(arn) == (MACHINE, "o-1")


@pytest.mark.parametrize(
    "arn", ["", "o-1", MACHINE, "arn:aws:states:us-east-1:0:execution:m", "arn:aws:s3:::a:b:c:d:e"]
)
def test_other_texts_are_no_execution_arns(arn: str) -> None:
    with pytest.raises(InvalidArnError):
        arns.split_execution_arn(arn)
