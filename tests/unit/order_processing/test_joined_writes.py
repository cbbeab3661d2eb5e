"""Writes of one answer reach the socket as one."""

import asyncio

import pytest

from order_processing.serving import JoinedWrites

pytestmark = pytest.mark.anyio


class Recording(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: object) -> None:
        assert isinstance(data, bytes | bytearray | memoryview)
        assert not self.is_closed
        self.written.append(bytes(data))

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def get_write_buffer_size(self) -> int:
        return 0


@pytest.fixture
async def wire() -> tuple[JoinedWrites, Recording]:
    recording = Recording()
    return JoinedWrites(recording, asyncio.get_running_loop()), recording


async def test_a_head_and_its_body_are_one_write(wire: tuple[JoinedWrites, Recording]) -> None:
    joined, recording = wire

    joined.write(b"head,")
    joined.write(b"body")

    assert recording.written == [b"head,body"]


async def test_what_nothing_follows_leaves_with_the_turn(wire: tuple[JoinedWrites, Recording]) -> None:
    joined, recording = wire

    joined.write(b"event")
    await asyncio.sleep(0)

    assert recording.written == [b"event"]


async def test_the_order_of_writes_stays_over_many(wire: tuple[JoinedWrites, Recording]) -> None:
    joined, recording = wire

    for part in (b"1", b"2", b"3"):
        joined.write(part)
    await asyncio.sleep(0)
    joined.write(b"4")
    await asyncio.sleep(0)

    assert b"".join(recording.written) == b"1234"


async def test_closing_writes_what_is_held_first(wire: tuple[JoinedWrites, Recording]) -> None:
    joined, recording = wire

    joined.write(b"last")
    joined.close()
    await asyncio.sleep(0)

    assert recording.written == [b"last"]
    assert recording.is_closed


async def test_nothing_is_written_once_the_connection_has_broken_off(wire: tuple[JoinedWrites, Recording]) -> None:
    joined, recording = wire

    joined.write(b"head")
    recording.close()
    await asyncio.sleep(0)

    assert recording.written == []
