"""Frames on the store's Unix socket: four bytes of length, big-endian, then MessagePack."""

import contextlib
import os
import socket
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from order_processing.domain import SoldOutError
from order_processing.errors import OrderProcessingError
from order_processing.stores.contract import CommitUnknownError, ConflictError, StoreUnavailableError

T = TypeVar("T")

_length = struct.Struct("!I")
HEADER_BYTES = _length.size
FRAME_BYTES_MAX = 8 * 1024 * 1024
ADDRESS_BYTES_MAX = 107
"""What fits into ``sockaddr_un``, without the terminating zero."""

_encoder = msgspec.msgpack.Encoder()

_REFUSALS: Mapping[str, Callable[..., OrderProcessingError]] = {
    "ConflictError": ConflictError,
    "SoldOutError": SoldOutError,
    "CommitUnknownError": CommitUnknownError,
    "StoreUnavailableError": StoreUnavailableError,
}

_FIELDS = {
    "ConflictError": ("write", "key"),
    "SoldOutError": ("unit_id", "asked", "left"),
    "CommitUnknownError": ("reason",),
    "StoreUnavailableError": ("where", "reason"),
}


class FrameError(OrderProcessingError):
    """The other side of the socket does not speak this protocol."""


def frame(value: Any) -> bytes:
    """*value* ready to be sent."""
    body = _encoder.encode(value)
    if len(body) > FRAME_BYTES_MAX:
        raise FrameError(f"a frame may have {FRAME_BYTES_MAX} bytes, this one has {len(body)}; commit less at once")
    return _length.pack(len(body)) + body


class Frames(Generic[T]):
    """Puts what arrives back together.

    Args:
        shape: type of the values, which are checked against it.
    """

    def __init__(self, shape: type[T]) -> None:
        self._buffer = bytearray()
        self._decoder = msgspec.msgpack.Decoder(shape)

    def feed(self, received: bytes) -> Iterator[T]:
        """The values completed by *received*.

        Raises:
            FrameError: longer than allowed, or not of the shape.
        """
        self._buffer += received
        while len(self._buffer) >= HEADER_BYTES:
            (length,) = _length.unpack_from(self._buffer)
            if length > FRAME_BYTES_MAX:
                raise FrameError(f"a frame may have {FRAME_BYTES_MAX} bytes, {length} were announced; close the socket")
            end = HEADER_BYTES + length
            if len(self._buffer) < end:
                return
            body = self._buffer[HEADER_BYTES:end]
            del self._buffer[:end]
            yield self._decoded(body)

    def _decoded(self, body: bytearray) -> T:
        try:
            return self._decoder.decode(body)
        except msgspec.DecodeError as error:
            raise FrameError(f"a frame cannot be read ({error}); are both sides of one release?") from error


def refusal_fields(error: OrderProcessingError | None) -> list[Any]:
    """An outcome as it crosses the socket: empty when all is on disk, else the error's name and attributes."""
    if error is None:
        return []
    name = type(error).__name__
    return [name, *(getattr(error, field) for field in _FIELDS[name])]


def refusal_of(fields: Sequence[Any]) -> OrderProcessingError | None:
    """What ``refusal_fields`` was made from."""
    return _REFUSALS[fields[0]](*fields[1:]) if fields else None


@contextlib.contextmanager
def address_of(path: Path) -> Iterator[str]:
    """A name for *path* that fits into a Unix socket address, valid inside the ``with`` block.

    Raises:
        StoreUnavailableError: the directory is missing, or the path is too long for this system.
    """
    if len(os.fsencode(path)) <= ADDRESS_BYTES_MAX:
        yield str(path)
        return
    if not Path("/proc/self/fd").is_dir():
        raise StoreUnavailableError(str(path), f"a socket's path may have {ADDRESS_BYTES_MAX} bytes here")
    try:
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StoreUnavailableError(str(path), str(error)) from error
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def unix_socket() -> socket.socket:
    """A stream socket for this machine only."""
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
