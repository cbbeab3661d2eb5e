"""Head and body of an answer reach the socket as one."""

import asyncio
from typing import Any

import pytest

from expeditor.node.joined_writes import JoinedWrites

pytestmark = pytest.mark.anyio


class Wire(asyncio.Transport):
    """Keeps what is written, each write for itself."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: Any) -> None:
        assert not self.is_closed
        self.written.append(bytes(data))

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
async def joined(wire: Wire) -> JoinedWrites:
    return JoinedWrites(wire, asyncio.get_running_loop())


async def test_two_writes_in_a_row_are_one(joined: JoinedWrites, wire: Wire) -> None:
    joined.write(b"head,")
    joined.write(b"body")

    assert wire.written == [b"head,body"]


async def test_write_that_none_follows_is_sent_with_the_next_turn(joined: JoinedWrites, wire: Wire) -> None:
    joined.write(b"head")
    await asyncio.sleep(0)

    assert wire.written == [b"head"]


async def test_many_writes_keep_their_order(joined: JoinedWrites, wire: Wire) -> None:
    for number in range(5):
        joined.write(b"%d" % number)
    await asyncio.sleep(0)
    joined.write(b"5")
    await asyncio.sleep(0)

    assert b"".join(wire.written) == b"012345"


async def test_what_is_held_back_is_sent_before_the_connection_closes(joined: JoinedWrites, wire: Wire) -> None:
    joined.write(b"last")
    joined.close()
    await asyncio.sleep(0)

    assert wire.written == [b"last"]
    assert joined.is_closing()


async def test_nothing_is_sent_once_the_connection_has_broken_off(joined: JoinedWrites, wire: Wire) -> None:
    joined.write(b"head")
    wire.close()
    await asyncio.sleep(0)

    assert wire.written == []
