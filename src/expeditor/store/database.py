"""One SQLite file, one writer thread, group commit."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

import apsw

from expeditor.errors import ExpeditorError

T = TypeVar("T")

BUSY_TIMEOUT_MS = 5_000

STATEMENTS_KEPT = 512
"""Compiled statements that a connection keeps, as many as apsw allows; writes of many rows have a form per number."""

CHECKPOINT_PAGES = 4_000
"""Size of the log, 16 MiB, at which it goes into the file: rows that are rewritten meanwhile are copied once."""

PATIENCE_SECONDS = 0.05
"""So long patient work waits for a commit to join; then it gets one of its own."""


_ADVICE: tuple[tuple[type[apsw.Error], str], ...] = (
    (apsw.FullError, "free space on its disk, or set EXPEDITOR_HOME to a directory on another"),
    (apsw.NotADBError, "restore it from a backup, or set EXPEDITOR_HOME to another directory"),
    (apsw.CorruptError, "restore it from a backup, or set EXPEDITOR_HOME to another directory"),
    (apsw.BusyError, "stop the other program that uses it"),
    (apsw.Error, "see that it and its directory can be read and written, and that its disk is sound and has space"),
)


class StoreError(ExpeditorError):
    """The database cannot be used as it stands."""

    @classmethod
    def of(cls, path: Path, error: apsw.Error) -> "StoreError":
        """SQLite's *error* with the file and what to do."""
        advice = next(text for kind, text in _ADVICE if isinstance(error, kind))
        return cls(f"{path} cannot be used ({error}); {advice}")


