"""A template: one function version, loaded and ready to be forked into workers."""

import fcntl
import gc
import importlib
import os
import resource
import socket
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple, NoReturn

import msgspec

from . import worker
from .faults import SandboxError, encode_error, error_object
from .forking import ForkServer, adopt_orphans, die_with_parent, run_to_exit
from .frames import PACKET_BYTES_MAX, End, Exited, Fork, Load, Loaded, NotLoaded
from .handlers import Handler, load_handler
from .hosting import Host, Hosts
from .output import Output
from .usage import OwnProcess

_STANDARD_OUTPUT = 1
_CONNECTION = 3
"""Descriptor of the socket in templates and workers; 0, 1 and 2 are standard input, output and error."""

_OUTPUT_REPORTED_BYTES = 16_384
_ERROR_REPORTED_BYTES = PACKET_BYTES_MAX // 2
_MESSAGE_REPORTED_MAX = 4_096
"""Characters of the message of an error that is too long to be reported whole; each takes 6 bytes at most."""

_NOT_STARTED = 1 << 8
"""Status of a worker that could not be forked, as of a process that exits with 1."""

_MEBIBYTE = 1_048_576

_orders = msgspec.msgpack.Decoder(Fork | End)


class Inherited(NamedTuple):
    """What a forked process starts with: who forked it, its socket, and the file for its output."""

    parent: int
    connection: int
    output: int


def main(load: Load, inherited: Inherited) -> NoReturn:
    """Turns this fork of the zygote into a template."""
    run_to_exit(lambda: _run(load, inherited))


def _run(load: Load, inherited: Inherited) -> None:
    connection = _settle(inherited)
    adopt_orphans()
    _enter(load)
    _Template(load, connection, Output.install()).run()


class _Template:
    def __init__(self, load: Load, control: socket.socket, output: Output) -> None:
        self._load = load
        self._server = ForkServer(control)
        self._output = output
        self._handler: Handler | None = None
        self._hosts = Hosts(self._server, load.max_concurrency, self._become_host) if load.max_concurrency > 1 else None

    def run(self) -> None:
        """Loads the handler, reports, and forks until the node is gone."""
        if self._load.import_in_worker:
            self._server.send(Loaded(True, b""))
        elif not self._import():
            return
        gc.collect()
        gc.freeze()
        self._server.serve(self._received)

    def _import(self) -> bool:
        before = _open_descriptors()
        try:
            self._handler = load_handler(self._load.handler)
        except SandboxError as fault:
            self._server.send(NotLoaded(_reported(fault), self._printed()))
            return False
        shareable = _open_descriptors() == before and threading.active_count() == 1
        self._server.send(Loaded(shareable, self._printed()))
        return True

    def _printed(self) -> bytes:
        return self._output.take()[-_OUTPUT_REPORTED_BYTES:]

    def _received(self, message: bytes, descriptors: list[int]) -> None:
        order = _orders.decode(message)
        if isinstance(order, End):
            (self._hosts or self._server).kill(order.child)
            return
        try:
            self._fork(order.worker, descriptors)
        except OSError as error:  # the system is short of processes; those that there are go on
            os.write(descriptors[1], f"No process can be started for the function ({error})\n".encode())
            self._server.send(Exited(order.worker, _NOT_STARTED))
        for descriptor in descriptors:
            os.close(descriptor)

    def _fork(self, number: int, descriptors: list[int]) -> None:
        """Starts the worker called *number*.

        Raises:
            OSError: the system has no process for it.
        """
        if self._hosts is not None:
            self._hosts.fork(number, descriptors)
            return
        inherited = Inherited(os.getpid(), *descriptors)
        if self._server.fork(number):
            run_to_exit(lambda: self._become_worker(inherited))

    def _become_worker(self, inherited: Inherited) -> None:
        connection = _settle(inherited)
        _limit_memory(self._load.memory_mb)
        worker.run(connection, self._handler, self._load.handler, self._output, OwnProcess(connection))

    def _become_host(self, control: socket.socket) -> NoReturn:
        inherited = Inherited(os.getppid(), control.detach(), _STANDARD_OUTPUT)

        def run() -> None:
            settled = _settle(inherited)
            _limit_memory(self._load.memory_mb)
            Host(settled, self._handler, self._load.handler).run()

        run_to_exit(run)


def _reported(fault: SandboxError) -> bytes:
    """JSON text of *fault* that fits into a packet: of what is too long the message's start and the innermost calls."""
    error = error_object(fault, "")
    if len(encode_error(error)) > _ERROR_REPORTED_BYTES:
        error["errorMessage"] = error["errorMessage"][:_MESSAGE_REPORTED_MAX]
    trace = error["stackTrace"]
    while trace and len(encode_error(error)) > _ERROR_REPORTED_BYTES:
        del trace[: (len(trace) + 1) // 2]
    return encode_error(error)


def _settle(inherited: Inherited) -> socket.socket:
    """Makes this fork a process of its own: its group, its end with its parent, its descriptors 0 to 3 and no other."""
    os.setpgid(0, 0)
    die_with_parent(inherited.parent)
    nothing = os.open(os.devnull, os.O_RDONLY)
    wanted = (nothing, inherited.output, inherited.output, inherited.connection)
    sources = [fcntl.fcntl(each, fcntl.F_DUPFD, len(wanted)) for each in wanted]
    for target, source in enumerate(sources):
        os.dup2(source, target, inheritable=target != _CONNECTION)
    os.closerange(_CONNECTION + 1, os.sysconf("SC_OPEN_MAX"))
    return socket.socket(fileno=_CONNECTION)


def _enter(load: Load) -> None:
    """Gives the process the function's environment, import path and working directory."""
    os.environ.clear()
    os.environ.update(load.environment)
    time.tzset()
    sys.argv = [load.handler]
    sys.path.insert(0, load.artifact)
    importlib.invalidate_caches()
    os.chdir(load.artifact)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_memory(memory_mb: int) -> None:
    """Lets the process have *memory_mb* more than it has now. Source of the size: proc(5), /proc/[pid]/statm."""
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    limit = pages * resource.getpagesize() + memory_mb * _MEBIBYTE
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _open_descriptors() -> list[str]:
    return sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names only, and cheap
