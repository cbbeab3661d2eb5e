"""A connection to the node's port: bounded in the size of a head, in its time, and in how long it may be idle."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from expeditor.node.http import HEAD_BYTES_MAX, HEAD_LINES_MAX, HEAD_SECONDS_MAX, BoundedHttpProtocol

pytestmark = pytest.mark.anyio

IDLE_SECONDS = 5.0
REQUEST = b"POST / HTTP/1.1\r\nhost: localhost\r\n"
LARGE = b"x" * HEAD_BYTES_MAX


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
    """Keeps what was answered, and knows whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.is_closed = False
        self.written = b""

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and message of the one answer; the connection is closed after it."""
        assert self.is_closed
        head, _, body = self.written.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)["message"]


async def answer(_scope: object, _receive: object, send: Callable[[dict[str, object]], Any]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
async def protocol(loop: Loop, wire: Wire) -> BoundedHttpProtocol:
    config = uvicorn.Config(answer, lifespan="off", log_config=None, timeout_keep_alive=int(IDLE_SECONDS))
    config.load()
    made = BoundedHttpProtocol(config, ServerState(), {}, loop)
    made.connection_made(wire)
    return made


async def answered(protocol: BoundedHttpProtocol, request: bytes) -> None:
    """Passes *request* on; returns once it is answered."""
    protocol.data_received(request)
    while not protocol.cycle.response_complete:
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(REQUEST + b"x-long: " + LARGE, id="a header without end"),
        pytest.param(b"GET /" + LARGE, id="an address without end"),
        pytest.param(REQUEST + b"x-long: " + LARGE + b"\r\n\r\n", id="whole and too long"),
        pytest.param(REQUEST + b"x-many: 1\r\n" * HEAD_LINES_MAX + b"\r\n", id="too many headers"),
    ],
)
@pytest.mark.parametrize("step", [1_000, 1_000_000])
async def test_head_that_is_too_large_is_refused(
    protocol: BoundedHttpProtocol, wire: Wire, head: bytes, step: int
) -> None:
    for start in range(0, len(head), step):
        if not wire.is_closed:
            protocol.data_received(head[start : start + step])

    status, message = wire.refusal
    assert status == 431
    assert "larger than 65536 bytes or 128 headers" in message


async def test_large_body_is_no_head(protocol: BoundedHttpProtocol, wire: Wire) -> None:
    await answered(protocol, REQUEST + b"content-length: 200000\r\n\r\n")
    protocol.data_received(b"x" * 200_000 + REQUEST[:10])
    await answered(protocol, REQUEST[10:] + b"\r\n")

    assert wire.written.count(b"200 OK") == 2
    assert not wire.is_closed


@pytest.mark.parametrize("earlier", [0, 1])
async def test_head_that_drips_is_refused_when_its_time_is_up(
    protocol: BoundedHttpProtocol, wire: Wire, loop: Loop, earlier: int
) -> None:
    for _ in range(earlier):
        await answered(protocol, REQUEST + b"\r\n")
        wire.written = b""

    for _ in range(12):
        if not wire.is_closed:
            protocol.data_received(b"POST / HTTP/1.1\r\nx-slow: " if not loop.now else b"x")
            loop.spend(HEAD_SECONDS_MAX / 10)

    status, message = wire.refusal
    assert status == 408
    assert "did not arrive within 10 s" in message


async def test_connection_that_asks_nothing_is_closed(wire: Wire, loop: Loop, protocol: BoundedHttpProtocol) -> None:
    loop.spend(HEAD_SECONDS_MAX)

    assert wire.is_closed
    assert wire.written == b""
    assert protocol.cycle is None


async def test_what_is_no_request_is_refused(protocol: BoundedHttpProtocol, wire: Wire) -> None:
    protocol.data_received(b"\x16\x03\x01 hello\r\n\r\n")

    assert wire.refusal == (400, "the request is not HTTP/1.1; check its first line and its headers")


@pytest.mark.parametrize(
    ("request_", "drip"),
    [
        pytest.param(REQUEST + b"\r\n", b"\r\n", id="empty lines"),
        pytest.param(REQUEST + b"content-length: 100\r\n\r\n", b"x", id="a body that is not wanted"),
        pytest.param(REQUEST + b"transfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n", id="chunks that are not wanted"),
    ],
)
async def test_bytes_that_are_no_request_do_not_keep_an_answered_connection(
    protocol: BoundedHttpProtocol, wire: Wire, loop: Loop, request_: bytes, drip: bytes
) -> None:
    await answered(protocol, request_)

    for _ in range(2):
        loop.spend(IDLE_SECONDS / 2)
        protocol.data_received(drip)

    assert wire.is_closed


async def test_a_request_keeps_the_connection(protocol: BoundedHttpProtocol, wire: Wire, loop: Loop) -> None:
    for _ in range(6):
        await answered(protocol, REQUEST + b"\r\n")
        loop.spend(IDLE_SECONDS / 2)

    assert not wire.is_closed


async def test_request_under_way_is_not_cut_off(protocol: BoundedHttpProtocol, wire: Wire, loop: Loop) -> None:
    protocol.data_received(REQUEST + b"content-length: 2\r\n\r\n1")
    loop.spend(HEAD_SECONDS_MAX * 10)

    assert not wire.is_closed
