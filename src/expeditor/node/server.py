"""The node's one port: AWS requests to the API, everything else to the console."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

import uvicorn

from expeditor.api import is_aws_request
from expeditor.node.http import BoundedHttpProtocol
from expeditor.settings import HOST, SettingsError

BACKLOG = 1_024
DRAIN_SECONDS = 3

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


def bind(port: int, variable: str) -> socket.socket:
    """A listening socket on loopback.

    Raises:
        SettingsError: somebody else has the port; *variable* is the setting that chooses another.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise SettingsError(f"port {port} is taken ({error.strerror}); stop who has it, or set {variable}") from error
    listener.listen(BACKLOG)
    return listener


def shared(api: Asgi, console: Asgi) -> Asgi:
    """One application of the two."""

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        await (api if is_aws_request(scope) else console)(scope, receive, send)

    return choose


class Server:
    """uvicorn on a socket that is bound already; signals are the node's business."""

    def __init__(self, application: Asgi, listener: socket.socket) -> None:
        config = uvicorn.Config(
            application,
            loop="none",
            http=BoundedHttpProtocol,
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
        self._server = _QuietServer(config)
        self._listener = listener
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns once requests are answered."""
        self._task = asyncio.create_task(self._server.serve([self._listener]), name="http server")
        while not self._server.started:
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Finishes the requests under way, for a few seconds at most, and closes the port."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task


class _QuietServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals alone."""
        yield
