"""A process that forks children on request: what zygote and template have in common. Linux."""

import contextlib
import ctypes
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

from .frames import PACKET_BYTES_MAX, Exited, Report, packet

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_DESCRIPTORS_MAX = 2

Received = Callable[[bytes, list[int]], None]
"""Takes a packet and the descriptors that came with it."""


class _Child(NamedTuple):
    number: int
    ended: Callable[[int], None]


class ForkServer:
    """Forks children, reports how each ended, and ends with the other side of *control*.

    Args:
        kills_orphans: whether a child's end is the end of all below it; each child must adopt its orphans then.
    """

    def __init__(self, control: socket.socket, *, kills_orphans: bool = False) -> None:
        self._control = control
        self._kills_orphans = kills_orphans
        self._children: dict[int, _Child] = {}
        self._poll = select.poll()
        self._readers: dict[int, Callable[[], None]] = {}
        self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._ending = False

    def serve(self, received: Received) -> None:
        """Answers packets until the other side closes or SIGTERM arrives.

        Signals are its own from here on, whatever a module that was imported before has made of them.
        """
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self._end())
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        self.watch(self._control, lambda: self._receive(received))
        self._poll.register(self._woken, select.POLLIN)
        while not self._ending:
            ready = {descriptor for descriptor, _ in self._poll.poll()}
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._reap()
                if self._kills_orphans:
                    _kill(_descendants(os.getpid(), spared=self._children))
            for descriptor in ready:
                if (read := self._readers.get(descriptor)) is not None:
                    read()

    def watch(self, readable: socket.socket, received: Callable[[], None]) -> None:
        """Calls *received* whenever *readable* can be read."""
        self._readers[readable.fileno()] = received
        self._poll.register(readable, select.POLLIN)

    def unwatch(self, readable: socket.socket) -> None:
        """Stops watching, before the socket is closed; it need not be watched."""
        if self._readers.pop(readable.fileno(), None) is not None:
            self._poll.unregister(readable)

    def send(self, report: Report) -> None:
        """Sends *report*; silent when the other side is gone, as then ``serve`` ends."""
        try:
            self._control.send(packet(report))
        except OSError:
            self._ending = True

    def fork(self, child: int, ended: Callable[[int], None] | None = None) -> bool:
        """Forks the child that is to be called *child*; True in the child, which has left the server's role.

        Args:
            ended: called with the status when the child has ended; None: that is reported.
        """
        pid = os.fork()
        if pid:
            self._children[pid] = _Child(child, ended or (lambda status: self.send(Exited(child, status))))
            return False
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        return True

    def kill(self, child: int) -> None:
        """Kills the child called *child*, unless it is gone; its process group follows when it is reaped."""
        for pid, each in self._children.items():
            if each.number == child:
                os.kill(pid, signal.SIGKILL)

    def _end(self) -> None:
        self._ending = True

    def _receive(self, received: Received) -> None:
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, PACKET_BYTES_MAX, _DESCRIPTORS_MAX)
        except ConnectionError:
            message, descriptors = b"", []
        if message:
            received(message, descriptors)
        else:
            self._ending = True

    def _reap(self) -> None:
        """Reports the children that ended; what such a child started itself and left running is killed."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            kill_group(ended.si_pid)
            _, status = os.waitpid(ended.si_pid, 0)
            child = self._children.pop(ended.si_pid, None)
            if child is not None:
                child.ended(status)


def die_with_parent(parent: int) -> None:
    """Makes the kernel kill this process when *parent* ends; ends at once when it has ended already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def end_with_parent() -> None:
    """Like ``die_with_parent`` with SIGTERM, so that the children can be ended first."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def run_to_exit(run: Callable[[], None]) -> NoReturn:
    """Runs *run* as all that is left of this process, and ends it with the status Python would give."""
    status = 1
    try:
        run()
        status = 0
    except SystemExit as ending:
        status = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
        print(last_words(ending), end="", file=sys.stderr, flush=True)
    except BaseException:  # noqa: BLE001 - the edge of the process: what ends it is printed to its log
        traceback.print_exc()
    finally:
        os._exit(status & 0xFF)


def last_words(ending: SystemExit) -> str:
    """What Python prints at the end of a program that ends itself with a reason, as by ``sys.exit("no stock")``."""
    return "" if ending.code is None or isinstance(ending.code, int) else f"{ending.code}\n"


def adopt_orphans() -> None:
    """Makes descendants whose parent ends children of this process, so that none can leave its tree."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def kill_group(leader: int) -> None:
    """Kills the process group of *leader*; silent when there is none."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def kill_descendants() -> None:
    """Kills all processes below this one; returns when none is left."""
    while True:
        _kill(_descendants(os.getpid()))
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def kill_session(session: int) -> None:
    """Kills all processes of a session, as far as they are left."""
    _kill(process.pid for process in _processes() if process.session == session)


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class _Process(NamedTuple):
    pid: int
    parent: int
    session: int


def _descendants(root: int, spared: Collection[int] = ()) -> list[int]:
    """Processes below *root*, without those of its children that are *spared* and all below them."""
    children: dict[int, list[int]] = {}
    for process in _processes():
        children.setdefault(process.parent, []).append(process.pid)
    found = [pid for pid in children.get(root, []) if pid not in spared]
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def _processes() -> Iterator[_Process]:
    """All processes. Source: proc(5), /proc/[pid]/stat."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_bytes()
        except OSError:
            continue
        _, parent, _, session = stat.rpartition(b")")[2].split()[:4]
        yield _Process(int(entry.name), int(parent), int(session))


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
