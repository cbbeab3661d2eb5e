"""Steps that another system takes for us, such as the monolith that is being strangled, each over one HTTP call."""

import ipaddress
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from order_processing.errors import OrderProcessingError, RefusedError, TransientError
from order_processing.gateways.http_client import HttpConnections, HttpError

TIMEOUT_SECONDS = 10.0
_ERROR_NAME = re.compile(r"[A-Z][A-Za-z]{2,60}")


class RemoteSettingsError(OrderProcessingError):
    """``REMOTE_OPERATIONS`` cannot be used."""


class RemoteUnavailableError(TransientError):
    """The other system did not answer, or cannot do it now; the same call again is safe there as here."""

    def __init__(self, name: str, url: str, reason: str) -> None:
        super().__init__(f"{name} at {url} did not work ({reason}); it is tried again")
        self.name = name


class RemoteRefusedError(RefusedError):
    """The other system said no; raised as a class of the error's own name, which retriers and catchers match.

    Attributes:
        error: that name, such as ``StaleOwnerError``.
    """

    def __init__(self, error: str, detail: str) -> None:
        super().__init__(detail)
        self.error = error


class RemoteOperation:
    """One step at another system: ``POST url`` with the event; the answer is the step's.

    A refusal is a problem document whose ``error`` names the error; without one the status decides: 4xx is final,
    all else may be tried again.

    Args:
        url: may contain ``{order_id}``; https, or http on this machine.
        token: sent as ``Authorization: Bearer``, "" for none.
    """

    def __init__(self, name: str, url: str, token: str = "", timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        where = urlsplit(url)
        if where.scheme != "https" and not (where.scheme == "http" and _is_loopback(where.hostname or "")):
            raise RemoteSettingsError(f"{name} goes to {url!r}; use https, or http on this machine only")
        self._name = name
        self._url = url
        self._target = (where.path or "/") + (f"?{where.query}" if where.query else "")
        self._headers = "Content-Type: application/json\r\nAccept: application/json\r\n"
        if token:
            self._headers += f"Authorization: Bearer {token}\r\n"
        self._connections = HttpConnections(f"{where.scheme}://{where.netloc}", timeout_seconds)

    def perform(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The other system's answer.

        Raises:
            RemoteRefusedError: or a class of it that is named as the problem says.
            RemoteUnavailableError: nobody knows; asking again is safe, as the step has its effect once.
        """
        target = self._target.replace("{order_id}", quote(str(event.get("order_id", "")), safe=""))
        status, body = self._asked(target, msgspec.json.encode(event))
        try:
            document = msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            document = {}
        if status == 200 and document:
            return document
        raise self._refusal(status, document)

    def _asked(self, target: str, body: bytes) -> tuple[int, bytes]:
        try:
            return self._connections.ask("POST", target, self._headers, body)
        except HttpError as error:
            raise RemoteUnavailableError(self._name, self._url, error.reason) from error

    def _refusal(self, status: int, document: Mapping[str, Any]) -> OrderProcessingError:
        detail = str(document.get("detail") or document.get("title") or f"it answered {status}")
        error = document.get("error")
        if isinstance(error, str) and _ERROR_NAME.fullmatch(error):
            return _named(error)(error, detail)
        if 400 <= status < 500:
            return RemoteRefusedError("RemoteRefusedError", detail)
        return RemoteUnavailableError(self._name, self._url, detail)


def remote_operations(environment: Mapping[str, str], steps: Collection[str]) -> Mapping[str, RemoteOperation]:
    """The steps that ``REMOTE_OPERATIONS`` sends elsewhere: ``fraud-scan=https://host/path,...``.

    ``REMOTE_OPERATIONS_TOKEN_FILE`` holds the token for all of them, ``REMOTE_OPERATIONS_TIMEOUT_SECONDS`` bounds a
    call.

    Args:
        steps: names of those that may be sent.

    Raises:
        RemoteSettingsError: an entry is no such pair, names no step, or its address is not allowed.
    """
    text = environment.get("REMOTE_OPERATIONS", "")
    entries = [entry.strip().partition("=") for entry in text.split(",") if entry.strip()]
    if any(not name or not url for name, _, url in entries):
        raise RemoteSettingsError("REMOTE_OPERATIONS is a list of name=https://host/path, separated by commas")
    unknown = [name for name, _, _ in entries if name not in steps]
    if unknown:
        known = ", ".join(sorted(steps))
        raise RemoteSettingsError(f"REMOTE_OPERATIONS names {unknown[0]!r}, which is no step; there are {known}")
    path = environment.get("REMOTE_OPERATIONS_TOKEN_FILE")
    token = Path(path).read_text().strip() if path and entries else ""
    seconds = float(environment.get("REMOTE_OPERATIONS_TIMEOUT_SECONDS") or TIMEOUT_SECONDS)
    return {name: RemoteOperation(name, url, token, seconds) for name, _, url in entries}


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _named(error: str) -> type[RemoteRefusedError]:
    """A class of the error's own name: Lambda reports the name of the class."""
    return type(error, (RemoteRefusedError,), {"__doc__": RemoteRefusedError.__doc__})
