"""Logs of invocations: one file per function version, a JSON line per invocation, bounded by rotation."""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from expeditor.clock import Clock
from expeditor.functions.reports import Report

_log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.1
FLUSH_BYTES = 262_144
FILE_BYTES_MAX = 16 * 1024 * 1024


class LogRecord(msgspec.Struct, frozen=True):
    """One invocation's log.

    Attributes:
        at: when the invocation ended, seconds since the epoch.
        request_id: empty for what was printed while the version was loaded.
        text: START line, what was printed, END and REPORT lines, as in Lambda.
    """

    at: float
    version: str
    request_id: str
    failed: bool
    text: str


class _Line(msgspec.Struct, frozen=True, array_like=True):
    """What a file holds of one invocation."""

    at: float
    failed: bool
    report: Report


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Line)


class FunctionLogs:
    """Writes to ``ROOT/FUNCTION/VERSION.log``, some times a second; a full file moves to ``VERSION.log.1``.

    What cannot be written, as on a full disk, is left out and counted: a log never holds an invocation up.
    """

    def __init__(self, root: Path, clock: Clock) -> None:
        self._root = root
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._waiting: defaultdict[tuple[str, str], list[_Line]] = defaultdict(list)
        self._waiting_bytes = 0
        self._left_out = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, function: str, report: Report, *, failed: bool = False) -> None:
        """Adds the log of one invocation; it is in the file a moment later."""
        self._waiting[function, report.version].append(_Line(self._clock.now(), failed, report))
        self._waiting_bytes += len(report.printed)
        if self._waiting_bytes > FLUSH_BYTES:
            self.flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Writes what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting, self._waiting_bytes = self._waiting, defaultdict(list), 0
        for (function, version), lines in waiting.items():
            self._write(self._path(function, version), lines)

    def _write(self, path: Path, lines: list[_Line]) -> None:
        try:
            _append(path, _encoder.encode_lines(lines))
        except OSError as error:
            if not self._left_out:
                _log.warning("logs of functions cannot be written and are left out (%s); make room in %s", error, path)
            self._left_out += len(lines)
        else:
            if self._left_out:
                _log.warning("logs of functions are written again; those of %d invocations are missing", self._left_out)
            self._left_out = 0

    def read(self, function: str, version: str, request_id: str | None, limit: int) -> list[LogRecord]:
        """The last *limit* records of a version, oldest first; with *request_id* only those of that invocation."""
        self.flush()
        path = self._path(function, version)
        last: deque[_Line] = deque(maxlen=limit)
        for each in (_rotated(path), path):
            last.extend(line for line in _lines(each) if request_id in (None, line.report.request_id))
        return [LogRecord(line.at, version, line.report.request_id, line.failed, line.report.text()) for line in last]

    def versions(self, function: str) -> list[str]:
        """Versions of *function* that have a log."""
        self.flush()
        return sorted(path.name.removesuffix(".log") for path in (self._root / function).glob("*.log"))

    def _path(self, function: str, version: str) -> Path:
        return self._root / function / f"{version}.log"


def _rotated(path: Path) -> Path:
    return path.with_name(f"{path.name}.1")


def _append(path: Path, lines: bytes) -> None:
    with _opened(path) as file:
        size = file.tell()
        if size + len(lines) <= FILE_BYTES_MAX or not size:
            file.write(_missing_end(file, size) + lines)
            return
    path.replace(_rotated(path))
    _append(path, lines)


def _missing_end(file: BinaryIO, size: int) -> bytes:
    """What ends a line that a crash or a full disk cut off, so that it does not spoil the next."""
    if not size:
        return b""
    file.seek(size - 1)
    return b"" if file.read(1) == b"\n" else b"\n"


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("a+b")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+b")


def _lines(path: Path) -> Iterator[_Line]:
    """Lines of one file; one that a crash cut off is left out."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                yield _decoder.decode(line)
            except msgspec.MsgspecError:
                continue
