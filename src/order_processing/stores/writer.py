"""The one writer of ``orders.db``: a thread that gathers what has arrived and commits it together."""

import contextlib
import fcntl
import logging
import os
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import apsw

from order_processing.domain import SoldOutError
from order_processing.errors import OrderProcessingError
from order_processing.stores.connections import StoreFileError, connect_writer, migrate
from order_processing.stores.contract import CommitUnknownError, ConflictError, StoreUnavailableError
from order_processing.stores.rows import PutDocument, Rows, apply

log = logging.getLogger(__name__)

EXIT_SOFTWARE = 70
"""Source: sysexits.h, an internal software error."""

Done = Callable[[OrderProcessingError | None], None]
"""Told, on the writer's thread, that a transaction is on disk (None) or why it is not."""

Changed = Callable[[Sequence[PutDocument]], None]
"""Told, on the writer's thread, the orders that a commit changed, as they are on disk now."""

COMPANY_MIN = 3
GATHER_SECONDS = 0.00005
GATHER_SECONDS_MAX = 0.001
"""After a commit of COMPANY_MIN transactions or more others are expected, and the next one gathers for so long times
their number: a commit of ten costs little more than one of two, and whoever has company waits for processors anyway."""


REST_SECONDS = 0.01


class Work:
    """One transaction and who waits for it."""

    __slots__ = ("done", "refusal", "rows")

    def __init__(self, rows: Rows, done: Done) -> None:
        self.rows = rows
        self.done = done
        self.refusal: OrderProcessingError | None = None


class Writer:
    """Group commit.

    Transactions that arrive while a commit is in flight join the next one; one that is refused does not hurt the
    others. Sockets of other processes are read by the same thread: a commit asked for over a socket changes threads
    nowhere.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = _only_writer(path)
        self._connection = connect_writer(path)
        migrate(self._connection, path)
        self._waiting: deque[Work] = deque()
        self._listeners: list[Changed] = []
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._closing = False
        self._pause = threading.Event()
        self._is_asleep = False
        self._is_refusing = False
        self.watch(self._wake_out, self._drain_wakes)
        self._thread = threading.Thread(target=self._run, name=f"writer {path.name}", daemon=True)
        self._thread.start()

    def submit(self, rows: Rows, done: Done) -> None:
        """Puts a transaction into the next commit; callable from any thread."""
        if self._closing:
            raise StoreUnavailableError(str(self.path), "it is closed")
        self._waiting.append(Work(rows, done))
        if threading.current_thread() is not self._thread:
            self.wake()

    def listen(self, changed: Changed) -> None:
        """Calls *changed* after each commit, on the writer's thread; it must be short and must not raise."""
        self._listeners.append(changed)

    def watch(self, sock: socket.socket, readable: Callable[[], None]) -> None:
        """Calls *readable* on the writer's thread whenever *sock* has something to read."""
        self._selector.register(sock, selectors.EVENT_READ, readable)

    def unwatch(self, sock: socket.socket) -> None:
        """Stops watching; before the socket is closed."""
        self._selector.unregister(sock)

    def wake(self) -> None:
        """Makes the thread look around if it sleeps: before that it does so by itself. One wake is enough for all."""
        if not self._is_asleep:
            return
        self._is_asleep = False
        with contextlib.suppress(BlockingIOError):  # a full pipe wakes just as well
            self._wake_in.send(b"\0")

    def rest(self) -> None:
        """Holds the thread for a moment, so that what it can do nothing about does not keep it busy."""
        self._pause.wait(REST_SECONDS)

    def close(self) -> None:
        """Writes what was submitted, then lets go of the file."""
        self._closing = True
        self._pause.set()
        self.wake()
        self._thread.join()
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()
        self._connection.close()
        os.close(self._lock)

    def _run(self) -> None:
        try:
            self._gather_and_commit()
        except BaseException:  # a process edge: without its writer the service would only seem to be alive
            log.critical("the writer of %s ended by a fault; so does this process", self.path, exc_info=True)
            os._exit(EXIT_SOFTWARE)

    def _gather_and_commit(self) -> None:
        company = 0
        while True:
            self._look_around()
            if company >= COMPANY_MIN and self._waiting:
                self._pause.wait(min(GATHER_SECONDS_MAX, GATHER_SECONDS * company))
                self._look_around()
            batch = list(self._waiting)
            for _ in batch:
                self._waiting.popleft()
            if batch:
                self._commit(batch)
                company = len(batch)
            elif self._closing:
                return

    def _look_around(self) -> None:
        """Takes in what has arrived; waits for it when there is nothing to do."""
        self._is_asleep = True  # before it is known that nothing waits: what comes after that look wakes
        arrived = self._selector.select(0 if self._waiting or self._closing else None)
        self._is_asleep = False
        for key, _ in arrived:
            key.data()

    def _drain_wakes(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._wake_out.recv(4096):
                pass

    def _commit(self, batch: list[Work]) -> None:
        fault = self._write(batch)
        if fault is None:
            self._tell_listeners(batch)
        for work in batch:
            work.done(work.refusal or fault)

    def _write(self, batch: list[Work]) -> OrderProcessingError | None:
        """None when all of *batch* that was not refused is on disk."""
        connection = self._connection
        committing = False
        try:
            if self._is_refusing or not self._apply_all(batch):
                self._is_refusing = self._apply_each(batch)
            committing = True
            connection.execute("COMMIT")
        except apsw.Error as error:
            for work in batch:
                work.refusal = None
            self._reconnect()
            return CommitUnknownError(str(error)) if committing else StoreUnavailableError(str(self.path), str(error))
        return None

    def _apply_all(self, batch: list[Work]) -> bool:
        """Without savepoints, which cost as much as the writing itself; False: one is refused, and nothing applied."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for work in batch:
                apply(self._connection, work.rows)
        except (ConflictError, SoldOutError):
            self._connection.execute("ROLLBACK")
            return False
        return True

    def _apply_each(self, batch: list[Work]) -> bool:
        """Each in a savepoint of its own; True when one was refused, as the next one may be."""
        self._connection.execute("BEGIN IMMEDIATE")
        for work in batch:
            self._apply(work)
        return any(work.refusal is not None for work in batch)

    def _apply(self, work: Work) -> None:
        connection = self._connection
        connection.execute("SAVEPOINT work")
        try:
            apply(connection, work.rows)
        except (ConflictError, SoldOutError) as refusal:
            work.refusal = refusal
            connection.execute("ROLLBACK TO work")
        connection.execute("RELEASE work")

    def _reconnect(self) -> None:
        """Drops the connection that raised, as it may disagree with the file."""
        self._connection.close(True)
        self._connection = connect_writer(self.path)

    def _tell_listeners(self, batch: list[Work]) -> None:
        kept = (row for work in batch if work.refusal is None for row in work.rows)
        changed = [row for row in kept if isinstance(row, PutDocument)]
        if changed:
            for listener in self._listeners:
                listener(changed)


def _only_writer(path: Path) -> int:
    """Holds a lock beside the file for as long as this process lives.

    Raises:
        StoreFileError: another process writes it.
    """
    lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise StoreFileError(f"{path} has a writer already; stop the other order service first") from error
    return lock
