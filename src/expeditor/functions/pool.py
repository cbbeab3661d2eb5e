"""Warm workers of one function version: more on demand up to a limit, a queue beyond it, fewer when idle.

A call that finds all workers busy waits a moment before another worker is forked for it. A handler that computes is
done by then, and more processes would only take the processors from each other; one that waits for something is not.
"""

import asyncio
import os
from collections import deque
from dataclasses import dataclass

from expeditor.functions import refusals
from expeditor.functions.loading import InitError, Loader
from expeditor.functions.workers import Call, Worker, Workplace, unresolved

TEMPLATE_IDLE_FACTOR = 10
PROCESSORS = os.cpu_count() or 1
WAITING_SHARE_STEP = 0.1
WAITING_SHARE_MIN = 0.1
"""Below this share of calls in which the handler waited for something, it counts as one that only computes."""


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Limits of one version's pool.

    Attributes:
        workers_max: processes that run at the same time; workers may share them, as the version says.
        waiting_max: invocations that wait while all of them are busy; more are refused.
        patience_seconds: a call waits so long before the pool grows for it; it doubles at most each time.
        idle_seconds: a worker with nothing to do for so long is ended; the template after ten times that.
    """

    workers_max: int = 8
    waiting_max: int = 1000
    patience_seconds: float = 0.02
    idle_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """How busy the pool of a version is: *processes* of workers, or their places in shared ones, how many of them are
    *busy*, and calls *waiting* for one."""

    name: str
    version: str
    processes: int
    busy: int
    waiting: int


class Pool:
    """Runs the calls of one version. ``close`` kills its processes, ``retire`` lets them finish what they have."""

    def __init__(self, workplace: Workplace, loader: Loader, settings: PoolSettings) -> None:
        self.version = workplace.version
        self._workplace = workplace
        self._loader = loader
        self._settings = settings
        self._workers_max = settings.workers_max * workplace.version.configuration.max_concurrency
        self._loop = asyncio.get_running_loop()
        self._workers: set[Worker] = set()
        self._idle: deque[Worker] = deque()
        self._waiting: deque[Call] = deque()
        self._waiting_share = 1.0
        self._used_at = 0.0
        self._sweep: asyncio.TimerHandle | None = None
        self._growth: asyncio.TimerHandle | None = None
        self._retired = False
        self._closed = False

    def submit(self, call: Call) -> None:
        """Runs *call* as soon as there is a worker for it.

        Raises:
            TooManyRequestsError: too many wait already.
        """
        if self._idle:
            self._idle.pop().run(call)
            return
        settings = self._settings
        if len(self._waiting) + len(self._workers) >= settings.waiting_max + self._workers_max:
            raise refusals.TooManyRequestsError(
                f"Rate Exceeded. {len(self._waiting)} invocations of {self.version.arn} wait for "
                f"{len(self._workers)} workers; try again later"
            )
        call.waits_since = self._loop.time()
        self._waiting.append(call)
        if self._growth is None:
            self._grow()

    def warm(self) -> None:
        """Gets the version loaded and one worker forked, before the first call."""
        if not self._workers:
            self._loader.want(self)

    def retire(self) -> None:
        """Ends the processes as soon as no call is left; nothing may be submitted after it."""
        self._retired = True
        self._end_idle(len(self._idle))
        self._end_if_done()

    def close(self, reason: refusals.ServiceUnavailableError) -> None:
        """Kills the processes; calls that run or wait are answered with *reason*."""
        self._closed = True
        self._stop_timers()
        for worker in self._workers:
            worker.abandon(reason)
        self.unavailable(reason)
        self._loader.end()

    def status(self) -> PoolStatus:
        """How busy it is."""
        version = self.version
        return PoolStatus(
            version.name, version.version, len(self._workers), len(self._workers) - len(self._idle), len(self._waiting)
        )

    def loaded(self) -> None:
        """The template is there: forks workers for the calls that wait, one at least."""
        self._stop_timers()
        self._used_at = self._loop.time()
        self._shrink()
        for call in self._waiting:
            call.waits_since = self._used_at
        self._grow()
        if not self._workers and not self._retired and (worker := self._try_to_fork()) is not None:
            self._make_idle(worker)

    def not_loaded(self, error: InitError) -> None:
        """The template cannot be loaded: so no call that waits can be run."""
        waiting, self._waiting = self._waiting, deque()
        for call in waiting:
            unresolved(call, self.version, error(call.request_id))

    def unloaded(self) -> None:
        """The template ended, and with it all workers."""
        self._stop_timers()
        if self._waiting and not self._closed:
            self._loader.want(self)

    def unavailable(self, reason: refusals.ServiceUnavailableError) -> None:
        """Refuses the calls that wait."""
        waiting, self._waiting = self._waiting, deque()
        for call in waiting:
            call.refuse(reason)

    def worker_free(self, worker: Worker, *, waited: bool) -> None:
        """Gives *worker* the next call, if one waits; ends it if it is one too many."""
        self._waiting_share += (waited - self._waiting_share) * WAITING_SHARE_STEP
        if self._waiting and len(self._workers) <= self._useful_workers():
            worker.run(self._waiting.popleft())
        elif self._retired or self._waiting:
            self._workers.discard(worker)
            worker.finish()
            self._end_if_done()
        else:
            self._make_idle(worker)

    def worker_gone(self, worker: Worker) -> None:
        """Forgets *worker* and replaces it if calls wait."""
        self._workers.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        if self._waiting and not self._closed and self._growth is None:
            self._grow()
        self._end_if_done()

    def _grow(self) -> None:
        """Forks workers for calls that have waited long enough, up to the limit; looks again as long as some wait."""
        self._growth = None
        if self._loader.template is None:
            self._loader.want(self)
            return
        settings, count = self._settings, len(self._workers)
        room = self._useful_workers() - count
        if settings.patience_seconds:
            room = min(room, max(1, count))
        overdue = self._loop.time() - settings.patience_seconds
        while self._waiting and room > 0 and (not self._workers or self._waiting[0].waits_since <= overdue):
            worker = self._try_to_fork()
            if worker is None:
                break
            worker.run(self._waiting.popleft())
            room -= 1
        if self._waiting and len(self._workers) < self._workers_max:
            self._growth = self._loop.call_later(settings.patience_seconds, self._grow)

    def _useful_workers(self) -> int:
        """Handlers that only compute gain nothing from more processes than there are processors."""
        is_computing = self._waiting_share < WAITING_SHARE_MIN
        return min(self._workers_max, PROCESSORS) if is_computing else self._workers_max

    def _try_to_fork(self) -> Worker | None:
        """Another worker; None when none can be started: calls wait for those there are, or are refused."""
        assert self._loader.template is not None
        try:
            worker = Worker(self._loader.template, self._workplace, self)
        except refusals.ServiceUnavailableError as reason:
            if not self._workers:
                self.unavailable(reason)
            return None
        self._workers.add(worker)
        return worker

    def _make_idle(self, worker: Worker) -> None:
        worker.idle_since = self._loop.time()
        self._idle.append(worker)

    def _shrink(self) -> None:
        """Ends workers that were idle too long, and the template when there was none for ten times that."""
        now = self._loop.time()
        self._end_idle(sum(now - worker.idle_since >= self._settings.idle_seconds for worker in self._idle))
        if self._workers:
            self._used_at = now
        elif now - self._used_at >= self._settings.idle_seconds * TEMPLATE_IDLE_FACTOR:
            self._sweep = None
            self._loader.end()
            return
        self._sweep = self._loop.call_later(self._settings.idle_seconds / 2, self._shrink)

    def _end_idle(self, count: int) -> None:
        for _ in range(count):
            worker = self._idle.popleft()
            self._workers.discard(worker)
            worker.finish()

    def _end_if_done(self) -> None:
        if self._retired and not self._workers and not self._waiting:
            self._stop_timers()
            self._loader.end()

    def _stop_timers(self) -> None:
        for timer in (self._sweep, self._growth):
            if timer is not None:
                timer.cancel()
        self._sweep = self._growth = None
