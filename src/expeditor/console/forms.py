"""Forms that act: where they may come from, and the page between wish and deed.

An act has an address of its own. GET shows what it would do, and asks who wants it and why; POST does it, if things are
still as they were shown.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.requests import Request

from expeditor.errors import ExpeditorError

FORM = "application/x-www-form-urlencoded"
BODY_BYTES_MAX = 16_384
FIELDS_MAX = 20
WORDS_MAX = 300
_OTHER_SITES = frozenset({"cross-site", "same-site"})
"""A page on another port of this machine is "same-site". Source: W3C Fetch Metadata Request Headers."""


class ForeignFormError(ExpeditorError):
    """A form that did not come from a page of this console."""


class FormError(ExpeditorError):
    """A form whose fields cannot be used; the person can mend it."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The page between wish and deed.

    Attributes:
        verb: on the button; "" when it cannot be done, for which *problem* says why.
        effects: what it will do, a sentence each.
        untouched: what stays as it is.
        seen: hidden fields that go with the form: what the page was made from, so that later changes are noticed.
        back: where to go instead.
        command: the same on the command line.
    """

    title: str
    verb: str
    effects: Sequence[str]
    untouched: Sequence[str]
    seen: Mapping[str, str]
    back: str
    command: str
    problem: str = ""
    filled: Mapping[str, str] = field(default_factory=dict)


class Forms:
    """Reads forms that pages of this console sent.

    A page of another site can make a browser send a form here. It is told by what browsers add, Origin and
    Sec-Fetch-Site, and it cannot know the token that pages of this console carry.

    Args:
        secret: 16 random bytes, other ones after each start.
        actor: who is meant where nobody says otherwise.
    """

    def __init__(self, secret: bytes, actor: str) -> None:
        self.actor = actor
        self.token = hmac.digest(secret, b"console form", "sha256").hex()

    async def read(self, request: Request) -> dict[str, str]:
        """The fields, stripped.

        Raises:
            ForeignFormError: it is from elsewhere, or from a page that was shown before the node started.
            FormError: it cannot be read.
        """
        _demand_same_origin(request)
        fields = _fields(await _body(request))
        if not hmac.compare_digest(fields.pop("token", "").encode(), self.token.encode()):
            raise ForeignFormError("this form was shown before the node started; go back, reload the page, try again")
        return fields


def required(fields: Mapping[str, str], name: str, words: str) -> str:
    """What a person wrote.

    Args:
        words: what to ask for when it is missing.

    Raises:
        FormError: it is missing, or too long to be kept.
    """
    text = fields.get(name, "")
    if not text:
        raise FormError(words)
    if len(text) > WORDS_MAX or not text.isprintable():
        raise FormError(f"{name}: write at most {WORDS_MAX} characters, in one line")
    return text


def _demand_same_origin(request: Request) -> None:
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    is_foreign = origin is not None and origin.partition("://")[2] != host
    if is_foreign or request.headers.get("sec-fetch-site", "none") in _OTHER_SITES:
        raise ForeignFormError("pages of other sites may not act here")
    if request.headers.get("content-type", "").partition(";")[0].strip() != FORM:
        raise FormError(f"send a form, with Content-Type: {FORM}")


async def _body(request: Request) -> bytes:
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > BODY_BYTES_MAX:
            raise FormError(f"the form is larger than {BODY_BYTES_MAX} bytes")
    return content


def _fields(content: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(content.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except ValueError as error:
        raise FormError("the form cannot be read; percent-encode it as UTF-8") from error
    return {name: value.strip() for name, value in pairs}
