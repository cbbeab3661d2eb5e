"""Task tokens: whose they are, and what their holders report."""

import asyncio
import hmac

from expeditor.asl import ScheduleTask, TaskFailed, TaskSucceeded
from expeditor.clock import Clock
from expeditor.executions.arns import execution_arn
from expeditor.executions.errors import (
    InvalidOutputError,
    InvalidTokenError,
    TaskTimedOutError,
)
from expeditor.executions.inputs import check_json
from expeditor.executions.parts import Parts
from expeditor.executions.recovery import token_prefix
from expeditor.executions.registry import Registry
from expeditor.executions.runner import Runner
from expeditor.executions.running import Running
from expeditor.store import executions

TOKEN_LENGTH_MAX = 2_048


class TaskTokens:
    """Reports by token; a token is good for one success or failure, and for heartbeats before that.

    Raises (every method):
        InvalidTokenError: never was a token of this node.
        TaskTimedOutError: its task has ended.
        ExecutionUnavailableError: ask again, its execution is being rebuilt.
    """

    def __init__(self, parts: Parts, registry: Registry, runner: Runner) -> None:
        self._database = parts.database
        self._clock: Clock = parts.clock
        self._ids = parts.ids
        self._registry = registry
        self._runner = runner

    def succeed(self, token: str, output: bytes) -> "asyncio.Future[float]":
        """The task ended well; resolves with its instant once that is on disk. Raises InvalidOutputError."""
        check_json(output, InvalidOutputError)
        running, task = self._find(token)
        event = TaskSucceeded(self._clock.now(), self._ids.seed(), task.task_id, output)
        return self._post(running, event)

    def fail(self, token: str, error: str, cause: str) -> "asyncio.Future[float]":
        """The task ended badly; resolves with its instant once that is on disk."""
        running, task = self._find(token)
        event = TaskFailed(self._clock.now(), self._ids.seed(), task.task_id, error, cause)
        return self._post(running, event)

    def heartbeat(self, token: str) -> None:
        """The task is alive."""
        running, task = self._find(token)
        self._runner.clockwork.heartbeat(running, task)

    def _post(self, running: Running, event: TaskSucceeded | TaskFailed) -> "asyncio.Future[float]":
        waiter: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._runner.post(running, event, waiter)
        return waiter

    def _find(self, token: str) -> tuple[Running, ScheduleTask]:
        execution_id = _execution_id(token)
        running = self._registry.by_id.get(execution_id)
        if running is None:
            raise self._refusal(execution_id, token)
        _check_prefix(token, running.execution.context.token_prefix)
        for task in running.execution.pending_tasks:
            if task.token is not None and _is_same(task.token, token):
                return running, task
        raise TaskTimedOutError

    def _refusal(self, execution_id: int, token: str) -> Exception:
        """Why a token of an execution that is not in memory is no good."""
        row = executions.by_id(self._database.reader, execution_id)
        if row is None:
            return InvalidTokenError()
        _check_prefix(token, token_prefix(row.id, row.secret))
        arn = execution_arn(row.machine_arn, row.name)
        return self._registry.why_absent(arn) if row.status == "RUNNING" else TaskTimedOutError()


def _execution_id(token: str) -> int:
    digits, _, rest = token.partition(".")
    if not rest or len(token) > TOKEN_LENGTH_MAX or not 1 <= len(digits) <= 15:
        raise InvalidTokenError
    try:
        return int(digits, 16)
    except ValueError:
        raise InvalidTokenError from None


def _check_prefix(token: str, prefix: str) -> None:
    if not _is_same(token[: len(prefix)], prefix):
        raise InvalidTokenError


def _is_same(one: str, other: str) -> bool:
    """Compares in constant time, so that the time of a refusal tells nothing about a token."""
    return hmac.compare_digest(one.encode(), other.encode())
