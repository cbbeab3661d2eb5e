"""Lambda's lists in pages."""

import base64
import binascii
from collections.abc import Sequence

from expeditor.api.protocol import Answer, Params
from expeditor.functions import refusals

ITEMS_MAX = 50
"""Lambda never gives more at once, whatever MaxItems says. Source: API_ListFunctions."""


def page(name: str, items: Sequence[Answer], params: Params) -> Answer:
    """The page that Marker and MaxItems ask for, and the marker of the next one if there is one.

    Raises:
        InvalidParameterValueError: the marker is none of ours.
    """
    first = _position(params["Marker"]) if params.get("Marker") else 0
    after = first + min(params.get("MaxItems", ITEMS_MAX), ITEMS_MAX)
    marker = base64.urlsafe_b64encode(str(after).encode()).decode() if after < len(items) else None
    return {name: items[first:after], "NextMarker": marker}


def _position(marker: str) -> int:
    try:
        text = base64.urlsafe_b64decode(marker.encode()[:64]).decode()
    except (binascii.Error, ValueError):
        text = ""
    if not text.isdecimal():
        raise refusals.InvalidParameterValueError("Invalid marker; use NextMarker of the page before as it is")
    return int(text)
