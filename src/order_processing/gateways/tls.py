"""TLS over a connection, for threads that several invocations share.

A socket that can be read says little: TLS has messages of its own, such as the tickets that servers send first, parts
of an answer, and answers that came together with others. So the library is asked until it no longer wants to wait.
"""

import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from order_processing.waiting import readable, writable

T = TypeVar("T")


class TlsConnection:
    """The encrypted connection to *host* over *connection*, which is its own from now on.

    Args:
        timeout_seconds: for each silence of the server.

    Raises:
        OSError: the server is silent, is not *host*, or does not speak TLS.
    """

    def __init__(self, connection: socket.socket, host: str, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        with connection:  # closed unless the next line takes it over
            self._socket = ssl.create_default_context().wrap_socket(
                connection, server_hostname=host, do_handshake_on_connect=False
            )
        try:
            self._socket.setblocking(False)
            self._until_done(self._socket.do_handshake)
        except BaseException:
            self.close()
            raise

    def sendall(self, content: bytes) -> None:
        """See ``socket``."""
        left = memoryview(content)
        while left:
            left = left[self._sent(left) :]

    def recv(self, bytes_max: int) -> bytes:
        """See ``socket``."""
        return self._until_done(lambda: self._socket.recv(bytes_max))

    def close(self) -> None:
        """Hangs up."""
        self._socket.close()

    def _sent(self, content: memoryview) -> int:
        return self._until_done(lambda: self._socket.send(content))

    def _until_done(self, call: Callable[[], T]) -> T:
        """What *call* gives; gives way whenever it would wait."""
        while True:
            try:
                return call()
            except ssl.SSLWantReadError:
                is_ready = readable(self._socket, self._timeout_seconds)
            except ssl.SSLWantWriteError:
                is_ready = writable(self._socket, self._timeout_seconds)
            if not is_ready:
                raise TimeoutError(f"nothing came within {self._timeout_seconds} s")
