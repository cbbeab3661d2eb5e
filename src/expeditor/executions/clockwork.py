"""The timers of executions: waits, retry delays, timeouts and heartbeats."""

from collections.abc import Callable

from expeditor.asl import AnyEvent, ScheduleTask, StartTimer, TimerFired
from expeditor.executions.parts import Parts
from expeditor.executions.registry import Registry
from expeditor.executions.running import Running
from expeditor.executions.timers import Due, Timers

_ENGINE = 0
"""Stands for the engine where a timer names its execution; executions count from 1."""


class Clockwork:
    """Posts ``TimerFired`` to an execution when one of its timers is due.

    Starting a timer has no effect outside, so it need not wait for the commit: if that fails, the execution is dropped
    and its timers mean nothing.
    """

    def __init__(self, parts: Parts, registry: Registry, post: Callable[[Running, AnyEvent], None]) -> None:
        self._parts = parts
        self._registry = registry
        self._post = post
        self._timers = Timers(parts.alarm, self._ring, self._is_live)
        self._calls: dict[int, Callable[[], None]] = {}

    def call_later(self, seconds: float, action: Callable[[], None]) -> None:
        """Calls *action* once, for what the engine itself has to do later."""
        call_id = max(self._calls, default=0) + 1
        self._calls[call_id] = action
        self._timers.start(Due(self._parts.clock.now() + seconds, _ENGINE, call_id))
        self._timers.rearm()

    def start(self, running: Running, timer: StartTimer) -> None:
        """Starts a timer; ``rearm`` makes the alarm follow."""
        self._timers.start(Due(timer.due_at, running.id, timer.timer_id))

    def cancel(self, running: Running, timer_id: int) -> None:
        """Forgets a timer that the interpreter no longer has."""
        if running.heartbeats:
            running.heartbeats.pop(timer_id, None)
        self._timers.cancel()

    def rearm(self) -> None:
        """Sets the alarm for the earliest timer."""
        self._timers.rearm()

    def stop(self) -> None:
        """Silences the alarm."""
        self._timers.stop()

    def heartbeat(self, running: Running, task: ScheduleTask) -> None:
        """Restarts a task's heartbeat timer, if it has one.

        That is not journaled: a task that is started again after a crash begins with a whole heartbeat.
        """
        timer_id, seconds = task.heartbeat_timer_id, task.heartbeat_seconds
        if timer_id is None or seconds is None or timer_id not in running.execution.timers:
            return
        due_at = self._parts.clock.now() + seconds
        if running.heartbeats is None:
            running.heartbeats = {}
        running.heartbeats[timer_id] = due_at
        self._timers.start(Due(due_at, running.id, timer_id))
        self._timers.cancel()
        self._timers.rearm()

    def restart(self, running: Running) -> None:
        """Starts all timers of an execution that was rebuilt; overdue ones fire at once, heartbeats begin anew."""
        for timer in running.execution.pending_timers:
            self.start(running, timer)
        for task in running.execution.pending_tasks:
            self.heartbeat(running, task)
        self._timers.rearm()

    def _ring(self) -> None:
        now = self._parts.clock.now()
        for due in self._timers.take_due(now):
            if due.execution_id == _ENGINE:
                self._calls.pop(due.timer_id)()
                continue
            self._post(self._registry.by_id[due.execution_id], TimerFired(now, self._parts.ids.seed(), due.timer_id))
        self._timers.rearm()

    def _is_live(self, due: Due) -> bool:
        if due.execution_id == _ENGINE:
            return True
        running = self._registry.by_id.get(due.execution_id)
        if running is None or running.closing is not None:
            return False
        timer = running.execution.timers.get(due.timer_id)
        if timer is None:
            return False
        return due.due_at == (running.heartbeats or {}).get(due.timer_id, timer.command.due_at)
