"""A handler of a function that gets one process and no more, as where the system is short of them."""

import errno
import os
from itertools import count

from greenlet import getcurrent

fork = os.fork
forked = count()


def fork_once():
    if next(forked):
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return fork()


os.fork = fork_once


def wait(event, context):
    """Waits for the pipe named in the event."""
    pipe = os.open(event, os.O_RDWR | os.O_NONBLOCK)
    parent = getcurrent().parent
    if parent is None:
        os.set_blocking(pipe, True)
    else:
        parent.switch((pipe, False, 60))
    return os.read(pipe, 1).decode()
