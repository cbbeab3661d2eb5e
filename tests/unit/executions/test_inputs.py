"""JSON texts that callers hand in."""

import pytest

from expeditor.executions.errors import InvalidExecutionInputError
from expeditor.executions.inputs import check_json

EXPECTED = "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
LARGEST = b'"' + b"x" * 262_142 + b'"'


@pytest.mark.parametrize("text", [b"{}", b"2", b'"some text"', b"null", b" [1] ", LARGEST])
def test_any_json_value_is_an_input(text: bytes) -> None:
    check_json(text, InvalidExecutionInputError)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "Invalid execution input."),
        (
            b"not some json",
            f"Unrecognized token 'not': {EXPECTED}",
        ),
        (b"{'not': 'json'", "Unexpected character (''' (code 39)): was expecting double-quote to start field name"),
        (b"[1,", "Invalid execution input."),
        (b"\xff", "Invalid execution input."),
        (b"[" * 100_000, "Invalid execution input."),
        (LARGEST + b" ", "it has 262145 bytes, at most 262144 are allowed"),
    ],
)
def test_refusal_says_what_is_wrong(text: bytes, problem: str) -> None:
    with pytest.raises(InvalidExecutionInputError) as refused:
        check_json(text, InvalidExecutionInputError)
    assert refused.value.problem == problem
