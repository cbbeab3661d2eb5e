"""Refusals as problem+json (RFC 9457): a type, and what it says about this request."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

import msgspec

from order_processing.errors import RefusedError

MEDIA_TYPE = b"application/problem+json"


class Problem(Enum):
    """Every kind of refusal: its name in the ``type`` URI, its HTTP status and its title."""

    BAD_REQUEST = ("bad-request", 400, "The request is malformed")
    BAD_SIGNATURE = ("bad-signature", 400, "The event is not signed by its sender, or is too old")
    KEY_MISSING = ("idempotency-key-missing", 400, "The Idempotency-Key header is missing or malformed")
    INVALID_JSON = ("invalid-json", 400, "The body is not strict JSON")
    INVALID_FIELD = ("invalid-field", 422, "A field has a value that is not accepted")
    CARD_NUMBER = ("card-number", 422, "A field looks like a card number")
    UNAUTHORIZED = ("unauthorized", 401, "This needs the operator's token")
    MERCHANT_TOKEN = ("merchant-token", 401, "This needs a merchant's token")
    FOREIGN_ORIGIN = ("foreign-origin", 403, "The form was sent from another site")
    NOT_FOUND = ("not-found", 404, "There is nothing here")
    UNKNOWN_ORDER = ("unknown-order", 404, "There is no such order")
    UNKNOWN_OFFER = ("unknown-offer", 404, "There is no such offer")
    UNKNOWN_VOUCHER = ("unknown-voucher", 404, "There is no such voucher")
    METHOD_NOT_ALLOWED = ("method-not-allowed", 405, "The method is not possible here")
    SLOW_BODY = ("slow-body", 408, "The body took too long")
    KEY_REUSED = ("idempotency-key-reused", 409, "The Idempotency-Key was used with another body")
    SOLD_OUT = ("sold-out", 409, "Not enough units are left")
    OFFER_CLOSED = ("offer-closed", 409, "The offer is not on sale now")
    STALE_OWNER = ("stale-owner", 409, "Another owner has the order by now")
    REFUSED = ("refused", 409, "The order's state does not allow this")
    VOUCHER_USED = ("voucher-used", 409, "The voucher was used already")
    REDEMPTION_STANDS = ("redemption-stands", 409, "The redemption cannot be undone")
    NO_REVIEW = ("no-review", 409, "The order waits for no review")
    REVIEW_CLAIMED = ("review-claimed", 409, "Somebody else is at this review")
    REVIEW_DECIDED = ("review-decided", 409, "The review was decided otherwise")
    VOUCHER_EXPIRED = ("voucher-expired", 410, "The voucher has expired")
    VOUCHER_REVOKED = ("voucher-revoked", 410, "The voucher was revoked")
    TOO_LARGE = ("body-too-large", 413, "The body is too large")
    MEDIA_TYPE = ("unsupported-media-type", 415, "The body has another media type than expected")
    UNKNOWN_HOST = ("unknown-host", 421, "The Host header names another site")
    TOO_MANY_TRIES = ("too-many-tries", 429, "There were too many tries")
    UNEXPECTED = ("unexpected", 500, "The order service failed")
    UNAVAILABLE = ("unavailable", 503, "The order service cannot do this now")
    TOO_MANY_WATCHERS = ("too-many-watchers", 503, "Too many order pages are open")

    def __init__(self, slug: str, status: int, title: str) -> None:
        self.slug = slug
        self.status = status
        self.title = title

    @property
    def uri(self) -> str:
        """The ``type``; the API page explains it there."""
        return f"/docs#{self.slug}"


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field.

    Attributes:
        field: JSON pointer into the body, "" for the whole of it; a header is named as it is.
    """

    field: str
    detail: str


class ProblemError(RefusedError):
    """A request is answered with *problem*.

    Attributes:
        errors: each field that is wrong, the first one also stands in the answer's ``field``.
        headers: further response headers, such as ``Allow``.
        error: name of the refusal that programs match, such as ``StaleOwnerError``, "" where the type says all.
    """

    def __init__(
        self,
        problem: Problem,
        detail: str,
        *,
        errors: Iterable[FieldError] = (),
        headers: tuple[tuple[bytes, bytes], ...] = (),
        error: str = "",
    ) -> None:
        super().__init__(detail)
        self.problem = problem
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = headers
        self.error = error


def field_problem(problem: Problem, field: str, detail: str) -> ProblemError:
    """A refusal because of one field."""
    return ProblemError(problem, detail, errors=(FieldError(field, detail),))


def encode_problem(error: ProblemError) -> bytes:
    """The answer's body: ``type``, ``title``, ``status``, ``detail``; ``field`` and ``errors``, ``error`` if any."""
    problem = error.problem
    document: dict[str, object] = {
        "type": problem.uri,
        "title": problem.title,
        "status": problem.status,
        "detail": error.detail,
    }
    if error.error:
        document["error"] = error.error
    if error.errors:
        document["field"] = error.errors[0].field
        document["errors"] = [{"field": each.field, "detail": each.detail} for each in error.errors]
    return msgspec.json.encode(document)