class CommitUnknownError(ExpeditorError):
    """A commit raised: its rows may or may not be on disk, so whoever waits must re-read before it goes on."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"commit to {path} has an unknown outcome ({reason}); re-read what was written, then retry")
        self.path = path
        self.reason = reason


class _Work(Generic[T]):
    """One piece of writing and the future that waits for it."""

    __slots__ = ("future", "run", "value")

    def __init__(self, run: Callable[[apsw.Connection], T], future: "asyncio.Future[T]") -> None:
        self.run = run
        self.future = future
        self.value: T


class Database:
    """Durable tables behind one writer.

    Work that arrives while a commit is in flight joins the next one; its future resolves only when that commit is on
    disk (WAL, ``synchronous=FULL``). Reads go to a connection of their own, on the caller's thread, and see what is
    committed. All futures belong to the event loop that called ``open``.
    """

    def __init__(self, path: Path, writer: apsw.Connection, reader: apsw.Connection) -> None:
        self.path = path
        self.reader = reader
        self._writer: apsw.Connection | None = writer
        self._loop = asyncio.get_running_loop()
        self._arrived: SimpleQueue[_Work[Any] | None] = SimpleQueue()
        self._patient: SimpleQueue[_Work[Any]] = SimpleQueue()
        self._patience: asyncio.TimerHandle | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._write_until_closed, name=f"writer {path.name}", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, path: Path, migrations: str) -> "Database":
        """Opens or creates the file and brings it up to date.

        Args:
            migrations: package that holds the numbered ``.sql`` files, such as ``expeditor.store.migrations``.

        Raises:
            StoreError: SQLite refuses the file, as on a full disk; a pragma did not take; or the file was written by
                a newer release.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as opened:
            writer = _connect(path)
            opened.callback(writer.close, force=True)
            with _sqlite_refuses(path):
                _migrate(writer, path, migrations)
            reader = _connect(path)
            opened.pop_all()
        return cls(path, writer, reader)

    def submit(self, run: Callable[[apsw.Connection], T], *, patient: bool = False) -> "asyncio.Future[T]":
        """Runs *run* in the next commit; the future gives its result once that is on disk.

        What *run* raises reaches only its own future, and nothing it wrote stays. It may run twice, when another
        piece of the same commit fails, so it must not have effects outside the connection.

        Args:
            patient: nobody is held up by it, so it waits a moment for a commit that takes place anyway.

        Raises (through the future):
            CommitUnknownError: the commit itself raised.
        """
        if self._closing:
            raise StoreError(f"{self.path} is closed; nothing more can be written")
        work = _Work(run, self._loop.create_future())
        if not patient:
            self._arrived.put(work)
            return work.future
        self._patient.put(work)
        if self._patience is None:
            self._patience = self._loop.call_later(PATIENCE_SECONDS, self._lose_patience)
        return work.future

    async def close(self) -> None:
        """Finishes what was submitted and closes the file."""
        self._closing = True
        self._lose_patience()
        await self._loop.run_in_executor(None, self._thread.join)
        self.reader.close()
        if self._writer is not None:
            self._writer.close()

    def _lose_patience(self) -> None:
        """Wakes the writer, which takes the patient work then, or sees that it is to end."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if self._closing or not self._patient.empty():
            self._arrived.put(None)

    def _write_until_closed(self) -> None:
        while not (self._closing and self._arrived.empty() and self._patient.empty()):
            first = self._arrived.get()
            works = [first, *_all_of(self._arrived), *_all_of(self._patient)]
            batch = [work for work in works if work is not None]
            if batch:
                self._commit(batch)

    def _commit(self, batch: list[_Work[Any]]) -> None:
        """Writes *batch* in one transaction; when a piece raises, the others are written without it."""
        failures: list[tuple[_Work[Any], BaseException]] = []
        while batch:
            failed = self._try_commit(batch)
            if failed is None:
                break
            work, error = failed
            if work is None:
                failures.extend((each, error) for each in batch)
                batch = []
            else:
                failures.append((work, error))
                batch = [each for each in batch if each is not work]
        self._report(batch, failures)

    def _try_commit(self, batch: list[_Work[Any]]) -> tuple[_Work[Any] | None, BaseException] | None:
        """None when all of *batch* is on disk, else the piece that failed (None: the commit itself) and why."""
        try:
            connection = self._writer = self._writer or _connect(self.path)
        except Exception as error:  # noqa: BLE001 - the edge of the writer thread: whatever was raised goes to the waiters
            return None, CommitUnknownError(self.path, str(error))
        at: _Work[Any] | None = None
        try:
            connection.execute("BEGIN IMMEDIATE")
            for at in batch:
                at.value = at.run(connection)
            at = None
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - the edge of the writer thread: whatever was raised goes to its waiter
            self._roll_back(connection)
            if at is not None:
                return at, error
            # It may disagree with the file now; the next commit opens another.
            self._drop(connection)
            return None, CommitUnknownError(self.path, str(error))
        return None

    def _roll_back(self, connection: apsw.Connection) -> None:
        """Ends the transaction if there is one still, with the connection where it must be."""
        if connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except apsw.Error:
                self._drop(connection)

    def _drop(self, connection: apsw.Connection) -> None:
        connection.close(True)
        self._writer = None

    def _report(self, done: list[_Work[Any]], failures: list[tuple[_Work[Any], BaseException]]) -> None:
        def resolve() -> None:
            for work in done:
                if not work.future.done():
                    work.future.set_result(work.value)
            for work, error in failures:
                if not work.future.done():
                    work.future.set_exception(error)

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(resolve)


def _all_of(queue: "SimpleQueue[T]") -> Iterator[T]:
    """Empties *queue*, from which nobody else takes."""
    while not queue.empty():
        yield queue.get_nowait()


@contextlib.contextmanager
def _sqlite_refuses(path: Path) -> Iterator[None]:
    """What SQLite raises becomes a sentence about *path*."""
    try:
        yield
    except apsw.Error as error:
        raise StoreError.of(path, error) from error


def _connect(path: Path) -> apsw.Connection:
    with _sqlite_refuses(path):
        connection = apsw.Connection(str(path), statementcachesize=STATEMENTS_KEPT)
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        # Else a query with ORDER BY or LIMIT is compiled anew for the values of each call.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        _pragma(connection, path, "journal_mode", "wal")
        _pragma(connection, path, "synchronous", 2)
        _pragma(connection, path, "wal_autocheckpoint", CHECKPOINT_PAGES)
        _pragma(connection, path, "foreign_keys", 1)
        return connection


def _pragma(connection: apsw.Connection, path: Path, name: str, value: str | int) -> None:
    """Sets a pragma and reads it back: SQLite may say yes and do otherwise."""
    connection.pragma(name, value)
    actual = connection.pragma(name)
    if actual != value:
        raise StoreError(
            f"{path}: PRAGMA {name} is {actual!r} instead of {value!r}; is the file system writable and local?"
        )


def _migrate(connection: apsw.Connection, path: Path, migrations: str) -> None:
    """Runs the numbered files above ``user_version``; each carries its own BEGIN and COMMIT."""
    entries = resources.files(migrations).iterdir()
    files = sorted((entry for entry in entries if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    version = connection.pragma("user_version")
    if version > len(files):
        raise StoreError(
            f"{path} was written by a newer release (schema {version}, this one knows {len(files)}); "
            "upgrade, or use another EXPEDITOR_HOME"
        )
    for file in files[version:]:
        connection.execute(file.read_text())
    if connection.pragma("user_version") != len(files):
        raise StoreError(f"{path}: a migration did not set user_version to {len(files)}; restore it from a backup")
