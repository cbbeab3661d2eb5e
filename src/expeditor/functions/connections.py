"""The connection to one worker process: requests out, replies in, and how the process ended."""

import asyncio
import contextlib
import socket
from typing import Protocol

import msgspec

from expeditor.functions.processes import OutputFile, Template, refusing_shortage
from expeditor.functions.sandbox.frames import FrameBuffer, FrameError, Reply

_replies = msgspec.msgpack.Decoder(Reply)


class ConnectionEvents(Protocol):
    """Who uses a connection."""

    def replied(self, reply: Reply) -> None:
        """The process sent *reply*."""
        ...

    def ended(self, status: int, printed: bytes) -> None:
        """The process is gone, nothing more follows; *printed*: what it had printed and not handed over."""
        ...


class Connection:
    """A worker process that *template* forks. Requests may be sent at once: they wait in the socket meanwhile.

    Raises:
        ServiceUnavailableError: it cannot be started.
    """

    def __init__(self, template: Template, events: ConnectionEvents) -> None:
        self._loop = asyncio.get_running_loop()
        self._template = template
        self._events = events
        self._buffer = FrameBuffer()
        self._unsent = bytearray()
        with refusing_shortage(), contextlib.ExitStack() as undo:
            self._output = OutputFile()
            undo.callback(self._output.close)
            self._socket, other = socket.socketpair()
            undo.callback(self._socket.close)
            self._socket.setblocking(False)
            with other:
                self._number = template.fork(other.fileno(), self._output.fileno(), self)
            undo.pop_all()
        self._loop.add_reader(self._socket.fileno(), self._readable)

    def send(self, frame: bytes) -> None:
        """Sends a request; that a process is gone is heard of by ``ended``."""
        if self._unsent:
            self._unsent += frame
            return
        try:
            sent = self._socket.send(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            return
        if sent < len(frame):
            self._unsent += memoryview(frame)[sent:]
            self._loop.add_writer(self._socket.fileno(), self._writable)

    def kill(self) -> None:
        """Kills the process; ``ended`` follows."""
        self._template.kill(self._number)

    def kill_template(self) -> None:
        """Kills the process that forked this one and with it this one; ``ended`` follows."""
        self._template.end()

    def finish(self) -> None:
        """Lets the process end by itself, by closing the connection; it must be idle."""
        self._disconnect()

    def child_exited(self, status: int) -> None:
        """The process ended; ``ended`` is called after what it sent before."""
        while self._receive():
            pass
        self._disconnect()
        printed = self._output.read()
        self._output.close()
        self._events.ended(status, printed)

    def _disconnect(self) -> None:
        descriptor = self._socket.fileno()
        if descriptor >= 0:
            self._loop.remove_reader(descriptor)
            self._loop.remove_writer(descriptor)
            self._socket.close()

    def _readable(self) -> None:
        self._receive()

    def _receive(self) -> bool:
        """Passes on what has arrived; False when there was nothing, or nothing more can come."""
        if self._socket.fileno() < 0:
            return False
        try:
            count = self._socket.recv_into(self._buffer.room())
        except BlockingIOError:
            return False
        except ConnectionError:
            count = 0
        if count and self._pass_on(count):
            return True
        self._disconnect()
        self.kill()
        return False

    def _pass_on(self, count: int) -> bool:
        """False when the process sent what is no frame: nothing of it can be trusted any more."""
        self._buffer.received(count)
        try:
            while (body := self._buffer.take()) is not None:
                self._events.replied(_replies.decode(body))
        except (FrameError, msgspec.MsgspecError):
            return False
        return True

    def _writable(self) -> None:
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            sent = len(self._unsent)
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.remove_writer(self._socket.fileno())
