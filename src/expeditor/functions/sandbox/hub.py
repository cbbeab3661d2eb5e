"""Runs several handlers in one thread: each gives way to the others while it waits.

What a handler waits for it passes to its parent greenlet, as ``(descriptor, writing, seconds)``:
``getcurrent().parent.switch(...)`` gives True as soon as the descriptor can be read or, if *writing*, written, and
False after *seconds*. A descriptor of -1 never becomes ready. What cannot be waited for is raised there. Code outside a
hub has no parent greenlet and waits by itself, as do a handler's own threads.
"""

import math
import os
import select
from collections.abc import Callable
from typing import Any, NamedTuple

from greenlet import greenlet

from .clock import monotonic

NEVER = -1

_POLL_SECONDS_MAX = 86_400.0
"""Longer than any call; epoll takes milliseconds that fit into 31 bits."""


class Task(greenlet):
    """What runs in a hub.

    Attributes:
        pauses: how often it has given way.
    """

    pauses = 0

    def until_readable(self, descriptor: int) -> None:
        """Gives way until *descriptor* can be read; only within the task."""
        assert self.parent is not None
        self.parent.switch((descriptor, False, math.inf))


class _Wait(NamedTuple):
    task: Task
    until: float


class Hub:
    """Tasks of one thread, and the descriptors they wait for."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._readers: dict[int, Callable[[], None]] = {}
        self._waits: dict[int, _Wait] = {}
        self._frozen: list[Task] = []
        self._pauses = NEVER
        self._is_child = False
        # This also keeps the hub, and with it all tasks: one that is dropped would run its ``finally`` blocks.
        os.register_at_fork(after_in_child=self._become_child)

    def watch(self, descriptor: int, readable: Callable[[], None]) -> None:
        """Calls *readable* whenever *descriptor* can be read."""
        self._readers[descriptor] = readable
        self._epoll.register(descriptor, select.EPOLLIN)

    def run(self) -> None:
        """Serves tasks and readers; ends with an exception that one of them lets out."""
        while True:
            for descriptor, _ in self._epoll.poll(self._timeout()):
                if descriptor in self._readers:
                    self._readers[descriptor]()
                elif (wait := self._waits.pop(descriptor, None)) is not None:
                    self._resume(wait.task, True)
            self._expire()

    def task(self, run: Callable[[], None]) -> Task:
        """A task that runs *run* once it is started."""
        return Task(run)

    def start(self, task: Task) -> None:
        """Runs *task* up to where it first gives way."""
        self._resume(task)

    def freeze(self, task: Task) -> None:
        """Has *task* never go on; not even its ``finally`` blocks run, as with a process that is killed."""
        self._frozen.append(task)
        self._waits = {descriptor: wait for descriptor, wait in self._waits.items() if wait.task is not task}

    def _resume(self, task: Task, *value: bool) -> None:
        asked: Any = task.switch(*value)
        while not task.dead:
            try:
                if not self._is_child:
                    self._give_way(task, *asked)
                    return
                ready = _ready(*asked)
            except (TypeError, ValueError, OSError) as refused:
                asked = task.throw(refused)
            else:
                asked = task.switch(ready)
        if self._is_child:
            os._exit(1)  # the other tasks are its parent's

    def _give_way(self, task: Task, descriptor: int, writing: bool, seconds: float) -> None:
        until = monotonic() + seconds
        if math.isnan(until):
            raise ValueError("the seconds to wait are no number")
        task.pauses += 1
        if descriptor < 0:
            self._pauses -= 1
            self._waits[self._pauses] = _Wait(task, until)
            return
        if descriptor in self._waits or descriptor in self._readers:
            raise ValueError(f"descriptor {descriptor} is waited for by somebody else in this process")
        events = (select.EPOLLOUT if writing else select.EPOLLIN) | select.EPOLLONESHOT
        try:
            self._epoll.modify(descriptor, events)
        except FileNotFoundError:
            self._epoll.register(descriptor, events)
        self._waits[descriptor] = _Wait(task, until)

    def _timeout(self) -> float | None:
        """Seconds until the first wait has taken too long."""
        until = min((wait.until for wait in self._waits.values()), default=math.inf)
        return None if until == math.inf else min(max(0.0, until - monotonic()), _POLL_SECONDS_MAX)

    def _expire(self) -> None:
        now = monotonic()
        for descriptor in [descriptor for descriptor, wait in self._waits.items() if wait.until <= now]:
            wait = self._waits.pop(descriptor, None)
            if wait is not None:
                self._resume(wait.task, False)

    def _become_child(self) -> None:
        """A child that a handler forks has the others' tasks and sockets too: it may run its own task only."""
        self._is_child = True


def _ready(descriptor: int, writing: bool, seconds: float) -> bool:
    """Waits by itself for what a task would have given way for."""
    poll = select.poll()
    if descriptor >= 0:
        poll.register(descriptor, select.POLLOUT if writing else select.POLLIN)
    return bool(poll.poll(None if seconds > _POLL_SECONDS_MAX else seconds * 1000))
