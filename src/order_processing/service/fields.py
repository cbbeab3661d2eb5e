"""Small bodies, as JSON or as forms: a few short texts, each known by name."""

from collections.abc import Collection
from urllib.parse import parse_qsl

from order_processing.service import strict_json
from order_processing.service.http import FORM, JSON, Scope, demand_media_type, header, read_body
from order_processing.service.problems import FieldError, Problem, ProblemError, field_problem
from order_processing.service.router import Request

FORM_FIELDS_MAX = 10
TEXT_LENGTH_MAX = 500


async def json_texts(request: Request, required: Collection[str], optional: Collection[str] = ()) -> dict[str, str]:
    """The texts in a JSON object.

    Raises:
        ProblemError: it is no such object; every field that is wrong is named.
    """
    demand_media_type(request.scope, JSON)
    document = strict_json.parse(await read_body(request.scope, request.receive))
    if not isinstance(document, dict):
        raise field_problem(Problem.INVALID_FIELD, "", "must be an object")
    errors = [FieldError(strict_json.pointer(name), "is missing") for name in required if name not in document]
    for name, value in document.items():
        if name not in required and name not in optional:
            errors.append(FieldError(strict_json.pointer(name), "is not known here"))
        elif not isinstance(value, str) or not 1 <= len(value) <= TEXT_LENGTH_MAX:
            errors.append(FieldError(strict_json.pointer(name), f"must be a text of 1 to {TEXT_LENGTH_MAX} characters"))
    if errors:
        raise ProblemError(Problem.INVALID_FIELD, "; ".join(f"{e.field} {e.detail}" for e in errors), errors=errors)
    return document


async def form_texts(request: Request, allowed: Collection[str]) -> dict[str, str]:
    """The fields of a form of our own pages.

    Raises:
        ProblemError: it was sent from another site, cannot be read, or has fields other than *allowed*, or one twice.
    """
    _demand_same_origin(request.scope)
    demand_media_type(request.scope, FORM)
    body = await read_body(request.scope, request.receive)
    if not body:
        return {}
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=FORM_FIELDS_MAX,
            errors="strict",
        )
    except ValueError:
        raise ProblemError(Problem.BAD_REQUEST, "the form cannot be read; percent-encode it as UTF-8") from None
    values = dict(pairs)
    if len(values) != len(pairs) or not values.keys() <= set(allowed):
        raise ProblemError(Problem.BAD_REQUEST, f"the form has each of these once: {', '.join(allowed)}")
    return values


def _demand_same_origin(scope: Scope) -> None:
    """Refuses forms of other sites. All browsers of today send at least one of the two headers with a POST."""
    site = header(scope, b"sec-fetch-site")
    origin = header(scope, b"origin")
    if site:
        same = site in (b"same-origin", b"none")
    else:
        same = origin in (b"", b"http://" + header(scope, b"host"), b"https://" + header(scope, b"host"))
    if not same:
        raise ProblemError(Problem.FOREIGN_ORIGIN, "the form was sent from another site; use the shop's own page")
