"""How a long-running process of this package listens, and how it ends."""

import asyncio
import contextlib
import ctypes
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_BYTES_MAX = 16 * 1024
HEADER_COUNT_MAX = 64
HEADER_SECONDS_MAX = 10.0
KEEP_ALIVE_SECONDS = 30
UNREAD_SECONDS_MAX = 30.0
"""How long a client may leave unread what was sent: after that the connection is dropped with what waits in it."""
DRAIN_SECONDS = 5
CONNECTIONS_MAX = 4096
FILES_RESERVED = 256
"""Of the files a process may have open, those that are for other things than connections: its data, those it asks."""

_PR_SET_PDEATHSIG = 1
_FILES = resource.RLIMIT_NOFILE

_REASONS = {400: b"Bad Request", 408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


class JoinedWrites(asyncio.Transport):
    """Passes writes on, two in one where the second follows at once: uvicorn writes an answer's head and body apart.

    Each write that reaches a socket costs a system call here and wakes whoever reads there.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held + data)
        else:
            self._held = bytes(data)
            self._loop.call_soon(self._release)

    def close(self) -> None:
        """Closes once everything has left, or after UNREAD_SECONDS_MAX whatever is left."""
        self._release()
        self._transport.close()
        if self._transport.get_write_buffer_size():
            self._loop.call_later(UNREAD_SECONDS_MAX, self._transport.abort)

    def abort(self) -> None:
        self._held = b""
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._transport.set_protocol(protocol)

    def _release(self) -> None:
        """Sends what is held back, unless the connection has broken off meanwhile."""
        held, self._held = self._held, b""
        if held and not self._transport.is_closing():
            self._transport.write(held)


class BoundedHttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose request head is bounded in bytes, in lines and in time, and whose refusals are problem+json.

    uvicorn with httptools bounds none of these: a head without an end would be collected for ever. A head that arrives
    in one piece, as almost all do, costs no timer.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._in_head = True
        self._refusal = (400, "the request is not HTTP/1.1; check the request line and the headers")
        self._head_timer: asyncio.TimerHandle | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self.transport = JoinedWrites(self.transport, self.loop)
        self._head_timer = self.loop.call_later(HEADER_SECONDS_MAX, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self._stop_idle_timer()
        self._stop_unread_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client reads slower than is sent; without an end to that it would hold the connection for ever."""
        super().pause_writing()
        self._unread_timer = self.loop.call_later(UNREAD_SECONDS_MAX, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_unread_timer()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        if self._head_bytes > HEADER_BYTES_MAX:
            self._refuse(
                431, f"the request head is larger than {HEADER_BYTES_MAX} bytes; send fewer or shorter headers"
            )
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEADER_SECONDS_MAX, self._head_is_late)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._stop_idle_timer()
        if not self._in_head:
            self._in_head = True
            self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_head_timer()
        self._stop_idle_timer()
        head_bytes = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if head_bytes > HEADER_BYTES_MAX or len(self.headers) > HEADER_COUNT_MAX:
            limits = f"{HEADER_BYTES_MAX} bytes or {HEADER_COUNT_MAX} headers"
            self._refusal = (431, f"the request head is larger than {limits}; send fewer or shorter headers")
            raise httptools.HttpParserError(self._refusal[1])
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Only a request ends the time to be idle; for uvicorn any byte does, so a drip would keep a connection."""
        super().on_response_complete()
        self._stop_idle_timer()
        self._idle_timer, self.timeout_keep_alive_task = self.timeout_keep_alive_task, None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's text; ours says what to do
        self._refuse(*self._refusal)

    def _head_is_late(self) -> None:
        if self._head_bytes == 0:
            self.transport.close()
        elif not self.transport.is_closing():
            self._refuse(408, f"the request head did not arrive within {HEADER_SECONDS_MAX:g} s; send it again")

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _stop_unread_timer(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def _refuse(self, status: int, detail: str) -> None:
        title = _REASONS[status]
        body = b'{"type":"about:blank","title":"%s","status":%d,"detail":"%s"}' % (title, status, detail.encode())
        head = b"HTTP/1.1 %d %s\r\ncontent-type: application/problem+json\r\n" % (status, title)
        self.transport.write(head + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body)
        self.transport.close()


class _Server(uvicorn.Server):
    """uvicorn that ends with exit code 0 on SIGTERM, and says when it listens."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None], stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening
        self._stopping = stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Replaces uvicorn's, which raises the signal again after the drain."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        yield

    def _stop(self) -> None:
        self.should_exit = True
        self._stopping()


def bind(port: int) -> socket.socket:
    """A loopback socket for *port*, 0 for any; raises OSError when it is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


def allowed_connections() -> int:
    """CONNECTIONS_MAX, or fewer where the process may not open so many files; raises that limit as far as it can be.

    Without files left connections are reset unseen, and the process cannot open its own files either.
    """
    wanted = CONNECTIONS_MAX + FILES_RESERVED
    soft, hard = (wanted if each == resource.RLIM_INFINITY else each for each in resource.getrlimit(_FILES))
    if soft < wanted:
        soft = min(wanted, hard)
        resource.setrlimit(_FILES, (soft, resource.getrlimit(_FILES)[1]))
    return max(1, min(CONNECTIONS_MAX, soft - FILES_RESERVED))


async def serve(
    app: Any,
    listener: socket.socket,
    listening: Callable[[], None],
    stopping: Callable[[], None] = lambda: None,
) -> None:
    """Serves the ASGI application *app* until SIGTERM or SIGINT, then lets open requests finish for DRAIN_SECONDS.

    Args:
        listening: called once requests are answered.
        stopping: called when the end begins, to release responses that never end by themselves.
    """
    config = uvicorn.Config(
        app,
        http=BoundedHttpProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=2048,
        limit_concurrency=allowed_connections(),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    server = _Server(config, listening, stopping)
    await server.serve(sockets=[listener])


def end_with_parent() -> None:
    """Asks the kernel to kill this process when the one that started it ends.

    SIGKILL, not SIGTERM: everything here survives it, and a port must be free for the next start at once.

    Raises:
        SystemExit: the parent is gone already.
    """
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit("the process that started this one has ended; nothing was served")
