"""What a browser keeps for us: small, signed, out of the reach of scripts and of other sites."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from order_processing.service.http import Scope, header

COOKIE_BYTES_MAX = 4_000
_MAC_BYTES = 16


class Seal:
    """Signs contents, so that one that comes back is one that was given out.

    Args:
        secret: 32 bytes or more; each purpose signs with a key of its own that derives from it.
        purpose: contents of one purpose are never taken for those of another.
    """

    def __init__(self, secret: Callable[[], bytes], purpose: str) -> None:
        self._secret = secret
        self._purpose = f"cookie/{purpose}".encode()

    def sealed(self, content: Mapping[str, Any]) -> str:
        """*content* as the value of a cookie; readable by whoever has it, changeable by nobody."""
        body = msgspec.json.encode(content)
        return base64.urlsafe_b64encode(self._mac(body) + body).rstrip(b"=").decode()

    def opened(self, text: str) -> dict[str, Any] | None:
        """The content that was sealed as *text*; None when nothing was."""
        if not text or len(text) > COOKIE_BYTES_MAX:
            return None
        try:
            signed = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        except (ValueError, binascii.Error):
            return None
        mac, body = signed[:_MAC_BYTES], signed[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(body)):
            return None
        content: dict[str, Any] = msgspec.json.decode(body)
        return content

    def _mac(self, body: bytes) -> bytes:
        key = hmac.digest(self._secret(), self._purpose, hashlib.sha256)
        return hmac.digest(key, body, hashlib.sha256)[:_MAC_BYTES]


def cookie(scope: Scope, name: str) -> str:
    """The value of the cookie *name*, "" without one; of two with one name the first, which has the longer path."""
    wanted = name.encode()
    for pair in header(scope, b"cookie").split(b";"):
        key, equals, value = pair.strip().partition(b"=")
        if equals and key == wanted:
            return value.decode("ascii", "replace")
    return ""


def cookie_header(name: str, value: str, path: str, seconds: int, same_site: str = "Strict") -> bytes:
    """A Set-Cookie header; 0 *seconds* takes the cookie away."""
    return f"{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite={same_site}".encode()
