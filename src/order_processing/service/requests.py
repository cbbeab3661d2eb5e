"""What a request may say: the body of ``POST /orders``, checked field by field with all mistakes reported at once."""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from order_processing.domain import NewOrder
from order_processing.service import strict_json
from order_processing.service.problems import FieldError, Problem, ProblemError

KEY_LENGTH_MAX = 255
QUANTITY_MAX = 1_000

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}")
_KEY = re.compile(rb"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")
_DIGIT_RUN = re.compile(r"(?<![0-9])[0-9](?:[ .-]?[0-9]){12,18}(?![0-9])")
_HEX_ID = re.compile(r"(?=[0-9-]*[a-f])[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
_LUHN_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def _name_error(value: Any) -> str | None:
    if isinstance(value, str) and _NAME.fullmatch(value):
        return None
    return "must be a text of 1 to 128 letters, digits or . _ : @ -, beginning with a letter or digit"


def _quantity_error(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= QUANTITY_MAX:
        return None
    return f"must be a whole number from 1 to {QUANTITY_MAX}"


CHECKS: Mapping[str, Callable[[Any], str | None]] = {
    "user_guid": _name_error,
    "unit_id": _name_error,
    "quantity": _quantity_error,
    "payment_token": _name_error,
}
"""The body's fields, all required, none other allowed; each check gives what is wrong or None."""


def new_order(body: bytes) -> NewOrder:
    """Reads the body of ``POST /orders``.

    Raises:
        ProblemError: the body is not strict JSON or not such an order.
    """
    document = strict_json.parse(body)
    if not isinstance(document, dict):
        raise ProblemError(Problem.INVALID_FIELD, "must be an object", errors=(FieldError("", "must be an object"),))
    return order_of_fields(document)


def order_of_fields(document: dict[str, Any]) -> NewOrder:
    """The order that the fields *document* ask for.

    Raises:
        ProblemError: fields are missing, unknown, of the wrong kind, or hold a card number.
    """
    _demand_no_card_number(document)
    errors = [_error(field, document) for field in CHECKS]
    errors += [
        FieldError(strict_json.pointer(name), "is not a field of an order") for name in document.keys() - CHECKS.keys()
    ]
    found = tuple(each for each in errors if each is not None)
    if found:
        detail = "; ".join(f"{each.field} {each.detail}" for each in found)
        raise ProblemError(Problem.INVALID_FIELD, detail[:1000], errors=found)
    return NewOrder(**document)


def idempotency_key(values: list[bytes]) -> str:
    """What is remembered of the ``Idempotency-Key`` header: a hash, so that nothing a client writes there is kept.

    Raises:
        ProblemError: the header is missing, repeated, or not 1 to 255 printable ASCII characters.
    """
    if len(values) != 1 or not _KEY.fullmatch(values[0]):
        detail = f"send one Idempotency-Key header of 1 to {KEY_LENGTH_MAX} printable characters, new for each order"
        raise ProblemError(Problem.KEY_MISSING, detail, errors=(FieldError("Idempotency-Key", detail),))
    return hashlib.sha256(values[0]).hexdigest()


def has_card_number(text: str) -> bool:
    """Whether *text* holds 13 to 19 digits that pass the Luhn check, spaced or not; UUIDs are none."""
    if _HEX_ID.fullmatch(text):
        return False
    return any(_passes_luhn(run.group()) for run in _DIGIT_RUN.finditer(text))


def _error(field: str, document: dict[str, Any]) -> FieldError | None:
    if field not in document:
        return FieldError(strict_json.pointer(field), "is missing")
    detail = CHECKS[field](document[field])
    return None if detail is None else FieldError(strict_json.pointer(field), detail)


def _demand_no_card_number(document: dict[str, Any]) -> None:
    """Looks closely only where there is something unusual: other fields, or a run of digits."""
    if document.keys() == CHECKS.keys() and not _DIGIT_RUN.search("\n".join(map(str, document.values()))):
        return
    detail = "looks like a card number; send a token of the payment provider instead"
    errors = tuple(FieldError(where, detail) for where, text in _texts(document, "") if has_card_number(text))
    if errors:
        raise ProblemError(Problem.CARD_NUMBER, f"{errors[0].field} {detail}", errors=errors)


def _texts(value: Any, at: str) -> list[tuple[str, str]]:
    """Every scalar in *value* as text, with its JSON pointer; a key counts as its own value."""
    if isinstance(value, dict):
        inside = [(at + strict_json.pointer(key), key, each) for key, each in value.items()]
        return [text for where, key, each in inside for text in ((where, key), *_texts(each, where))]
    if isinstance(value, list):
        return [text for index, each in enumerate(value) for text in _texts(each, at + strict_json.pointer(index))]
    return [(at, str(value))]


def _passes_luhn(run: str) -> bool:
    digits = [int(character) for character in reversed(run) if character.isdigit()]
    return (sum(digits[0::2]) + sum(_LUHN_DOUBLED[digit] for digit in digits[1::2])) % 10 == 0
