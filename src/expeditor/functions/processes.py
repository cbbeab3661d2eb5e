"""The node's side of zygote and templates: starting them, giving orders, hearing how children end."""

import asyncio
import contextlib
import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from expeditor.functions import refusals
from expeditor.functions.failures import KILLED
from expeditor.functions.sandbox import frames
from expeditor.functions.sandbox.forking import kill_session
from expeditor.functions.sandbox.frames import OUTPUT_BYTES, End, Exited, Fork, Load, Loaded, NotLoaded, Order

_ENTRY = Path(__file__).parent / "sandbox" / "__main__.py"
_END_SECONDS = 2.0

_reports = msgspec.msgpack.Decoder(Loaded | NotLoaded | Exited)


class ChildWatcher(Protocol):
    """Hears once how a child ended, with the status as ``os.waitpid`` gives it."""

    def child_exited(self, status: int) -> None:
        """The child ended."""
        ...


@contextlib.contextmanager
def refusing_shortage() -> Iterator[None]:
    """Turns what the system lacks for another process, such as descriptors, into a refusal.

    Raises:
        ServiceUnavailableError: the system said no.
    """
    try:
        yield
    except OSError as error:
        raise refusals.ServiceUnavailableError(
            f"No process can be started for the function ({error}); try again later, or raise the node's limits"
        ) from error


class OutputFile:
    """What a process prints: a file in memory that cannot grow, readable also after the process was killed."""

    __slots__ = ("_descriptor",)

    def __init__(self) -> None:
        self._descriptor = os.memfd_create("output", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self._descriptor, OUTPUT_BYTES)
        fcntl.fcntl(self._descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)

    def fileno(self) -> int:
        """Descriptor, to hand to the process."""
        return self._descriptor

    def read(self) -> bytes:
        """What was printed since the process handed its output over last."""
        size = os.lseek(self._descriptor, 0, os.SEEK_CUR)
        return os.pread(self._descriptor, size, 0) if size else b""

    def close(self) -> None:
        """Gives the memory back, once the process is gone as well."""
        os.close(self._descriptor)


