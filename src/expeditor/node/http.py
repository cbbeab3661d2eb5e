"""HTTP/1.1 at the node's port: how large and how late the head of a request may be, and when a connection is idle."""

import asyncio
import json
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from expeditor.node.joined_writes import JoinedWrites

HEAD_BYTES_MAX = 65_536
HEAD_LINES_MAX = 128
HEAD_SECONDS_MAX = 10.0

_MALFORMED = (400, "the request is not HTTP/1.1; check its first line and its headers")
_LIMITS = f"{HEAD_BYTES_MAX} bytes or {HEAD_LINES_MAX} headers"
_TOO_LARGE = (431, f"the request's head is larger than {_LIMITS}; send less in its address and its headers")
_LATE = (408, f"the request's head did not arrive within {HEAD_SECONDS_MAX:g} s; send it again")
_REASONS = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}


class BoundedHttpProtocol(HttpToolsProtocol):
    """uvicorn's, which alone would collect a head without an end, and for which any byte keeps a connection open.

    A head that arrives in one piece, as almost all do, costs no timer.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = True
        self._head_bytes = 0
        self._refusal = _MALFORMED
        self._head_timer: asyncio.TimerHandle | None = None
        self._idle_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Gives the first head its time, and has answers sent in one piece."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self.transport = JoinedWrites(self.transport, self.loop)
        self._head_timer = self.loop.call_later(HEAD_SECONDS_MAX, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leaves no timer behind."""
        self._stop_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts what belongs to a head that goes on, and gives it its time."""
        was_in_head = self._in_head
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        self._head_bytes += len(data) if was_in_head else 1  # of what came with the end of a body nobody knows how much
        if self._head_bytes > HEAD_BYTES_MAX:
            self._refuse(*_TOO_LARGE)
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS_MAX, self._head_is_late)

    def on_message_begin(self) -> None:
        """A request ends the time to be idle; anything less does not."""
        super().on_message_begin()
        self._stop_timers()
        self._in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """Refuses a head that arrived in one piece but is too large."""
        self._in_head = False
        self._stop_timers()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > HEAD_BYTES_MAX or len(self.headers) > HEAD_LINES_MAX:
            self._refusal = _TOO_LARGE
            raise httptools.HttpParserError(_TOO_LARGE[1])
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Takes uvicorn's timer of an idle connection over, which it would cancel on any byte."""
        super().on_response_complete()
        self._idle_timer, self.timeout_keep_alive_task = self.timeout_keep_alive_task, None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's text; ours says what to do
        """Refuses what the parser did not take."""
        self._refuse(*self._refusal)

    def _head_is_late(self) -> None:
        """Whoever sent nothing expects no answer either."""
        if self._head_bytes == 0:
            self.transport.close()
        elif not self.transport.is_closing():
            self._refuse(*_LATE)

    def _stop_timers(self) -> None:
        for timer in (self._head_timer, self._idle_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._idle_timer = None

    def _refuse(self, status: int, message: str) -> None:
        """Answers with a sentence that AWS's SDKs show, and hangs up: where the next request begins is not known."""
        body = json.dumps({"message": message}).encode()
        head = f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: application/json\r\nconnection: close\r\n"
        self.transport.write(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)
        self.transport.close()
