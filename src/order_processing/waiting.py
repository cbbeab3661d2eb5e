"""Waiting for sockets, the same in a process of one's own and in one that several invocations share.

Who runs several invocations in one thread runs each in a greenlet, and what an invocation waits for it passes to the
parent: ``(descriptor, writing, seconds)``; the answer is whether that became ready in time. Everywhere else, as on AWS,
in the order service and in batch jobs, there is no parent, and the thread waits by itself.
"""

import os
import select
import socket

from greenlet import getcurrent

_NOTHING = -1


def readable(connection: socket.socket, seconds: float) -> bool:
    """Waits until something has arrived on *connection*, at most *seconds*."""
    return _ready(connection.fileno(), writing=False, seconds=seconds)


def writable(connection: socket.socket, seconds: float) -> bool:
    """Waits until *connection* takes what is sent, at most *seconds*; one that is being made is made then."""
    return _ready(connection.fileno(), writing=True, seconds=seconds)


def pause(seconds: float) -> None:
    """Lets time go by."""
    _ready(_NOTHING, writing=False, seconds=seconds)


def connect(address: tuple[str, int], seconds: float) -> socket.socket:
    """A TCP connection to *address*, which has *seconds* as its timeout.

    Raises:
        OSError: none of the addresses that the name stands for answers; TimeoutError when that took too long.
    """
    error: OSError = OSError(f"{address[0]} has no address")
    for family, kind, protocol, _, place in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            _connect(connection, place, seconds)
        except OSError as fault:
            connection.close()
            error = fault
        else:
            connection.settimeout(seconds)
            return connection
    raise error


def _connect(connection: socket.socket, place: object, seconds: float) -> None:
    connection.setblocking(False)
    try:
        connection.connect(place)  # type: ignore[arg-type]
    except BlockingIOError:
        if not writable(connection, seconds):
            raise TimeoutError(f"no connection within {seconds} s") from None
        fault = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if fault:
            raise OSError(fault, os.strerror(fault)) from None


def _ready(descriptor: int, *, writing: bool, seconds: float) -> bool:
    parent = getcurrent().parent
    if parent is not None:
        return bool(parent.switch((descriptor, writing, seconds)))
    poll = select.poll()
    if descriptor != _NOTHING:
        poll.register(descriptor, select.POLLOUT if writing else select.POLLIN)
    return bool(poll.poll(seconds * 1000))
