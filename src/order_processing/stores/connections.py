"""Connections to ``orders.db``: pragmas that are read back, migrations, and one reader per thread."""

import threading
from importlib import resources
from pathlib import Path

import apsw

from order_processing.errors import OrderProcessingError
from order_processing.stores.contract import StoreUnavailableError

BUSY_TIMEOUT_MS = 5_000

CHECKPOINT_PAGES = 4_000
"""Size of the log, 16 MiB, at which it goes into the file. An order is rewritten ten times within a second: with the
1,000 pages that SQLite waits for most versions were copied, now mostly the last."""

MIGRATIONS = "order_processing.stores.migrations"


class StoreFileError(OrderProcessingError):
    """The file cannot be used as it stands."""


def connect_writer(path: Path) -> apsw.Connection:
    """Opens or creates the file for its one writer: WAL, every commit fsynced before it returns.

    Raises:
        StoreFileError: a pragma did not take.
    """
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
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
        raise StoreFileError(
            f"{path}: PRAGMA {name} is {actual!r} instead of {value!r}; is the file system writable and local?"
        )


def migrate(connection: apsw.Connection, path: Path) -> None:
    """Runs the numbered files above ``user_version``; each carries its own BEGIN and COMMIT.

    Raises:
        StoreFileError: a newer release wrote the file, or a migration did not finish.
    """
    entries = resources.files(MIGRATIONS).iterdir()
    files = sorted((entry for entry in entries if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    version = connection.pragma("user_version")
    if version > len(files):
        raise StoreFileError(
            f"{path} was written by a newer release (schema {version}, this one knows {len(files)}); "
            "upgrade, or use another EXPEDITOR_HOME"
        )
    for file in files[version:]:
        connection.execute(file.read_text())
    if connection.pragma("user_version") != len(files):
        raise StoreFileError(f"{path}: a migration did not set user_version to {len(files)}; restore it from a backup")


class Readers:
    """One connection per thread that reads what is committed and cannot write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._of_thread = threading.local()
        self._all: list[apsw.Connection] = []

    def get(self) -> apsw.Connection:
        """This thread's connection.

        Raises:
            StoreUnavailableError: there is no such file yet.
        """
        connection: apsw.Connection | None = getattr(self._of_thread, "connection", None)
        if connection is None:
            connection = self._open()
            self._of_thread.connection = connection
            self._all.append(connection)
        return connection

    def close(self) -> None:
        """Closes the connections of all threads; none may be reading."""
        while self._all:
            self._all.pop().close()
        self._of_thread = threading.local()

    def _open(self) -> apsw.Connection:
        try:
            # Not SQLITE_OPEN_READONLY: a reader of a WAL file must be able to create its shared memory.
            connection = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READWRITE)
        except apsw.CantOpenError as error:
            raise StoreUnavailableError(str(self.path), str(error)) from error
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        connection.pragma("query_only", 1)
        # Else a query with ORDER BY or LIMIT is compiled anew for the values of each call.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        return connection
