"""Frames: whatever way the bytes arrive, the same messages come out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expeditor.functions.sandbox.frames import FRAME_BYTES_MAX, FrameBuffer, FrameError, Outcome, Reply, frame


def received(buffer: FrameBuffer, data: bytes) -> list[bytes]:
    """Bodies of the frames that are whole once *data* has arrived."""
    bodies = []
    while data:
        room = buffer.room()
        count = min(len(room), len(data))
        room[:count] = data[:count]
        buffer.received(count)
        data = data[count:]
        while (body := buffer.take()) is not None:
            bodies.append(bytes(body))
    return bodies


def framed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "little") + body


@given(st.lists(st.binary(max_size=200)), st.lists(st.integers(1, 300), min_size=1))
def test_bodies_come_out_however_they_are_cut(bodies: list[bytes], sizes: list[int]) -> None:
    stream = b"".join(map(framed, bodies))
    buffer = FrameBuffer()
    found = []
    position = turn = 0
    while position < len(stream):
        size = sizes[turn % len(sizes)]
        found += received(buffer, stream[position : position + size])
        position += size
        turn += 1

    assert found == bodies


def test_body_larger_than_the_buffer_comes_out_whole_and_small_ones_after_it() -> None:
    large = bytes(range(256)) * 20_000

    assert received(FrameBuffer(), framed(large) + framed(b"a") + framed(b"")) == [large, b"a", b""]


def test_buffer_is_small_again_after_a_large_body() -> None:
    buffer = FrameBuffer()
    received(buffer, framed(b"x" * 1_000_000))
    received(buffer, framed(b"y"))

    assert len(buffer.room()) <= 65_536


def test_length_above_the_limit_is_an_error() -> None:
    with pytest.raises(FrameError):
        received(FrameBuffer(), (FRAME_BYTES_MAX + 1).to_bytes(4, "little"))


def test_frame_is_length_and_msgpack() -> None:
    made = frame(Reply(Outcome.RESULT, b"{}", b"", 20))

    assert int.from_bytes(made[:4], "little") == len(made) - 4
