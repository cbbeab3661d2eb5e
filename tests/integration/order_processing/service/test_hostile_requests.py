"""Whatever is sent to place an order: a 4xx that says what is wrong, and nothing half-written."""

import json
from typing import Any

import pytest

from .conftest import BODY, Shop

pytestmark = pytest.mark.anyio

GOOD = json.dumps(BODY).encode()


def with_field(name: str, raw: str) -> bytes:
    """The good body with one value written as *raw* JSON."""
    rest = {key: value for key, value in BODY.items() if key != name}
    return f'{{"{name}": {raw}, {json.dumps(rest)[1:]}'.encode()


HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", ""),
    "blank": (b"   ", ""),
    "truncated": (GOOD[:-1], ""),
    "trailing text": (GOOD + b"x", ""),
    "two values": (GOOD + GOOD, ""),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD, ""),
    "utf-16": (GOOD.decode().encode("utf-16"), ""),
    "bad utf-8": (GOOD.replace(b"u-1", b"u-\xff"), ""),
    "overlong utf-8": (GOOD.replace(b"u-1", b"\xc0\xaf"), ""),
    "nul byte": (GOOD.replace(b"u-1", b"u\x00"), ""),
    "raw newline in a text": (GOOD.replace(b"u-1", b"u\n1"), ""),
    "comment": (b"/* hi */" + GOOD, ""),
    "single quotes": (GOOD.replace(b'"', b"'"), ""),
    "trailing comma": (GOOD[:-1] + b",}", ""),
    "array": (b"[" + GOOD + b"]", ""),
    "null": (b"null", ""),
    "number": (b"1", ""),
    "text": (b'"order"', ""),
    "no fields": (b"{}", "/user_guid"),
    "key twice": (with_field("quantity", '1, "quantity": 2'), "/quantity"),
    "escaped key twice": (with_field("quantity", '1, "qu\\u0061ntity": 2'), "/quantity"),
    "NaN": (with_field("quantity", "NaN"), ""),
    "infinity": (with_field("quantity", "-Infinity"), ""),
    "huge float": (with_field("quantity", "1e999"), ""),
    "4,301 digits": (with_field("quantity", "9" * 4301), ""),
    "19 digits": (with_field("quantity", "9" * 19), ""),
    "leading zero": (with_field("quantity", "01"), ""),
    "hexadecimal": (with_field("quantity", "0x10"), ""),
    "lone surrogate": (with_field("user_guid", '"\\ud800"'), "/user_guid"),
    "reversed surrogates": (with_field("user_guid", '"\\udc00\\ud800"'), "/user_guid"),
    "surrogate in a key": (b'{"\\ud800": 1}', ""),
    "deep array": (b"[" * 8000 + b"]" * 8000, ""),
    "deep object": (b'{"a":' * 2000 + b"1" + b"}" * 2000, ""),
    "unclosed depth": (b"[" * 16_000, ""),
    "prototype": (with_field("__proto__", "{}"), "/__proto__"),
    "server-owned status": (with_field("status", '"completed"'), "/status"),
    "server-owned price": (with_field("amount_minor", "1"), "/amount_minor"),
    "pointer characters": (with_field("a/b~c", "1"), "/a~1b~0c"),
    "quantity as text": (with_field("quantity", '"1"'), "/quantity"),
    "quantity as float": (with_field("quantity", "1.0"), "/quantity"),
    "quantity as bool": (with_field("quantity", "true"), "/quantity"),
    "quantity null": (with_field("quantity", "null"), "/quantity"),
    "quantity negative": (with_field("quantity", "-1"), "/quantity"),
    "quantity zero": (with_field("quantity", "0"), "/quantity"),
    "quantity vast": (with_field("quantity", "1001"), "/quantity"),
    "quantity object": (with_field("quantity", '{"$gt": 0}'), "/quantity"),
    "user_guid empty": (with_field("user_guid", '""'), "/user_guid"),
    "user_guid long": (with_field("user_guid", json.dumps("u" * 129)), "/user_guid"),
    "user_guid number": (with_field("user_guid", "1"), "/user_guid"),
    "user_guid list": (with_field("user_guid", '["u-1"]'), "/user_guid"),
    "line feed": (with_field("user_guid", '"u\\n1"'), "/user_guid"),
    "escape sequence": (with_field("user_guid", '"\\u001b[2J"'), "/user_guid"),
    "markup": (with_field("user_guid", '"<script>alert(1)</script>"'), "/user_guid"),
    "quote": (with_field("unit_id", '"\' OR 1=1 --"'), "/unit_id"),
    "path": (with_field("unit_id", '"../../etc/passwd"'), "/unit_id"),
    "right to left": (with_field("unit_id", '"\\u202espa"'), "/unit_id"),
    "card number": (with_field("payment_token", '"4111111111111111"'), "/payment_token"),
    "card number spaced": (with_field("payment_token", '"4111 1111 1111 1111"'), "/payment_token"),
    "card number in a name": (with_field("user_guid", '"u-378282246310005"'), "/user_guid"),
    "card number as number": (with_field("quantity", "4242424242424242"), "/quantity"),
    "card number in a key": (with_field("5555555555554444", "1"), "/5555555555554444"),
    "card number inside": (with_field("extra", '{"a": ["6011111111111117"]}'), "/extra/a/0"),
}


