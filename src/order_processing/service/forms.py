"""The buy form: where it may come from, and what it may say."""

import re

from order_processing.domain import NewOrder
from order_processing.service.fields import form_texts
from order_processing.service.http import Header, Scope, header
from order_processing.service.problems import Problem, ProblemError, field_problem
from order_processing.service.requests import idempotency_key, order_of_fields
from order_processing.service.router import Request
from order_processing.service.sandbox import SHOPPERS, OfferForm

GUEST_COOKIE = "guest"
_GUEST = re.compile(rb"(?:^|;\s*)guest=([0-9a-f]{32})(?:;|$)")
_GUEST_ID = re.compile(r"[0-9a-f]{32}")
_NUMBER = re.compile(r"[0-9]{1,6}")


def order_of(form: OfferForm, unit_id: str) -> NewOrder:
    """The order that *form* asks for.

    Raises:
        ProblemError: a value is not accepted.
    """
    if form.shopper not in {shopper.prefix for shopper in SHOPPERS}:
        raise field_problem(Problem.INVALID_FIELD, "/shopper", "choose one of the shoppers")
    return order_of_fields(
        {
            "user_guid": form.shopper + form.user_guid,
            "unit_id": unit_id,
            "quantity": int(form.quantity) if _NUMBER.fullmatch(form.quantity) else form.quantity,
            "payment_token": form.payment_token,
        }
    )


def key_of(form: OfferForm) -> str:
    """The key that the page carried; see ``idempotency_key``."""
    return idempotency_key([form.idempotency_key.encode("utf-8", "replace")])


def again(form: OfferForm, error: ProblemError, fresh_key: str) -> OfferForm:
    """The form for another try. Its key stays, so that a try that did arrive is found, unless the key is used up."""
    return form._replace(idempotency_key=fresh_key) if error.problem is Problem.KEY_REUSED else form


def guest_of(scope: Scope) -> str | None:
    """The guest's id from the cookie that the offer page sets."""
    found = _GUEST.search(header(scope, b"cookie"))
    return None if found is None else found[1].decode()


def guest_headers(user_guid: str) -> tuple[Header, ...]:
    """The Set-Cookie header that keeps a guest's id for a year, out of the reach of scripts and other sites.

    None for an id that a form made up: it would not be read again, and might not even be fit for a header.
    """
    if not _GUEST_ID.fullmatch(user_guid):
        return ()
    cookie = f"{GUEST_COOKIE}={user_guid}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"
    return ((b"set-cookie", cookie.encode()),)


async def read_form(request: Request) -> OfferForm:
    """The fields of the buy form.

    Raises:
        ProblemError: it was sent from another site, or is not such a form.
    """
    values = await form_texts(request, OfferForm._fields)
    missing = [name for name in ("idempotency_key", "user_guid") if name not in values]
    if missing:
        raise field_problem(Problem.INVALID_FIELD, "/" + missing[0], "is missing")
    return OfferForm(**values)
