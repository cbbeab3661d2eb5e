"""A connection that asks for nothing more, or reads nothing more, is closed, whatever trickles in on it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from order_processing.serving import HEADER_SECONDS_MAX, KEEP_ALIVE_SECONDS, UNREAD_SECONDS_MAX, BoundedHttpProtocol

pytestmark = pytest.mark.anyio

REQUEST = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n"


@dataclass
class Timer:
    """One ``call_later``."""

    due: float
    callback: Callable[..., object]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


@dataclass
class Loop:
    """The running loop, but timers run when the test says so."""

    now: float = 0.0
    timers: list[Timer] = field(default_factory=list)

    def call_later(self, delay: float, callback: Callable[..., object]) -> Timer:
        self.timers.append(Timer(self.now + delay, callback))
        return self.timers[-1]

    def spend(self, seconds: float) -> None:
        self.now += seconds
        for timer in [each for each in self.timers if each.due <= self.now and not each.is_cancelled]:
            timer.cancel()
            timer.callback()

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio.get_running_loop(), name)


class Wire(asyncio.Transport):
    """Knows whether it was closed, and whether without waiting for what is unread."""

    is_closed = False
    is_dropped = False
    unread = 0

    def write(self, data: object) -> None: ...

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = self.is_dropped = True

    def get_write_buffer_size(self) -> int:
        return self.unread

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def answer(_scope: object, _receive: object, send: Callable[[dict[str, object]], Any]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
async def connection(loop: Loop) -> tuple[BoundedHttpProtocol, Wire]:
    config = uvicorn.Config(answer, lifespan="off", log_config=None, timeout_keep_alive=KEEP_ALIVE_SECONDS)
    config.load()
    protocol, wire = BoundedHttpProtocol(config, ServerState(), {}, loop), Wire()
    protocol.connection_made(wire)
    return protocol, wire


async def answered(protocol: BoundedHttpProtocol, request: bytes) -> None:
    """Passes *request* on; returns once it is answered."""
    protocol.data_received(request)
    while not protocol.cycle.response_complete:
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("request_", "drip"),
    [
        pytest.param(REQUEST + b"\r\n", b"\r\n", id="empty lines"),
        pytest.param(REQUEST + b"content-length: 100\r\n\r\n", b"x", id="a body that is not wanted"),
        pytest.param(REQUEST + b"transfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n", id="chunks that are not wanted"),
    ],
)
async def test_bytes_that_are_no_request_do_not_keep_an_answered_connection(
    connection: tuple[BoundedHttpProtocol, Wire], loop: Loop, request_: bytes, drip: bytes
) -> None:
    protocol, wire = connection
    await answered(protocol, request_)

    for _ in range(2):
        loop.spend(KEEP_ALIVE_SECONDS / 2)
        protocol.data_received(drip)

    assert wire.is_closed


async def test_a_request_keeps_the_connection(connection: tuple[BoundedHttpProtocol, Wire], loop: Loop) -> None:
    protocol, wire = connection

    for _ in range(4):
        await answered(protocol, REQUEST + b"\r\n")
        loop.spend(KEEP_ALIVE_SECONDS / 2)

    assert not wire.is_closed


@pytest.mark.parametrize("before", [b"", REQUEST + b"\r\n"], ids=["the first head", "a later head"])
async def test_a_head_that_does_not_end_is_given_up(
    connection: tuple[BoundedHttpProtocol, Wire], loop: Loop, before: bytes
) -> None:
    protocol, wire = connection
    if before:
        await answered(protocol, before)

    protocol.data_received(REQUEST[:20])
    loop.spend(HEADER_SECONDS_MAX / 2)
    protocol.data_received(REQUEST[20:])
    assert not wire.is_closed
    loop.spend(HEADER_SECONDS_MAX / 2)

    assert wire.is_closed


async def test_a_client_that_stops_reading_is_dropped(connection: tuple[BoundedHttpProtocol, Wire], loop: Loop) -> None:
    protocol, wire = connection
    protocol.data_received(REQUEST)
    protocol.pause_writing()

    loop.spend(UNREAD_SECONDS_MAX)

    assert wire.is_dropped


async def test_a_client_that_reads_on_is_kept(connection: tuple[BoundedHttpProtocol, Wire], loop: Loop) -> None:
    protocol, wire = connection

    for _ in range(4):
        await answered(protocol, REQUEST + b"\r\n")
        protocol.pause_writing()
        loop.spend(UNREAD_SECONDS_MAX / 2)
        protocol.resume_writing()

    assert not wire.is_closed


async def test_an_answer_that_is_left_unread_does_not_keep_a_connection_that_is_closed(
    connection: tuple[BoundedHttpProtocol, Wire], loop: Loop
) -> None:
    protocol, wire = connection
    await answered(protocol, REQUEST + b"\r\n")
    wire.unread = 100

    loop.spend(KEEP_ALIVE_SECONDS)
    assert (wire.is_closed, wire.is_dropped) == (True, False)
    loop.spend(UNREAD_SECONDS_MAX)

    assert wire.is_dropped