class _Control:
    """A packet socket to a process that forks."""

    def __init__(self, received: Callable[[Loaded | NotLoaded | Exited], None], closed: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._received = received
        self._closed = closed
        self._socket, self.other_side = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setblocking(False)
        self._loop.add_reader(self._socket.fileno(), self._readable)

    def send(self, order: Order, descriptors: Iterable[int] = ()) -> None:
        """Sends *order*; when the process is gone, that is heard of by other ways.

        Raises:
            ServiceUnavailableError: the process does not take orders for so long that they pile up.
        """
        try:
            socket.send_fds(self._socket, [frames.packet(order)], list(descriptors))
        except BlockingIOError as error:
            raise refusals.ServiceUnavailableError(
                "The process that forks workers is stuck; try again later"
            ) from error
        except OSError:
            return

    def close(self) -> None:
        """Closes the socket, at which the process ends with all its children."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _readable(self) -> None:
        try:
            message = self._socket.recv(frames.PACKET_BYTES_MAX)
        except BlockingIOError:
            return
        except ConnectionError:
            message = b""
        if message:
            self._received(_reports.decode(message))
        else:
            self.close()
            self._closed()


class Zygote:
    """The process that forks template processes. Started with ``start``; started anew when it was killed.

    *preload* are modules that every template gets without importing them again.
    """

    def __init__(self, preload: Iterable[str]) -> None:
        self._preload = tuple(preload)
        self._process: subprocess.Popen[bytes] | None = None
        self._control: _Control | None = None
        self._watchers: dict[int, ChildWatcher] = {}
        self._children = 0

    def start(self) -> None:
        """Starts the process unless it runs; orders wait in its socket until it is up."""
        if self._control is not None:
            return
        control = _Control(self._received, self._ended)
        with contextlib.ExitStack() as undo, control.other_side as other:
            undo.callback(control.close)
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-B", str(_ENTRY), str(other.fileno())),
                    *self._preload,
                ],
                pass_fds=(other.fileno(),),
                stdin=subprocess.DEVNULL,
                env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
                cwd="/",
                start_new_session=True,
            )
            undo.pop_all()
        self._control = control

    def load(self, load: Callable[[int], Load], descriptors: tuple[int, int], watcher: ChildWatcher) -> int:
        """Forks a template with its control socket and output file; gives the number it goes by.

        Raises:
            ServiceUnavailableError: see ``_Control.send``.
        """
        self.start()
        assert self._control is not None
        self._children += 1
        child = self._children
        self._control.send(load(child), descriptors)
        self._watchers[child] = watcher
        return child

    def end(self, child: int) -> None:
        """Kills a template with its workers; its watcher hears of it."""
        if self._control is not None:
            self._control.send(End(child))

    async def close(self) -> None:
        """Ends the process with all below it."""
        process, control = self._process, self._control
        if process is None or control is None:
            return
        control.close()
        self._forget()
        await asyncio.get_running_loop().run_in_executor(None, _wait, process)

    @property
    def pid(self) -> int | None:
        """Of the running process."""
        return self._process.pid if self._process is not None else None

    def _received(self, report: Loaded | NotLoaded | Exited) -> None:
        assert isinstance(report, Exited)
        watcher = self._watchers.pop(report.child, None)
        if watcher is not None:
            watcher.child_exited(report.status)

    def _ended(self) -> None:
        assert self._process is not None
        asyncio.get_running_loop().run_in_executor(None, _wait, self._process)
        self._forget()

    def _forget(self) -> None:
        watchers = list(self._watchers.values())
        self._process = self._control = None
        self._watchers.clear()
        for watcher in watchers:
            watcher.child_exited(KILLED)


def _wait(process: "subprocess.Popen[bytes]") -> None:
    """Waits until the zygote ended, and kills what is left of it: had it been killed, it could not do so itself."""
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    kill_session(process.pid)


@dataclass(frozen=True, slots=True)
class Program:
    """What a template runs: one function version.

    Attributes:
        max_concurrency: workers that share one process; 1: each has its own.
    """

    artifact: Path
    handler: str
    environment: Mapping[str, str]
    memory_mb: int
    max_concurrency: int = 1


class TemplateEvents(Protocol):
    """Who uses a template."""

    def template_loaded(self, template: "Template", shareable: bool, output: bytes) -> None:
        """It forks workers from now on."""
        ...

    def template_not_loaded(self, template: "Template", error: bytes, output: bytes) -> None:
        """The handler cannot be loaded; the process ends. *error*: JSON text."""
        ...

    def template_exited(self, template: "Template", status: int, output: bytes) -> None:
        """The process ended, with all workers."""
        ...


class Template:
    """A process that has a function version loaded and forks workers.

    Raises:
        ServiceUnavailableError: it cannot be started.
    """

    def __init__(self, zygote: Zygote, program: Program, events: TemplateEvents, *, import_in_worker: bool) -> None:
        self._zygote = zygote
        self._events = events
        self._watchers: dict[int, ChildWatcher] = {}
        self._workers = 0

        def load(child: int) -> Load:
            return Load(
                child,
                str(program.artifact),
                program.handler,
                dict(program.environment),
                program.memory_mb,
                import_in_worker,
                program.max_concurrency,
            )

        with refusing_shortage(), contextlib.ExitStack() as undo:
            self._output = OutputFile()
            undo.callback(self._output.close)
            self._control = _Control(self._received, lambda: None)
            undo.callback(self._control.close)
            with self._control.other_side as other:
                self._child = zygote.load(load, (other.fileno(), self._output.fileno()), self)
            undo.pop_all()

    def fork(self, connection: int, output: int, watcher: ChildWatcher) -> int:
        """Forks a worker on these descriptors; gives the number it goes by.

        Raises:
            ServiceUnavailableError: see ``_Control.send``.
        """
        self._workers += 1
        worker = self._workers
        self._control.send(Fork(worker), (connection, output))
        self._watchers[worker] = watcher
        return worker

    def kill(self, worker: int) -> None:
        """Kills a worker; its watcher hears of it. Asked again, kills also those that share its process."""
        self._control.send(End(worker))

    def end(self) -> None:
        """Kills the process with its workers; ``template_exited`` follows."""
        self._zygote.end(self._child)

    def child_exited(self, status: int) -> None:
        """The process ended: so did its workers."""
        watchers = list(self._watchers.values())
        self._watchers.clear()
        output = self._output.read()
        self._control.close()
        self._output.close()
        self._events.template_exited(self, status, output)
        for watcher in watchers:
            watcher.child_exited(KILLED)

    def _received(self, report: Loaded | NotLoaded | Exited) -> None:
        match report:
            case Loaded():
                self._events.template_loaded(self, report.shareable, report.output)
            case NotLoaded():
                self._events.template_not_loaded(self, report.error, report.output)
            case Exited():
                watcher = self._watchers.pop(report.child, None)
                if watcher is not None:
                    watcher.child_exited(report.status)
