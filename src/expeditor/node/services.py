"""Long-running processes of the application: started, watched, restarted and ended with the node."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from expeditor.errors import ExpeditorError
from expeditor.node.application import ServiceResource
from expeditor.settings import HOST

READY_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 8.0
PORT_SECONDS_MAX = 2.0
"""How long the service of a node that was killed may take to let go of its port."""
POLL_SECONDS = 0.02
RESTART_SECONDS_FIRST = 0.1
RESTART_SECONDS_MAX = 5.0
STEADY_SECONDS = 10.0


log = logging.getLogger("expeditor.node")


class ServiceError(ExpeditorError):
    """A service of the application did not start."""


class Service:
    """One supervised process; when it dies it is started again, sooner if it had run for a while."""

    def __init__(self, resource: ServiceResource, environment: Mapping[str, str], log: Path) -> None:
        self.resource = resource
        self._environment = {**environment, **resource.environment, resource.port_variable: str(resource.port)}
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self.restarts = 0

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.resource.port}"

    @property
    def pid(self) -> int | None:
        """Its process now, if one runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Starts the process and keeps it running; returns before it is ready.

        Raises:
            ServiceError: somebody else has its port, who might answer in its place.
        """
        await self._wait_for_port()
        await self._spawn()
        self._watcher = asyncio.create_task(self._watch(), name=f"watch {self.resource.name}")

    async def wait_ready(self) -> None:
        """Returns when the health path answers 200.

        Raises:
            ServiceError: not within 30 seconds, or it died first and often; the message shows the end of its log.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + READY_SECONDS_MAX
        while not await _is_healthy(self.resource.port, self.resource.health_path):
            if loop.time() > deadline or self.restarts >= 3:
                raise ServiceError(
                    f"{self.resource.name} did not become ready at {self.url}; its log ends:\n{self.log_tail()}"
                )
            await asyncio.sleep(POLL_SECONDS)

    async def stop(self) -> None:
        """Asks it to end, and makes it end after 8 seconds."""
        if self._watcher is not None:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS_MAX)
        except TimeoutError:
            process.kill()
            await process.wait()

    def log_tail(self, bytes_max: int = 2_000) -> str:
        """The end of what it printed."""
        if not self._log.exists():
            return ""
        with self._log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - bytes_max))
            return file.read().decode(errors="replace")

    async def _wait_for_port(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PORT_SECONDS_MAX
        while (trouble := _port_trouble(self.resource.port)) is not None:
            if loop.time() > deadline:
                raise ServiceError(
                    f"port {self.resource.port} of {self.resource.name} is taken ({trouble}); stop who has it, or, for "
                    "the shop, set SHOP_PORT; other services keep the port that releases of this EXPEDITOR_HOME name"
                )
            await asyncio.sleep(POLL_SECONDS)

    async def _spawn(self) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        command = tuple(sys.executable if word == "python" else word for word in self.resource.command)
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "expeditor.node.guard", *command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**self._environment, "EXPEDITOR_PARENT": str(os.getpid())},
                start_new_session=True,
            )

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        delay = RESTART_SECONDS_FIRST
        while True:
            assert self._process is not None
            started = loop.time()
            await self._process.wait()
            delay = RESTART_SECONDS_FIRST if loop.time() - started > STEADY_SECONDS else delay
            await asyncio.sleep(delay)
            delay = min(delay * 2, RESTART_SECONDS_MAX)
            self.restarts += 1
            try:
                await self._spawn()
            except OSError as error:
                log.warning(
                    "%s cannot be started again (%s); tried once more in %g s", self.resource.name, error, delay
                )


def _port_trouble(port: int) -> str | None:
    """Why nobody can listen on *port* now; None when it is free."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.strerror or str(error)
    return None


async def _is_healthy(port: int, path: str) -> bool:
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n".encode())
        status = await asyncio.wait_for(reader.readline(), 5)
        return b" 200 " in status
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
