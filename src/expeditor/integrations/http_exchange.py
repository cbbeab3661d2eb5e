"""One HTTP request and its answer, over a connection to an address that was looked up before."""

import contextlib
import http.client
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from expeditor.errors import ExpeditorError
from expeditor.integrations.http_addresses import Origin
from expeditor.payloads import PAYLOAD_BYTES_MAX

CONNECT_SECONDS_MAX = 5
READ_SECONDS_MAX = 60
_CHUNK_BYTES = 65_536


class AbortedError(ExpeditorError):
    """The exchange was broken off: it took too long, or nobody waits for it any more."""


class TooLargeError(ExpeditorError):
    """The answer is larger than a task's result may be."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What is sent; *target* is path and query, as they go on the wire."""

    origin: Origin
    method: str
    target: str
    headers: dict[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What came back; header names in lower case, in the order they came."""

    status: int
    reason: str
    headers: dict[str, list[str]]
    body: bytes


Trust: TypeAlias = Callable[[], ssl.SSLContext]
"""How servers are verified. Asked on the thread that sends, for making a context takes tens of milliseconds."""


class Exchange:
    """Sends requests one after the other and can be broken off from another thread."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._socket: socket.socket | None = None
        self._is_aborted = False

    def abort(self) -> None:
        """Ends a request that is under way with AbortedError, wherever it waits."""
        self._is_aborted = True
        opened = self._socket
        if opened is not None:
            # Not SSLSocket's own shutdown, which takes the connection's state away under the thread that reads.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(opened, socket.SHUT_RDWR)

    def send(self, request: HttpRequest, address: str) -> HttpResponse:
        """Sends one request to *address* and reads the whole answer. Blocks.

        Raises:
            AbortedError, TooLargeError: see there.
            OSError, http.client.HTTPException: there was no answer, or none that is HTTP.
        """
        try:
            with contextlib.closing(self._connected(request.origin, address)) as connection:
                connection.request(request.method, request.target, request.body, request.headers)
                return _read(connection.getresponse())
        except (OSError, http.client.HTTPException) as error:
            if self._is_aborted:
                raise AbortedError("the request was broken off") from error
            raise
        finally:
            self._socket = None

    def _connected(self, origin: Origin, address: str) -> http.client.HTTPConnection:
        opened = socket.create_connection((address, origin.port), timeout=CONNECT_SECONDS_MAX)
        try:
            connection = http.client.HTTPConnection(origin.host, origin.port)
            # A connection that has a socket opens none of its own, so no name is looked up a second time.
            connection.sock = opened = self._secured(opened, origin)
        except BaseException:
            (self._socket or opened).close()
            raise
        return connection

    def _secured(self, opened: socket.socket, origin: Origin) -> socket.socket:
        opened.settimeout(READ_SECONDS_MAX)
        if origin.scheme == "https":
            opened = self._trust().wrap_socket(opened, server_hostname=origin.host, do_handshake_on_connect=False)
        self._socket = opened
        if self._is_aborted:
            raise AbortedError("the request was broken off")
        if isinstance(opened, ssl.SSLSocket):
            opened.do_handshake()
        return opened


def _read(response: http.client.HTTPResponse) -> HttpResponse:
    body = bytearray()
    while chunk := response.read(_CHUNK_BYTES):
        body += chunk
        if len(body) > PAYLOAD_BYTES_MAX:
            raise TooLargeError("the response is larger than a task's result may be")
    headers: dict[str, list[str]] = {}
    for name, value in response.getheaders():
        headers.setdefault(name.lower(), []).append(value)
    return HttpResponse(response.status, response.reason, headers, bytes(body))
