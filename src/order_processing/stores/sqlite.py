"""``OrderStore`` over one SQLite file: in the process that writes it, and in the others."""

import socket
import struct
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from order_processing.clock import Clock
from order_processing.errors import OrderProcessingError
from order_processing.stores.contract import CommitUnknownError, StoreUnavailableError, Transaction
from order_processing.stores.framing import FrameError, Frames, address_of, frame, refusal_of, unix_socket
from order_processing.stores.reads import SqliteReads
from order_processing.stores.rows import rows_of
from order_processing.stores.server import RECEIVE_BYTES, StoreServer
from order_processing.stores.writer import Changed, Writer
from order_processing.waiting import readable

CONNECT_DELAYS_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.5, 0.9)
"""Two seconds in all: longer outages are the business of whoever retries the function."""

REPLY_TIMEOUT_SECONDS = 20


class SqliteOrderStore(SqliteReads):
    """The store in the process that owns the writer."""

    def __init__(self, path: Path) -> None:
        self._writer = Writer(path)
        self._server: StoreServer | None = None
        super().__init__(path)

    def commit(self, transaction: Transaction) -> "Future[None]":
        """Joins the next commit."""
        future = _pending()
        self._writer.submit(rows_of(transaction), lambda refusal: _settle(future, refusal))
        return future

    def listen(self, changed: Changed) -> None:
        """Calls *changed* with the orders that each commit changed, on the writer's thread."""
        self._writer.listen(changed)

    def serve(self, socket_path: Path) -> None:
        """Takes commits of other processes from now on, until ``close``."""
        assert self._server is None
        self._server = StoreServer(self._writer, socket_path)

    def close(self) -> None:
        """Writes what was submitted, then lets go of file and socket."""
        self._writer.close()
        if self._server is not None:
            self._server.close()
        super().close()


class SocketOrderStore(SqliteReads):
    """The store in every other process: reads the file itself, sends its commits to the writer.

    A commit waits for its answer on a connection of its own, so the futures are resolved when they are handed out.
    """

    def __init__(self, path: Path, socket_path: Path, clock: Clock) -> None:
        super().__init__(path)
        self._socket_path = socket_path
        self._clock = clock
        self._idle: deque[_Link] = deque()

    def commit(self, transaction: Transaction) -> "Future[None]":
        """Sends the transaction and waits until the writer has it on disk or has refused it."""
        try:
            refusal = self._ask(frame(rows_of(transaction)))
        except OrderProcessingError as error:
            refusal = error
        return _WRITTEN if refusal is None else _settled(refusal)

    def close(self) -> None:
        """Lets go of the file and of the idle connections; none may be in use."""
        while self._idle:
            self._idle.pop().close()
        super().close()

    def _ask(self, request: bytes) -> OrderProcessingError | None:
        link = self._sent(request)
        try:
            answer = link.receive()
        except CommitUnknownError:
            link.close()
            raise
        self._idle.append(link)
        return answer

    def _sent(self, request: bytes) -> "_Link":
        """A connection that has taken the request whole; those that a restart of the writer cut take nothing."""
        while self._idle:
            link = self._idle.pop()
            if link.send(request):
                return link
            link.close()
        link = self._connect()
        if link.send(request):
            return link
        link.close()
        raise StoreUnavailableError(str(self._socket_path), "the writer hung up")

    def _connect(self) -> "_Link":
        for delay in CONNECT_DELAYS_SECONDS:
            try:
                return _Link(self._socket_path)
            except OSError:
                self._clock.sleep(delay)
        try:
            return _Link(self._socket_path)
        except OSError as error:
            raise StoreUnavailableError(str(self._socket_path), str(error)) from error


class _Link:
    """One connection to the writer, one request at a time."""

    def __init__(self, path: Path) -> None:
        self._socket = unix_socket()
        self._frames = Frames(list[Any])
        try:
            # A writer that takes no more connections refuses at once, and holds up nobody who shares this process.
            self._socket.setblocking(False)
            with address_of(path) as address:
                self._socket.connect(address)
            self._socket.setblocking(True)
        except BaseException:
            self._socket.close()
            raise
        # A timeout of the kernel, as Python's own costs a poll before each call.
        timeout = struct.pack("@ll", REPLY_TIMEOUT_SECONDS, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)

    def send(self, request: bytes) -> bool:
        """False when the other side has hung up: a request that did not arrive whole is never carried out."""
        try:
            self._socket.sendall(request)
        except OSError:
            return False
        return True

    def receive(self) -> OrderProcessingError | None:
        """What the writer answered.

        Raises:
            CommitUnknownError: nothing came.
        """
        try:
            while True:
                # A receive that sleeps is also woken when the writer takes the request, for nothing; a poll is not.
                if not readable(self._socket, REPLY_TIMEOUT_SECONDS):
                    raise CommitUnknownError(f"no answer within {REPLY_TIMEOUT_SECONDS} s")
                received = self._socket.recv(RECEIVE_BYTES)
                if not received:
                    raise CommitUnknownError("the writer hung up")
                for fields in self._frames.feed(received):
                    return refusal_of(fields)
        except (OSError, FrameError) as error:
            raise CommitUnknownError(str(error)) from error

    def close(self) -> None:
        self._socket.close()


def _pending() -> "Future[None]":
    """A future that cannot be cancelled, as a commit under way cannot: whoever waits may go, the outcome comes."""
    future: Future[None] = Future()
    future.set_running_or_notify_cancel()
    return future


def _settle(future: "Future[None]", refusal: OrderProcessingError | None) -> None:
    if refusal is None:
        future.set_result(None)
    else:
        future.set_exception(refusal)


def _settled(refusal: OrderProcessingError | None) -> "Future[None]":
    future = _pending()
    _settle(future, refusal)
    return future


_WRITTEN = _settled(None)
"""Of every commit that is on disk already; making one takes as long as reading an order."""
