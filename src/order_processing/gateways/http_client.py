"""HTTP/1.1 in the small: one kept-alive connection, one request at a time, bounded in time and size.

``http.client`` parses every answer's headers as mail, which costs more than all the rest of a payment call.
"""

import socket
from collections import deque
from urllib.parse import urlsplit

import httptools

from order_processing.errors import OrderProcessingError
from order_processing.gateways.tls import TlsConnection
from order_processing.waiting import connect, readable

ANSWER_BYTES_MAX = 65_536
RECEIVE_BYTES = 16_384


class UrlError(OrderProcessingError):
    """This is not the address of an HTTP server."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url!r} is no HTTP address; name one such as http://127.0.0.1:9090")
        self.url = url


class HttpError(OrderProcessingError):
    """The connection broke, or the answer cannot be used: what became of the request is unknown.

    Attributes:
        unused: nothing of an answer arrived on a connection that had served before, as when the server had closed it.
    """

    def __init__(self, url: str, reason: str, *, unused: bool = False) -> None:
        super().__init__(f"{url} gave no usable answer: {reason}")
        self.url = url
        self.reason = reason
        self.unused = unused


class HttpConnection:
    """A connection to one server, opened when first needed and again after an error.

    Args:
        timeout_seconds: for connecting, and for each silence of the server.
    """

    def __init__(self, url: str, timeout_seconds: float) -> None:
        where = urlsplit(url)
        if where.scheme not in ("http", "https") or not where.hostname:
            raise UrlError(url)
        self._url = url
        self._tls = where.scheme == "https"
        self._address = (where.hostname, where.port or (443 if self._tls else 80))
        self._host = where.netloc.rpartition("@")[2]
        self._timeout_seconds = timeout_seconds
        self._socket: socket.socket | TlsConnection | None = None

    def ask(self, method: str, target: str, headers: str = "", body: bytes = b"") -> tuple[int, bytes]:
        """Status and body of the answer.

        Args:
            headers: further header lines, each ended by CR LF.

        Raises:
            HttpError: there is none.
        """
        answer = self.answer(method, target, headers, body)
        return answer.status, bytes(answer.body)

    def answer(self, method: str, target: str, headers: str = "", body: bytes = b"") -> "Answer":
        """Like ``ask``: the whole answer."""
        head = f"{method} {target} HTTP/1.1\r\nHost: {self._host}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        kept = self._socket is not None
        answer = Answer()
        try:
            self._exchange(head.encode("latin-1") + body, answer)
        except (OSError, httptools.HttpParserError) as error:
            self.close()
            unused = kept and not answer.begun and not isinstance(error, TimeoutError)
            raise HttpError(self._url, f"{type(error).__name__} {error}", unused=unused) from error
        if not answer.keep_alive:
            self.close()
        return answer

    def close(self) -> None:
        """Hangs up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, request: bytes, answer: "Answer") -> None:
        if self._socket is None:
            self._socket = self._connect()
        self._socket.sendall(request)
        while not answer.complete:
            received = self._receive(self._socket)
            if not received:
                raise ConnectionError("the server hung up")
            answer.feed(received)

    def _receive(self, connection: socket.socket | TlsConnection) -> bytes:
        """What arrives next; gives way to whoever shares this process until it does."""
        if isinstance(connection, socket.socket) and not readable(connection, self._timeout_seconds):
            raise TimeoutError(f"nothing came within {self._timeout_seconds} s")
        return connection.recv(RECEIVE_BYTES)

    def _connect(self) -> socket.socket | TlsConnection:
        connected = connect(self._address, self._timeout_seconds)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return TlsConnection(connected, self._address[0], self._timeout_seconds) if self._tls else connected


class HttpConnections:
    """Connections to one server, as many as there are callers at a time.

    For requests that may be made twice: one is made again, once, when a kept-alive connection turns out to be closed.

    Args:
        timeout_seconds: see ``HttpConnection``.
    """

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self.url = url
        self._timeout_seconds = timeout_seconds
        self._idle: deque[HttpConnection] = deque()

    def ask(self, method: str, target: str, headers: str = "", body: bytes = b"") -> tuple[int, bytes]:
        """See ``HttpConnection``."""
        answer = self.answer(method, target, headers, body)
        return answer.status, bytes(answer.body)

    def answer(self, method: str, target: str, headers: str = "", body: bytes = b"") -> "Answer":
        """See ``HttpConnection``."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._new()
        try:
            return connection.answer(method, target, headers, body)
        except HttpError as error:
            if not error.unused:
                raise
            return connection.answer(method, target, headers, body)
        finally:
            self._idle.append(connection)

    def close(self) -> None:
        """Hangs up."""
        while self._idle:
            self._idle.pop().close()

    def _new(self) -> HttpConnection:
        return HttpConnection(self.url, self._timeout_seconds)


class Answer:
    """One answer while it arrives; httptools calls the methods named ``on_...``.

    Attributes:
        fields: header names, in small letters, and values.
    """

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.begun = False
        self.complete = False
        self.keep_alive = False
        self.status = 0
        self.fields: dict[str, str] = {}
        self.body = bytearray()

    def feed(self, received: bytes) -> None:
        self.begun = True
        self._parser.feed_data(received)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, part: bytes) -> None:
        self.body += part
        if len(self.body) > ANSWER_BYTES_MAX:
            raise ConnectionError(f"the answer is longer than {ANSWER_BYTES_MAX} bytes")

    def on_message_complete(self) -> None:
        self.complete = True
        self.status = self._parser.get_status_code()
        self.keep_alive = self._parser.should_keep_alive()
