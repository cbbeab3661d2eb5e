"""The end of an execution: brought about by a stop, or waited for."""

import asyncio
from collections.abc import Callable

from expeditor.asl import ExecutionAborted, ExecutionStatus
from expeditor.errors import ServiceError
from expeditor.executions.insisting import insist
from expeditor.executions.parts import Parts
from expeditor.executions.records import Records
from expeditor.executions.recovery import closed_from
from expeditor.executions.registry import Registry
from expeditor.executions.runner import Runner
from expeditor.executions.running import Waiter
from expeditor.integrations import ClosedExecution

_UNWANTED = "The task of the parent execution was cancelled"


class Ending:
    """Stops executions and waits for their end, wherever they are: in memory, on disk, or being rebuilt."""

    def __init__(self, parts: Parts, registry: Registry, records: Records, runner: Runner) -> None:
        self._parts = parts
        self._registry = registry
        self._records = records
        self._runner = runner

    def stop(self, arn: str, error: str | None, cause: str | None) -> "asyncio.Future[float]":
        """See ``Engine.stop_execution``."""
        waiter: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._stop(arn, error, cause, waiter)
        return waiter

    def stop_child(self, arn: str) -> "asyncio.Future[float]":
        """See ``Engine.stop_child``."""
        return insist(lambda waiter: self._stop(arn, None, _UNWANTED, waiter), self._runner.clockwork.call_later)

    def wait(self, arn: str) -> "asyncio.Future[ClosedExecution]":
        """See ``Engine.wait_closed``."""
        waiter: asyncio.Future[ClosedExecution] = asyncio.get_running_loop().create_future()
        running = self._registry.by_arn.get(arn)
        if running is not None:
            self._registry.wait(running.id, waiter)
        else:
            self._answer_from_disk(arn, waiter, lambda closed: closed, is_patient=True)
        return waiter

    def _stop(self, arn: str, error: str | None, cause: str | None, waiter: Waiter) -> None:
        running = self._registry.by_arn.get(arn)
        if running is None:
            self._answer_from_disk(arn, waiter, lambda closed: closed.stopped_at)
        else:
            at, seed = self._parts.clock.now(), self._parts.ids.seed()
            self._runner.post(running, ExecutionAborted(at, seed, error, cause), waiter)

    def _answer_from_disk(
        self, arn: str, waiter: Waiter, answer: Callable[[ClosedExecution], object], *, is_patient: bool = False
    ) -> None:
        """Answers about an execution that is not in memory: it has ended, or is about to be rebuilt.

        Args:
            is_patient: whether *waiter* would rather wait for the end than be refused.
        """
        try:
            row = self._records.row(arn)
        except ServiceError as error:
            waiter.set_exception(error)
            return
        if row.status != ExecutionStatus.RUNNING:
            waiter.set_result(answer(closed_from(row)))
        elif is_patient:
            self._registry.wait(row.id, waiter)
        else:
            waiter.set_exception(self._registry.why_absent(arn))
