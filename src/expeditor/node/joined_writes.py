"""What uvicorn writes in two pieces, sent in one."""

import asyncio
from typing import Any


class JoinedWrites(asyncio.Transport):
    """Holds a write back until the next one, which follows at once, or until the event loop's next turn.

    uvicorn writes an answer's head and its body apart. Each write that reaches a socket is a system call, and wakes
    whoever waits for the answer.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._held = b""

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        """See asyncio.Transport."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held + data)
        else:
            self._held = bytes(data)
            self._loop.call_soon(self._release)

    def close(self) -> None:
        """See asyncio.Transport."""
        self._release()
        self._transport.close()

    def is_closing(self) -> bool:
        """See asyncio.Transport."""
        return self._transport.is_closing()

    def _release(self) -> None:
        """Sends what is held back, unless the connection has broken off meanwhile."""
        held, self._held = self._held, b""
        if held and not self._transport.is_closing():
            self._transport.write(held)
