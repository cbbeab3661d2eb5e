"""Map runs: describe, list, update.

A map run lives in the execution it belongs to. Of one that runs, the run is at hand; of others it is found by replay.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from expeditor.asl import ExecutionStatus, MapRun, MapRunUpdated
from expeditor.executions import arns
from expeditor.executions.errors import (
    InvalidRequestError,
    MapRunDoesNotExistError,
)
from expeditor.executions.parts import Parts
from expeditor.executions.records import Records
from expeditor.executions.registry import Registry
from expeditor.executions.runner import Runner
from expeditor.executions.running import Waiter
from expeditor.store import executions, map_runs
from expeditor.store.executions import ExecutionRow


@dataclass(frozen=True, slots=True)
class MapRunDescription:
    """One map run.

    Attributes:
        run: its counts and limits.
        status, stopped_at: of the run; the execution's end ends it too.
        redrive_problem: why it cannot be redriven; None when it can, together with its execution.
    """

    run: MapRun
    execution_arn: str
    state_machine_arn: str
    status: ExecutionStatus
    stopped_at: float | None
    redrive_problem: str | None


@dataclass(frozen=True, slots=True)
class MapRunChange:
    """New limits of a map run; None leaves one as it is.

    Attributes:
        running_max: child executions at once; 0 for as many as there may be.
    """

    running_max: int | None = None
    failed_max: float | None = None
    failed_percentage_max: float | None = None


class MapRuns:
    """The map runs of all executions."""

    def __init__(self, parts: Parts, registry: Registry, records: Records, runner: Runner) -> None:
        self._parts = parts
        self._runner = runner
        self._registry = registry
        self._records = records

    def describe(self, arn: str) -> MapRunDescription:
        """One map run. Raises MapRunDoesNotExistError."""
        execution_id = map_runs.execution_of(self._parts.database.reader, arn)
        row = None if execution_id is None else executions.by_id(self._parts.database.reader, execution_id)
        for found in [] if row is None else self._of(row):
            if found.run.arn == arn:
                return found
        raise MapRunDoesNotExistError(arn)

    def list(self, execution_arn: str) -> Sequence[MapRunDescription]:
        """All map runs of an execution, oldest first. Raises ExecutionDoesNotExistError, InvalidArnError."""
        return self._of(self._records.row(execution_arn))

    def update(self, arn: str, change: MapRunChange) -> "asyncio.Future[float]":
        """Changes the limits of a run that has not ended, and answers when.

        Raises:
            ExecutionUnavailableError, InvalidRequestError: it has ended. MapRunDoesNotExistError.
        """
        found = self.describe(arn)
        running = self._registry.by_arn.get(found.execution_arn)
        if found.status is not ExecutionStatus.RUNNING:
            raise InvalidRequestError(f"Map Run is {found.status} and cannot be updated: '{arn}'")
        if running is None:
            raise self._registry.why_absent(found.execution_arn)
        waiter: Waiter = asyncio.get_running_loop().create_future()
        event = MapRunUpdated(
            self._parts.clock.now(),
            self._parts.ids.seed(),
            arn,
            change.running_max,
            change.failed_max,
            change.failed_percentage_max,
        )
        self._runner.post(running, event, waiter)
        return waiter

    def _of(self, row: ExecutionRow) -> Sequence[MapRunDescription]:
        running = self._registry.by_id.get(row.id)
        execution = self._records.replayed(row) if running is None else running.execution
        arn = arns.execution_arn(row.machine_arn, row.name)
        problem = self._records.describe(arn).not_redrivable
        return [_described(run, row, arn, problem) for run in execution.map_runs.values()]


def _described(run: MapRun, row: ExecutionRow, arn: str, problem: str | None) -> MapRunDescription:
    status, stopped_at = run.status, run.stopped_at
    if status is ExecutionStatus.RUNNING and row.status != ExecutionStatus.RUNNING:
        status, stopped_at = ExecutionStatus.ABORTED, row.stopped_at
    if problem is None and status in (ExecutionStatus.SUCCEEDED, ExecutionStatus.RUNNING):
        problem = f"Map Run is {status} and cannot be redriven"
    return MapRunDescription(run, arn, row.machine_arn, status, stopped_at, problem)
