"""Messages between node and processes.

Node and worker talk over a stream socket: frames of a 4-byte little-endian length and a msgpack body, one request in
flight. Node and zygote, and node and template, talk over a SOCK_SEQPACKET socket: one packet per message, descriptors
attached by SCM_RIGHTS.
"""

import enum
import struct
from typing import TypeAlias

import msgspec

FRAME_BYTES_MAX = 16 * 1024 * 1024
PACKET_BYTES_MAX = 65_536
OUTPUT_BYTES = 1024 * 1024
"""Room of a process's standard output between two looks at it."""

_HEADER = struct.Struct("<I")
_BUFFER_BYTES = 65_536


class Request(msgspec.Struct, array_like=True, frozen=True):
    """One invocation. *remaining_ms*: until the timeout, counted from receipt; *payload*: JSON text."""

    request_id: str
    payload: bytes
    function_arn: str
    remaining_ms: int
    client_context: bytes | None


class Outcome(enum.IntEnum):
    """What a worker's frame tells."""

    RESULT = 0
    ERROR = 1
    OUT_OF_MEMORY = 2
    OUTPUT = 3


class Reply(msgspec.Struct, array_like=True, frozen=True):
    """What came of a request, or with ``OUTPUT`` only what was printed so far.

    Attributes:
        payload: JSON text.
        waited: the handler gave up the processor to wait for something, rather than only computing.
    """

    outcome: Outcome
    payload: bytes
    output: bytes
    memory_mb: int
    waited: bool = False


class Load(msgspec.Struct, array_like=True, frozen=True, tag=True):
    """To the zygote, with the template's control socket: fork a template process.

    Attributes:
        max_concurrency: workers that share one process; 1: each has its own.
    """

    template: int
    artifact: str
    handler: str
    environment: dict[str, str]
    memory_mb: int
    import_in_worker: bool
    max_concurrency: int = 1


class End(msgspec.Struct, array_like=True, frozen=True, tag=True):
    """To the zygote or a template: kill the child called *child*; nothing happens when it is gone."""

    child: int


class Fork(msgspec.Struct, array_like=True, frozen=True, tag=True):
    """To a template, with the worker's socket and output file: fork a worker process."""

    worker: int


class Loaded(msgspec.Struct, array_like=True, frozen=True, tag=True):
    """From a template. *shareable*: False when the import opened files or threads, which do not survive a fork."""

    shareable: bool
    output: bytes


class NotLoaded(msgspec.Struct, array_like=True, frozen=True, tag=True):
    """From a template that ends now: the handler cannot be loaded. *error*: JSON text."""

    error: bytes
    output: bytes


class Exited(msgspec.Struct, array_like=True, frozen=True, tag=True):
    """From the zygote or a template: a child ended, with the status as ``os.waitpid`` gives it."""

    child: int
    status: int


Order: TypeAlias = Load | End | Fork
Report: TypeAlias = Loaded | NotLoaded | Exited

_encoder = msgspec.msgpack.Encoder()


def packet(message: Order | Report) -> bytes:
    """*message* as one packet."""
    return _encoder.encode(message)


def frame(message: Request | Reply) -> bytes:
    """*message* as one frame."""
    body = _encoder.encode(message)
    return _HEADER.pack(len(body)) + body


class FrameError(Exception):
    """The other side sent what is no frame; nothing that follows can be trusted."""


class FrameBuffer:
    """Collects what arrives until a frame is whole.

    Receive into ``room()``, tell ``received(count)``, then take frames with ``take()`` until it gives None.
    """

    __slots__ = ("_bytes", "_end", "_start", "_view")

    def __init__(self) -> None:
        self._bytes = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._bytes)
        self._start = 0
        self._end = 0

    def room(self) -> memoryview:
        """Where to receive into; never empty."""
        return self._view[self._end :]

    def received(self, count: int) -> None:
        """*count* bytes were put into ``room()``."""
        self._end += count

    def take(self) -> memoryview | None:
        """Body of the next whole frame, valid until the next call of any method; None when more must arrive.

        Raises:
            FrameError: the frame is longer than ``FRAME_BYTES_MAX``.
        """
        available = self._end - self._start
        length = _HEADER.unpack_from(self._bytes, self._start)[0] if available >= _HEADER.size else 0
        if length > FRAME_BYTES_MAX:
            raise FrameError(f"a frame of {length} bytes, more than {FRAME_BYTES_MAX}")
        whole = _HEADER.size + length
        if available < _HEADER.size or available < whole:
            self._make_room(whole)
            return None
        body = self._view[self._start + _HEADER.size : self._start + whole]
        self._start += whole
        return body

    def _make_room(self, needed: int) -> None:
        """Moves the unfinished frame to the front, into a buffer that holds all of it."""
        rest = self._end - self._start
        size = max(_BUFFER_BYTES, needed)
        if self._start == 0 and size <= len(self._bytes):
            return
        if size != len(self._bytes):
            fresh = bytearray(size)
            fresh[:rest] = self._view[self._start : self._end]
            self._bytes, self._view = fresh, memoryview(fresh)
        elif rest:
            self._bytes[:rest] = bytes(self._view[self._start : self._end])
        self._start, self._end = 0, rest
