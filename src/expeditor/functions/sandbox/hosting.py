"""Hosts: processes that run several workers of one function version each, and the template's side of them."""

import contextlib
import os
import signal
import socket
import traceback
from collections.abc import Callable, Iterator
from typing import NoReturn

import msgspec

from . import worker
from .forking import ForkServer, last_words
from .frames import PACKET_BYTES_MAX, End, Exited, Fork, packet
from .handlers import Handler
from .hub import Hub, Task
from .output import Output, share_streams
from .usage import OWN_PAUSES, Usage

_DESCRIPTORS = 2

_orders = msgspec.msgpack.Decoder(Fork | End)
_exits = msgspec.msgpack.Decoder(Exited)


class _Place:
    """A host as its template sees it.

    Attributes:
        free: workers that it takes in addition; one that was frozen keeps its place until the host ends.
        dying: workers that were to be killed.
    """

    def __init__(self, number: int, control: socket.socket, free: int) -> None:
        self.number = number
        self.control = control
        self.free = free
        self.workers: set[int] = set()
        self.dying: set[int] = set()


class Hosts:
    """The hosts of a template: a worker is put into the first that has room, or into a new one.

    Args:
        workers_max: of one host.
        become_host: makes a forked child a host on its control socket.
    """

    def __init__(self, server: ForkServer, workers_max: int, become_host: Callable[[socket.socket], NoReturn]) -> None:
        self._server = server
        self._workers_max = workers_max
        self._become_host = become_host
        self._places: list[_Place] = []
        self._started = 0

    def fork(self, number: int, descriptors: list[int]) -> None:
        """Starts the worker called *number* on its socket and output file."""
        place = next((place for place in self._places if place.free), None) or self._new_place()
        place.free -= 1
        place.workers.add(number)
        try:
            socket.send_fds(place.control, [packet(Fork(number))], descriptors)
        except OSError:  # it has ended, or has not listened for as long as it takes to fill the socket
            self._server.kill(place.number)

    def kill(self, number: int) -> None:
        """Has the worker called *number* never go on; asked again, kills its host, which did not even hear this."""
        for place in self._places:
            if number in place.dying:
                self._server.kill(place.number)
            elif number in place.workers:
                place.dying.add(number)
                with contextlib.suppress(OSError):
                    place.control.send(packet(End(number)))

    def _new_place(self) -> _Place:
        self._started += 1
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        place = _Place(-self._started, ours, self._workers_max)
        with theirs:
            if self._server.fork(place.number, lambda status: self._ended(place, status)):
                self._become_host(theirs)
        ours.setblocking(False)
        self._server.watch(ours, lambda: self._heard(place))
        self._places.append(place)
        return place

    def _heard(self, place: _Place) -> None:
        """A worker ended by itself, or was frozen; the host of the last one ends."""
        try:
            message = place.control.recv(PACKET_BYTES_MAX)
        except BlockingIOError:
            return  # what could be read was another socket, which had this descriptor a moment ago
        except OSError:
            message = b""
        if not message:
            self._server.unwatch(place.control)
            self._server.kill(place.number)  # it has ended, or a handler has closed its side: it would hear nothing
            return
        exited = _exits.decode(message)
        place.workers.discard(exited.child)
        place.dying.discard(exited.child)
        place.free += exited.status == 0
        self._server.send(exited)
        if not place.workers:
            self._forget(place)

    def _ended(self, place: _Place, status: int) -> None:
        """The process ended, and with it all its workers."""
        if place in self._places:
            self._forget(place)
        for number in place.workers:
            self._server.send(Exited(number, status))

    def _forget(self, place: _Place) -> None:
        """Closes the control socket, at which a host ends."""
        self._places.remove(place)
        self._server.unwatch(place.control)
        place.control.close()


class _SharedProcess:
    """A process with other workers, which go on while one waits."""

    def __init__(self, task: Task, connection: int, usage: Usage) -> None:
        self._task = task
        self._connection = connection
        self._usage = usage
        self._pauses_before = 0

    def wait(self) -> None:
        """See ``Process``."""
        self._task.until_readable(self._connection)

    def waited(self) -> bool:
        """See ``Process``."""
        pauses, before = self._task.pauses, self._pauses_before
        self._pauses_before = pauses
        return pauses - before > OWN_PAUSES

    def memory_mb(self) -> int:
        """See ``Process``."""
        self._usage.look()
        return self._usage.memory_mb


class Host:
    """Runs workers side by side in this process: one goes on while the others wait.

    Args:
        control: to the template; the process ends with it.
    """

    def __init__(self, control: socket.socket, handler: Handler | None, handler_name: str) -> None:
        self._control = control
        self._handler = handler
        self._handler_name = handler_name
        self._hub = Hub()
        self._usage = Usage()
        self._workers: dict[int, Task] = {}

    def run(self) -> None:
        """Serves until the template is gone, or has no more use for this host."""
        share_streams()
        self._hub.watch(self._control.fileno(), self._receive)
        self._hub.run()

    def _receive(self) -> None:
        message, descriptors, _, _ = socket.recv_fds(self._control, PACKET_BYTES_MAX, _DESCRIPTORS)
        for descriptor in descriptors:  # recv_fds passes no flag on, so it cannot ask for that itself
            os.set_inheritable(descriptor, False)
        if not message:
            raise SystemExit(0)
        order = _orders.decode(message)
        if isinstance(order, Fork):
            task = self._hub.task(lambda: self._work(order.worker, *descriptors))
            self._workers[order.worker] = task
            self._hub.start(task)
        elif order.child in self._workers:
            self._hub.freeze(self._workers.pop(order.child))
            self._control.send(packet(Exited(order.child, signal.SIGKILL)))

    def _work(self, number: int, connection: int, printed: int) -> None:
        """One worker, from its first request to the end of its connection."""
        with socket.socket(fileno=connection) as requests:
            output = Output.of_this_task(printed)
            process = _SharedProcess(self._workers[number], connection, self._usage)
            with _logging_the_end(output):
                if not worker.run(requests, self._handler, self._handler_name, output, process):
                    os.kill(os.getpid(), signal.SIGKILL)  # out of memory, and so are its neighbours
        os.close(printed)
        del self._workers[number]
        self._control.send(packet(Exited(number, 0)))


@contextlib.contextmanager
def _logging_the_end(output: Output) -> Iterator[None]:
    """Prints what ends the process to *output*: the log of the call that let it out, not of its neighbours."""
    try:
        yield
    except SystemExit as ending:
        output.log(last_words(ending))
        raise
    except BaseException:
        output.log(traceback.format_exc())
        raise
