"""Forms that act are taken from pages of the console only, and with their fields filled."""

from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.requests import Request

from expeditor.console.forms import BODY_BYTES_MAX, WORDS_MAX, ForeignFormError, FormError, Forms, required

pytestmark = pytest.mark.anyio

FORMS = Forms(b"0123456789abcdef", "anna")
OWN = {"host": "127.0.0.1:8081", "content-type": "application/x-www-form-urlencoded"}


def request(body: bytes, **headers: str) -> Request:
    given = {**OWN, **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(scope, receive)


def form(**fields: str) -> bytes:
    return urlencode({"token": FORMS.token, **fields}).encode()


async def test_a_form_of_ones_own_page_is_read_without_its_token() -> None:
    asked = request(form(reason=" it looks good "), origin="http://127.0.0.1:8081", sec_fetch_site="same-origin")

    assert await FORMS.read(asked) == {"reason": "it looks good"}


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:8080"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
async def test_other_sites_may_not_act_even_if_they_knew_the_token(headers: dict[str, str]) -> None:
    with pytest.raises(ForeignFormError, match="other sites"):
        await FORMS.read(request(form(reason="x"), **headers))


@pytest.mark.parametrize("token", ["", "guessed", Forms(b"another start 16", "anna").token, "é"])
async def test_a_form_without_the_token_of_this_start_is_refused(token: str) -> None:
    with pytest.raises(ForeignFormError, match="reload"):
        await FORMS.read(request(urlencode({"token": token, "reason": "x"}).encode()))


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{}", {"content_type": "application/json"}),
        (b"x" * (BODY_BYTES_MAX + 1), {}),
        (b"reason=%ff", {}),
        ("reason=ü".encode(), {}),
        (b"&".join(b"a%d=1" % number for number in range(30)), {}),
    ],
)
async def test_what_is_no_form_is_refused(body: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(FormError):
        await FORMS.read(request(body, **headers))


@pytest.mark.parametrize("text", ["", "x" * (WORDS_MAX + 1), "two\nlines"])
async def test_words_that_are_kept_are_there_and_fit_on_a_line(text: str) -> None:
    with pytest.raises(FormError):
        required({"reason": text}, "reason", "Say why.")
