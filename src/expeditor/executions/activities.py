"""Activities: tasks that workers outside the node come and fetch."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import apsw

from expeditor.asl import TaskStarted
from expeditor.executions import arns
from expeditor.executions.errors import TAGS_MAX, ActivityDoesNotExistError, TooManyTagsError
from expeditor.executions.parts import Parts
from expeditor.executions.registry import Registry
from expeditor.executions.running import Running, Waiter, answer
from expeditor.integrations import Cancel, Failed, Report, TaskRequest
from expeditor.payloads import encode
from expeditor.store import state_machines
from expeditor.store.state_machines import ActivityRow

POLL_SECONDS = 60.0
"""How long GetActivityTask waits for a task. Source: API_GetActivityTask."""


@dataclass(frozen=True, slots=True)
class Activity:
    """One activity; *created_at* in seconds since the epoch."""

    arn: str
    name: str
    created_at: float


@dataclass(frozen=True, slots=True)
class ActivityTask:
    """A task that a worker has taken up; *input* is JSON text."""

    token: str
    input: bytes


_Asker = tuple[str, int]
"""The ARN of an execution and the id of one of its tasks."""

Post = Callable[[Running, TaskStarted, Waiter | None], None]
CallLater = Callable[[float, Callable[[], None]], None]


class Activities:
    """The node's activities, the tasks that wait for a worker, and the workers that wait for a task."""

    def __init__(self, parts: Parts, registry: Registry, post: Post, call_later: CallLater) -> None:
        self._parts = parts
        self._registry = registry
        self._post = post
        self._call_later = call_later
        self._tasks: defaultdict[str, dict[_Asker, TaskRequest]] = defaultdict(dict)
        self._workers: defaultdict[str, deque[tuple[Waiter, str | None]]] = defaultdict(deque)

    def create(self, name: str, tags: Mapping[str, str] | None = None) -> "asyncio.Future[Activity]":
        """Creates an activity; one of that name that exists stays as it is, with the tags it has.

        Raises:
            InvalidNameError, TooManyTagsError.

        Source: API_CreateActivity, "tags will not be updated, even if they are different".
        """
        arns.check_name(name)
        arn, now = arns.activity_arn(name), self._parts.clock.now()
        if tags is not None and len(tags) > TAGS_MAX:
            raise TooManyTagsError(arn)

        def run(connection: apsw.Connection) -> Activity:
            found = state_machines.activity(connection, arn)
            if found is not None:
                return _activity(found)
            row = state_machines.put_activity(connection, arn, name, now)
            state_machines.put_tags(connection, arn, tags or {})
            return _activity(row)

        return self._parts.database.submit(run)

    def delete(self, arn: str) -> "asyncio.Future[None]":
        """Deletes an activity; one that does not exist is as good as deleted."""

        def run(connection: apsw.Connection) -> None:
            state_machines.remove_activity(connection, arn)
            state_machines.remove_tags(connection, arn)

        return self._parts.database.submit(run)

    def describe(self, arn: str) -> Activity:
        """One activity. Raises ActivityDoesNotExistError."""
        row = state_machines.activity(self._parts.database.reader, arn)
        if row is None:
            raise ActivityDoesNotExistError(arn)
        return _activity(row)

    def list(self, after_name: str = "", limit: int = 100) -> "list[Activity]":
        """Activities by name, those after *after_name*; at most 1000."""
        return [
            _activity(row) for row in state_machines.activities_page(self._parts.database.reader, after_name, limit)
        ]

    def get_task(self, arn: str, worker_name: str | None = None) -> "asyncio.Future[ActivityTask | None]":
        """The oldest waiting task, once it is on disk that the worker has it; None when none came within a minute.

        Raises:
            ActivityDoesNotExistError
        """
        self.describe(arn)
        worker: asyncio.Future[ActivityTask | None] = asyncio.get_running_loop().create_future()
        tasks = self._tasks[arn]
        while tasks:
            if self._hand_out(tasks.pop(next(iter(tasks))), worker, worker_name):
                return worker
        self._workers[arn].append((worker, worker_name))
        self._call_later(POLL_SECONDS, lambda: self._give_up(arn, worker))
        return worker

    def start(self, request: TaskRequest, report: Report) -> Cancel | None:
        """Gives a task to a waiting worker, or lets it wait for one; once, also when it is asked for again.

        Returns:
            What makes it wait no more.
        """
        arn = request.resource
        if state_machines.activity(self._parts.database.reader, arn) is None:
            report(Failed("States.Runtime", str(ActivityDoesNotExistError(arn))))
            return None
        workers = self._workers[arn]
        while workers:
            worker, name = workers.popleft()
            if not worker.done() and self._hand_out(request, worker, name):
                return None
        asker = (request.execution_arn, request.task_id)
        self._tasks[arn][asker] = request
        return lambda: self._forget(arn, asker)

    def _forget(self, arn: str, asker: _Asker) -> None:
        self._tasks[arn].pop(asker, None)

    def _hand_out(self, request: TaskRequest, worker: Waiter, worker_name: str | None) -> bool:
        """False when nobody waits for the task's outcome any more."""
        running = self._registry.by_arn.get(request.execution_arn)
        if running is None or request.task_id not in running.execution.tasks:
            return False
        taken: Waiter = asyncio.get_running_loop().create_future()
        taken.add_done_callback(lambda future: answer(worker, None if future.exception() else _task(request)))
        event = TaskStarted(self._parts.clock.now(), self._parts.ids.seed(), request.task_id, worker_name)
        self._post(running, event, taken)
        return True

    def _give_up(self, arn: str, worker: Waiter) -> None:
        self._workers[arn] = deque(one for one in self._workers[arn] if one[0] is not worker)
        answer(worker, None)


def _activity(row: ActivityRow) -> Activity:
    return Activity(row.arn, row.name, row.created_at)


def _task(request: TaskRequest) -> ActivityTask:
    assert request.token is not None
    return ActivityTask(request.token, encode(request.parameters))
