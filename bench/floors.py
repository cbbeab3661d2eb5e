"""The floors below the engine: the same five handlers with nothing but a socket, or nothing, and a group commit."""

import asyncio
import socket
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Protocol, cast

import apsw
import msgspec

from bench.floor_worker import HEADER
from bench.order_functions.handlers import whole_order
from bench.order_machine import order
from expeditor.store import Database

_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode


class Floor(Protocol):
    """Handles one order durably."""

    async def handle(self, number: int) -> None:
        """Returns when the order's result is on disk."""
        ...


class GroupCommit:
    """Results that arrive while a commit is in flight join the next one, one row each."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[int, bytes, asyncio.Future[None]]] = []
        self._is_busy = False

    def keep(self, number: int, result: bytes) -> asyncio.Future[None]:
        """Resolves when the row is on disk."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((number, result, future))
        if not self._is_busy:
            self._is_busy = True
            asyncio.get_running_loop().call_soon(self._flush)
        return future

    def _flush(self) -> None:
        if not self._waiting:
            self._is_busy = False
            return
        batch, self._waiting = self._waiting, []
        rows = [(number, result) for number, result, _ in batch]

        def run(connection: apsw.Connection) -> None:
            connection.executemany("INSERT INTO results VALUES (?, ?)", rows)

        def done(_: "asyncio.Future[None]") -> None:
            for _, _, future in batch:
                future.set_result(None)
            self._flush()

        self._database.submit(run).add_done_callback(done)


async def open_results(path: Path) -> Database:
    """A database with a table for the floors' results, under the same pragmas as the node's."""
    database = Database.open(path, "expeditor.store.migrations")
    await database.submit(
        lambda c: c.execute("CREATE TABLE results (number INTEGER PRIMARY KEY, result BLOB)") and None
    )
    return database


class InProcess:
    """The handlers are called in the process that commits."""

    def __init__(self, commits: GroupCommit) -> None:
        self._commits = commits

    async def handle(self, number: int) -> None:
        """See Floor."""
        await self._commits.keep(number, _encode(whole_order(_decode(_encode(order(number))))))


class OneWorker(asyncio.BufferedProtocol):
    """The handlers are called in one worker process, as many orders in its socket as there are."""

    def __init__(self, commits: GroupCommit) -> None:
        self._commits = commits
        self._answers: deque[asyncio.Future[bytes]] = deque()
        self._buffer = bytearray(65_536)
        self._received = bytearray()
        self._transport: asyncio.WriteTransport
        self._process: subprocess.Popen[bytes]

    @classmethod
    async def started(cls, commits: GroupCommit) -> "OneWorker":
        """A floor with its worker process."""
        ours, theirs = socket.socketpair()
        floor = cls(commits)
        command = [sys.executable, "-m", "bench.floor_worker", str(theirs.fileno())]
        floor._process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        theirs.close()
        await asyncio.get_running_loop().create_unix_connection(lambda: floor, sock=ours)
        return floor

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = cast("asyncio.WriteTransport", transport)

    async def handle(self, number: int) -> None:
        """See Floor."""
        payload = _encode(order(number))
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        self._transport.write(HEADER.pack(len(payload)) + payload)
        await self._commits.keep(number, await answer)

    def get_buffer(self, _sizehint: int) -> bytearray:
        """Where the loop reads into."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Resolves the answers that are complete."""
        self._received += self._buffer[:nbytes]
        at = 0
        while len(self._received) - at >= HEADER.size:
            (length,) = HEADER.unpack_from(self._received, at)
            if len(self._received) - at - HEADER.size < length:
                break
            at += HEADER.size
            self._answers.popleft().set_result(bytes(self._received[at : at + length]))
            at += length
        del self._received[:at]

    def stop(self) -> None:
        """Ends the worker."""
        self._transport.close()
        self._process.terminate()
        self._process.wait()
