"""Strict JSON, card numbers, and bodies that come too slowly."""

import asyncio
import json
from typing import Any

import pytest

from order_processing.service import http
from order_processing.service.problems import Problem, ProblemError
from order_processing.service.requests import has_card_number
from order_processing.service.strict_json import DEPTH_MAX, parse, pointer

VALID = [
    b"0",
    b"-1",
    b"1.5e3",
    b'""',
    b'"\\ud83d\\ude00"',
    b'"\xf0\x9f\x98\x80"',
    b'{"a": [{"a": {}}], "": null, "\\"[{": true}',
    b" \t\r\n[] \n",
    b'"' + b"[{" * 500 + b'"',
    b"[" * DEPTH_MAX + b"]" * DEPTH_MAX,
    b"999999999999999999",
]

INVALID = [
    b"",
    b"nul",
    b"[1,]",
    b"{1: 2}",
    b"'a'",
    b"[1 2]",
    b"+1",
    b".5",
    b"1.",
    b"01",
    b"1e",
    b'"\\x41"',
    b'"\t"',
    b"NaN",
    b"[Infinity]",
    b"1e400",
    b"1" * 20,
    b"0." + b"1" * 100,
    b'{"a": 1, "a": 2}',
    b'[{"b": {"a": 1, "\\u0061": 1}}]',
    b'"\\ud800"',
    b'["\\udfff\\ud800"]',
    b'{"\\udc00": 1}',
    b'{"\\udc00": 1, "\\udc00": 2}',
    b"\xff",
    b"\xed\xa0\x80",
    b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1),
    b"[" * 100_000,
    b'{"":' * 5_000,
]


@pytest.mark.parametrize("body", VALID)
def test_json_is_read_as_everyone_reads_it(body: bytes) -> None:
    assert parse(body) == json.loads(body)


@pytest.mark.parametrize("body", INVALID)
def test_what_two_parsers_could_read_differently_is_refused(body: bytes) -> None:
    with pytest.raises(ProblemError) as caught:
        parse(body)

    assert caught.value.problem is Problem.INVALID_JSON


def test_pointers_escape_their_own_characters() -> None:
    assert pointer("a/b", "~", 0) == "/a~1b/~0/0"


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111111",
        "4111-1111-1111-1111",
        "tok_4242.4242.4242.4242",
        "378282246310005",
        "6304000000000000",
        "4222222222222",
        "x4111111111111111y",
        "4917610000000000003",
    ],
)
def test_card_numbers_are_recognised(text: str) -> None:
    assert has_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",
        "411111111111",
        "41111111111111111111",
        "550e8400-e29b-41d4-a716-446655440000",
        "550E8400E29B41D4A716446655440000",
        "4111/1111/1111/1111",
        "tok_ok",
        "",
    ],
)
def test_other_numbers_are_not(text: str) -> None:
    assert not has_card_number(text)


@pytest.mark.anyio
async def test_a_body_that_never_comes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BODY_SECONDS_MAX", 0.001)

    async def never() -> Any:
        await asyncio.Event().wait()

    with pytest.raises(ProblemError) as caught:
        await http.read_body({"headers": []}, never)

    assert caught.value.problem is Problem.SLOW_BODY


@pytest.mark.anyio
async def test_a_connection_that_ends_within_the_body_is_no_order() -> None:
    messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(messages)

    with pytest.raises(ProblemError) as caught:
        await http.read_body({"headers": []}, receive)

    assert caught.value.problem is Problem.BAD_REQUEST