@pytest.mark.parametrize(("body", "field"), HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_body_is_refused_with_its_field(shop: Shop, body: bytes, field: str) -> None:
    answer = await shop.post("/orders", body, idempotency_key="k-1")

    problem = answer.json
    assert 400 <= answer.status < 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem.keys() >= {"type", "title", "status", "detail", "field"}
    assert (problem["status"], problem["field"]) == (answer.status, field)
    assert shop.order_count() == 0
    assert (await shop.order()).status == 201, "the key must stay free"


async def test_every_wrong_field_is_named_at_once(shop: Shop) -> None:
    problem = (await shop.post("/orders", {"user_guid": 1, "more": 2}, idempotency_key="k")).json

    assert [each["field"] for each in problem["errors"]] == [
        "/user_guid",
        "/unit_id",
        "/quantity",
        "/payment_token",
        "/more",
    ]


@pytest.mark.parametrize(
    "guid",
    [
        "550e8400-e29b-41d4-a716-446655440000",
        "550e8400e29b41d4a716446655440000",
        "00000000000017946312",
        "u-1700000000000",
    ],
)
async def test_ids_are_not_taken_for_cards(shop: Shop, guid: str) -> None:
    assert (await shop.order(user_guid=guid)).status == 201


@pytest.mark.parametrize(
    "key", ["", " k", "k ", "k" * 256, "sch\xfcssel", "a\tb"], ids=["empty", "space", "end", "long", "umlaut", "tab"]
)
async def test_a_key_that_is_none_is_refused(shop: Shop, key: str) -> None:
    answer = await shop.order(key)

    assert (answer.status, answer.json["field"]) == (400, "Idempotency-Key")


async def test_a_missing_key_is_refused(shop: Shop) -> None:
    answer = await shop.post("/orders", BODY)

    assert (answer.status, answer.json["field"]) == (400, "Idempotency-Key")


async def test_two_keys_are_refused(shop: Shop) -> None:
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    headers += [(b"idempotency-key", b"a"), (b"idempotency-key", b"b")]

    assert (await shop.ask_raw("POST", "/orders", (GOOD,), headers)).status == 400


async def test_the_longest_key_works(shop: Shop) -> None:
    assert (await shop.order("k" * 255)).status == 201


@pytest.mark.parametrize(
    "media_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "application/json; charset=latin-1"],
)
async def test_another_media_type_is_refused(shop: Shop, media_type: str) -> None:
    assert (await shop.post("/orders", BODY, content_type=media_type, idempotency_key="k")).status == 415


@pytest.mark.parametrize("media_type", ["application/json;charset=utf-8", 'Application/JSON; charset="UTF-8"'])
async def test_json_may_say_that_it_is_utf_8(shop: Shop, media_type: str) -> None:
    assert (await shop.post("/orders", BODY, content_type=media_type, idempotency_key="k")).status == 201


async def test_a_compressed_body_is_refused(shop: Shop) -> None:
    assert (await shop.post("/orders", BODY, content_encoding="gzip", idempotency_key="k")).status == 415


async def test_the_body_is_bounded_to_the_byte(shop: Shop) -> None:
    padding = b" " * (16 * 1024 - len(GOOD))

    assert (await shop.post("/orders", GOOD + padding, idempotency_key="k")).status == 201
    assert (await shop.post("/orders", GOOD + padding + b" ", idempotency_key="l")).status == 413


async def test_a_body_is_bounded_whatever_its_length_claims(shop: Shop) -> None:
    headers = {"content_type": "application/json", "idempotency_key": "k"}
    parts = [b" " * 4096] * 5

    declared = await shop.ask("POST", "/orders", GOOD, headers={**headers, "content_length": "999999"})
    streamed = await shop.ask("POST", "/orders", *parts, headers=headers)

    assert (declared.status, streamed.status) == (413, 413)
    assert declared.headers["connection"] == "close"


async def test_a_body_in_many_parts_is_one_body(shop: Shop) -> None:
    parts = [GOOD[at : at + 1] for at in range(len(GOOD))]

    answer = await shop.ask(
        "POST", "/orders", *parts, headers={"content_type": "application/json", "idempotency_key": "k"}
    )

    assert answer.status == 201


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [
        ("PUT", "/orders", "POST"),
        ("GET", "/orders", "POST"),
        ("DELETE", "/orders/x", "GET, HEAD"),
        ("POST", "/offers", "GET, HEAD"),
        ("PATCH", "/units/spa", "GET, HEAD, POST"),
    ],
)
async def test_a_wrong_method_says_which_are_right(shop: Shop, method: str, target: str, allowed: str) -> None:
    answer = await shop.ask(method, target)

    assert (answer.status, answer.headers["allow"]) == (405, allowed)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "target", ["/nothing", "/orders/", "/orders/x/y", "//", "/offers/", "/static/../app.py", "/orders/x/vouchers/1.png"]
)
async def test_an_unknown_path_is_a_problem_too(shop: Shop, target: str) -> None:
    answer = await shop.get(target)

    assert answer.status == 404
    assert answer.json["title"]


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.", "", "127.0.0.1:8080@evil.example"],
)
async def test_a_foreign_host_is_not_served(shop: Shop, host: str) -> None:
    assert (await shop.get("/offers", host=host)).status == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8080"])
async def test_this_machine_is_served_by_all_its_names(shop: Shop, host: str) -> None:
    assert (await shop.get("/offers", host=host)).status == 200


@pytest.mark.parametrize("target", ["/offers", "/nothing", "/", "/units/spa", "/metrics", "/docs", "/healthz"])
async def test_every_answer_is_fenced_in(shop: Shop, target: str) -> None:
    answer: Any = await shop.get(target, accept="text/html")

    policy = answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] in ("no-referrer", "same-origin")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
