"""Takes commits from other processes over a Unix socket, on the writer's own thread."""

import logging
import socket
from pathlib import Path

from order_processing.errors import OrderProcessingError
from order_processing.stores.contract import StoreUnavailableError
from order_processing.stores.framing import FrameError, Frames, address_of, frame, refusal_fields, unix_socket
from order_processing.stores.rows import Rows
from order_processing.stores.writer import Writer

RECEIVE_BYTES = 65_536
BACKLOG = 128

_WRITTEN = frame(refusal_fields(None))

log = logging.getLogger(__name__)


class StoreServer:
    """Listens beside the writer; replies come in the order of the requests of a connection."""

    def __init__(self, writer: Writer, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # the writer's lock says that whoever made it is gone
        self._writer = writer
        self._path = path
        self._peers: set[_Peer] = set()
        self._is_full = False
        self._socket = unix_socket()
        with address_of(path) as address:
            self._socket.bind(address)
        path.chmod(0o600)
        self._socket.listen(BACKLOG)
        self._socket.setblocking(False)
        writer.watch(self._socket, self._accept)
        writer.wake()

    def close(self) -> None:
        """Ends all connections, after the writer's thread has ended."""
        for peer in self._peers:
            peer.socket.close()
        self._peers.clear()
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        try:
            accepted, _ = self._socket.accept()
        except BlockingIOError:
            return
        except OSError as error:  # such as too many open files: whoever knocks waits until one is closed
            if not self._is_full:
                log.warning("nobody new can reach %s now: %s", self._path, error)
            self._is_full = True
            self._writer.rest()
            return
        self._is_full = False
        accepted.setblocking(False)
        peer = _Peer(self, self._writer, accepted)
        self._peers.add(peer)
        self._writer.watch(accepted, peer.readable)

    def drop(self, peer: "_Peer") -> None:
        """Ends one connection; what it submitted may still be committed."""
        if peer in self._peers:
            self._peers.remove(peer)
            self._writer.unwatch(peer.socket)
            peer.socket.close()


class _Peer:
    """One connection of another process."""

    def __init__(self, server: StoreServer, writer: Writer, accepted: socket.socket) -> None:
        self.socket = accepted
        self._server = server
        self._writer = writer
        self._frames = Frames(Rows)

    def readable(self) -> None:
        try:
            received = self.socket.recv(RECEIVE_BYTES)
            for rows in self._frames.feed(received):
                self._writer.submit(rows, self.reply)
        except (OSError, FrameError, StoreUnavailableError):
            received = b""
        if not received:
            self._server.drop(self)

    def reply(self, refusal: OrderProcessingError | None) -> None:
        """Sends one outcome; a peer that is gone, or does not read its few bytes, learns it by reading the store."""
        try:
            self.socket.send(_WRITTEN if refusal is None else frame(refusal_fields(refusal)))
        except OSError:
            self._server.drop(self)
