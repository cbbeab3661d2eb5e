"""What a worker learns about the process that it runs in."""

import math
import resource
import select
import socket
from typing import Protocol

from .clock import monotonic

LOOK_SECONDS = 0.05
"""The system is asked at most so often: under load its answer takes as long as a short handler."""

OWN_PAUSES = 1
"""Waits of an invocation that are the worker's own: for a request."""


class Process(Protocol):
    """How a worker waits in its process, and what that has used."""

    def wait(self) -> object:
        """Returns when something of a request has arrived."""
        ...

    def waited(self) -> bool:
        """Whether the invocation that ends now, or others of the last moment, waited rather than only computed."""
        ...

    def memory_mb(self) -> int:
        """The most that was resident at a time, as of a moment ago."""
        ...


class Usage:
    """Of this process, as of the last look.

    Attributes:
        memory_mb: the most that was resident at a time.
        pauses: voluntary context switches.
    """

    def __init__(self) -> None:
        self.memory_mb = 0
        self.pauses = 0
        self._looked_at = -math.inf

    def look(self) -> bool:
        """Asks the system, unless that was done a moment ago: False."""
        now = monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return False
        used = resource.getrusage(resource.RUSAGE_SELF)
        self.memory_mb = used.ru_maxrss // 1024
        self.pauses = used.ru_nvcsw
        self._looked_at = now
        return True


class OwnProcess:
    """A process with one worker, which waits with all of it."""

    def __init__(self, connection: socket.socket) -> None:
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        self.wait = poll.poll
        self._usage = Usage()
        self._pauses_before = 0
        self._calls = 0
        self._waited = True

    def waited(self) -> bool:
        """See ``Process``."""
        self._calls += 1
        if self._usage.look():
            self._waited = self._usage.pauses - self._pauses_before > OWN_PAUSES * self._calls
            self._pauses_before = self._usage.pauses
            self._calls = 0
        return self._waited

    def memory_mb(self) -> int:
        """See ``Process``."""
        return self._usage.memory_mb
