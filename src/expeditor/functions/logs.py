"""Logs of invocations: one file per function version, a JSON line per invocation, bounded by rotation."""

import asyncio
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import msgspec

from expeditor.clock import Clock

FLUSH_SECONDS = 0.05
FLUSH_BYTES = 262_144
FILE_BYTES_MAX = 16 * 1024 * 1024
TAIL_BYTES = 4096


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


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(LogRecord)


class FunctionLogs:
    """Writes to ``ROOT/FUNCTION/VERSION.log``, some times a second; a full file moves to ``VERSION.log.1``."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self._root = root
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[tuple[str, str], bytearray] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, function: str, version: str, request_id: str, text: bytes, *, failed: bool = False) -> None:
        """Adds what one invocation wrote; it is in the file a moment later."""
        record = LogRecord(self._clock.now(), version, request_id, failed, text.decode(errors="replace"))
        waiting = self._waiting.setdefault((function, version), bytearray())
        waiting += _encoder.encode(record)
        waiting += b"\n"
        if len(waiting) > FLUSH_BYTES:
            self.flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Writes what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, {}
        for (function, version), lines in waiting.items():
            _append(self._path(function, version), lines)

    def read(self, function: str, version: str, request_id: str | None, limit: int) -> list[LogRecord]:
        """The last *limit* records of a version, oldest first; with *request_id* only those of that invocation."""
        self.flush()
        path = self._path(function, version)
        last: deque[LogRecord] = deque(maxlen=limit)
        for each in (_rotated(path), path):
            last.extend(record for record in _records(each) if request_id in (None, record.request_id))
        return list(last)

    def versions(self, function: str) -> list[str]:
        """Versions of *function* that have a log."""
        self.flush()
        return sorted(path.name.removesuffix(".log") for path in (self._root / function).glob("*.log"))

    def _path(self, function: str, version: str) -> Path:
        return self._root / function / f"{version}.log"


def _rotated(path: Path) -> Path:
    return path.with_name(f"{path.name}.1")


def _append(path: Path, lines: bytearray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size + len(lines) > FILE_BYTES_MAX:
        path.replace(_rotated(path))
    with path.open("ab") as file:
        file.write(lines)


def _records(path: Path) -> Iterator[LogRecord]:
    """Records of one file; a line that a crash cut off is left out."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                yield _decoder.decode(line)
            except msgspec.MsgspecError:
                continue
