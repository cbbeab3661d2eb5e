"""Standard output of a template or worker: a file in memory of fixed size, shared with the node.

Everything printed, also by C code and subprocesses, is in the file at once, so nothing is lost when the process is
killed. The position of the file tells how much there is; whoever takes the content sets it back to 0.
"""

import contextlib
import io
import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TextIO

from .frames import OUTPUT_BYTES

_STANDARD_OUTPUT = 1

_TRIES_MAX = 100
"""So often a write is tried whose room another process, such as a child of the handler's, takes meanwhile."""

_of_task: "ContextVar[Output]" = ContextVar("output of the task")

_outputs: "weakref.WeakSet[Output]" = weakref.WeakSet()


class Output:
    """What was printed and not yet taken.

    Attributes:
        streams: what is ``sys.stdout`` and ``sys.stderr``.
    """

    def __init__(self, descriptor: int = _STANDARD_OUTPUT) -> None:
        self.request_id = ""
        self.full: Callable[[bytes], None] = lambda _: None
        self._descriptor = descriptor
        self.streams = (self._stream(), self._stream())
        self._own_stream = self._stream()
        self._renew_lock()
        _outputs.add(self)

    @classmethod
    def install(cls) -> "Output":
        """Makes ``sys.stdout``, ``sys.stderr`` and ``logging`` write to the file behind descriptors 1 and 2."""
        output = cls()
        sys.stdout, sys.stderr = output.streams
        _install_logging(output)
        return output

    @classmethod
    def of_this_task(cls, descriptor: int) -> "Output":
        """Makes what this task prints by ``sys.stdout``, ``sys.stderr`` and ``logging`` go to the file *descriptor*."""
        output = cls(descriptor)
        _of_task.set(output)
        return output

    def take(self) -> bytes:
        """Takes what was printed; empty when the handler has put something else in place of descriptor 1."""
        self.flush()
        with self._lock:
            return self._take_file()

    def flush(self) -> None:
        """Writes what the streams hold, unless the handler has closed them or descriptor 1."""
        for stream in self.streams:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()

    def log(self, text: str) -> None:
        """Prints *text*, whatever the handler has made of ``sys.stdout``."""
        self.flush()
        with contextlib.suppress(OSError):
            self._own_stream.write(text)
            self._own_stream.flush()

    def write(self, piece: memoryview, write: Callable[[memoryview], int | None]) -> int:
        """Has *write* write what fits into an empty file, and gives how much it wrote; others print meanwhile.

        Raises:
            OSError: as *write* does.
        """
        with self._lock:
            for _ in range(_TRIES_MAX - 1):
                self._make_room(len(piece))
                with contextlib.suppress(PermissionError):
                    return write(piece) or 0
            return write(piece) or 0

    def _renew_lock(self) -> None:
        self._lock = threading.RLock()

    def _make_room(self, size: int) -> None:
        """Hands what was printed to ``full`` when *size* more bytes would not fit."""
        try:
            position = os.lseek(self._descriptor, 0, os.SEEK_CUR)
        except OSError:
            return
        if position + size > OUTPUT_BYTES:
            self.full(self._take_file())

    def _take_file(self) -> bytes:
        try:
            size = os.lseek(self._descriptor, 0, os.SEEK_CUR)
            if not size:
                return b""
            content = os.pread(self._descriptor, size, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
        except OSError:
            return b""
        return content

    def _stream(self) -> io.TextIOWrapper:
        buffer: io.BufferedWriter = io.BufferedWriter(_OutputFile(self, self._descriptor), 1)
        return io.TextIOWrapper(buffer, encoding="utf-8", errors="backslashreplace", line_buffering=True)


class _OutputFile(io.FileIO):
    """Writes to *descriptor*, in pieces that fit."""

    def __init__(self, output: Output, descriptor: int) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._output = output

    def write(self, data: Any) -> int:
        return self._output.write(memoryview(data)[:OUTPUT_BYTES], super().write)


class _LogHandler(logging.Handler):
    """Prints records to what ``sys.stdout`` is at the time."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        record.aws_request_id = _of_task.get(self._output).request_id
        sys.stdout.write(self.format(record))


class _TaskStream:
    """Stands for the stream of the task that uses it; code outside tasks, such as other threads, gets the process's."""

    def __init__(self, of_process: TextIO, number: int) -> None:
        self._of_process = of_process
        self._number = number

    def __getattr__(self, name: str) -> Any:
        output = _of_task.get(None)
        return getattr(self._of_process if output is None else output.streams[self._number], name)


def share_streams() -> None:
    """Makes ``sys.stdout`` and ``sys.stderr`` those of each task."""
    shared: list[Any] = [_TaskStream(stream, number) for number, stream in enumerate((sys.stdout, sys.stderr))]
    sys.stdout, sys.stderr = shared


def _renew_locks() -> None:
    """A forked child has none of the threads that may hold a lock."""
    for output in _outputs:
        output._renew_lock()


os.register_at_fork(after_in_child=_renew_locks)


def _install_logging(output: Output) -> None:
    """As Lambda's Python runtime does: level, instant, request id and message, separated by tabs."""
    formatter = logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler = _LogHandler(output)
    handler.setFormatter(formatter)
    logging.getLogger().handlers[:] = [handler]
