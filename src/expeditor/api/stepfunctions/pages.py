"""Step Functions' lists in pages."""

import base64
import binascii

from expeditor.api.protocol import Params
from expeditor.errors import ServiceError

ITEMS_MAX = 1_000
ITEMS_DEFAULT = 100


class InvalidTokenError(ServiceError):
    """A nextToken that no page gave out."""

    code = "InvalidToken"

    def __init__(self) -> None:
        super().__init__("Invalid Token: 'Invalid token'")


def items_wanted(params: Params) -> int:
    """How many items a page has; 0 is the default. Source: API_ListExecutions."""
    return min(params.get("maxResults") or ITEMS_DEFAULT, ITEMS_MAX)


def token_of(position: str | int) -> str:
    """The token of the page that begins after *position*."""
    return base64.urlsafe_b64encode(f"after {position}".encode()).decode()


def position_of(params: Params) -> str | None:
    """The position that nextToken names, None on the first page.

    Raises:
        InvalidTokenError
    """
    token = params.get("nextToken")
    if token is None:
        return None
    try:
        word, found, position = base64.b64decode(token, b"-_", validate=True).decode().partition(" ")
    except (binascii.Error, ValueError) as error:
        raise InvalidTokenError from error
    if word != "after" or not found:
        raise InvalidTokenError
    return position


def number_of(params: Params) -> int | None:
    """The same, where positions are numbers.

    Raises:
        InvalidTokenError
    """
    position = position_of(params)
    if position is None:
        return None
    if not position.isdecimal() or len(position) > 18:
        raise InvalidTokenError
    return int(position)
