"""A few threads for calls that block: requests to AWS services and HTTP tasks."""

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from typing import TypeAlias

from expeditor.integrations.tasks import Cancel, Failed, Outcome, Report

Work: TypeAlias = Callable[[], Outcome]
"""Blocks until the call has ended. Runs on a thread of the pool."""

_log = logging.getLogger(__name__)


class _Call:
    __slots__ = ("is_dropped", "loop", "report", "work")

    def __init__(self, work: Work, report: Report, loop: asyncio.AbstractEventLoop) -> None:
        self.work = work
        self.report = report
        self.loop = loop
        self.is_dropped = False

    def drop(self) -> None:
        """Nobody waits for the outcome any more; a call that has not begun is not made."""
        self.is_dropped = True


class CallPool:
    """Makes calls on a bounded number of threads, which start when they are needed.

    The threads are daemons: a service that does not answer cannot keep the node from ending.

    Args:
        threads: calls that are made at the same time.
        waiting_max: calls that may wait for a thread; more are refused.
    """

    def __init__(self, threads: int = 16, waiting_max: int = 10_000) -> None:
        self._threads_max = threads
        self._open_max = threads + waiting_max
        self._open = 0
        self._threads = 0
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._is_closed = False

    def submit(self, work: Work, report: Report) -> Cancel | None:
        """Makes a call and reports its outcome on the running event loop.

        Returns:
            What drops the call: its outcome is not reported, and if it has not begun it is not made.
        """
        if self._open >= self._open_max or self._is_closed:
            report(Failed("States.Runtime", f"{self._open} calls are waiting to be made, which is all that may wait"))
            return None
        call = _Call(work, report, asyncio.get_running_loop())
        self._open += 1
        self._calls.put(call)
        if self._threads < min(self._open, self._threads_max):
            self._threads += 1
            threading.Thread(target=self._serve, name=f"calls-{self._threads}", daemon=True).start()
        return call.drop

    def close(self) -> None:
        """Makes no more calls and reports no more outcomes; does not wait for those under way."""
        self._is_closed = True
        for _ in range(self._threads):
            self._calls.put(None)

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            outcome = None if call.is_dropped or self._is_closed else _made(call)
            # A loop that has closed meanwhile has nobody left who waits.
            with contextlib.suppress(RuntimeError):
                call.loop.call_soon_threadsafe(self._finish, call, outcome)

    def _finish(self, call: _Call, outcome: Outcome | None) -> None:
        self._open -= 1
        if outcome is not None and not call.is_dropped and not self._is_closed:
            call.report(outcome)


def _made(call: _Call) -> Outcome:
    try:
        return call.work()
    except Exception as error:  # noqa: BLE001
        # The edge of a thread: whatever a call raises is the failure of its one task, never the end of the thread.
        _log.exception("a call to a service ended unexpectedly")
        return Failed("States.Runtime", f"The call could not be made: {error}")
