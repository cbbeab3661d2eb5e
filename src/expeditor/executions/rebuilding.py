"""Executions that are brought back into memory: all of them at the start, some after a failed commit."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from expeditor.asl import CloseExecution, ExecutionStatus, Machine
from expeditor.executions.arns import execution_arn
from expeditor.executions.errors import DefinitionRefusedError, ExecutionDoesNotExistError
from expeditor.executions.machines import StateMachines
from expeditor.executions.names import Names
from expeditor.executions.orphans import orphans
from expeditor.executions.parts import Parts
from expeditor.executions.recovery import Recovered, closed_from, fresh, rebuild
from expeditor.executions.registry import Registry
from expeditor.executions.runner import Runner
from expeditor.executions.running import Running
from expeditor.integrations import LoggedExecution
from expeditor.store import executions
from expeditor.store.executions import ExecutionRow

_log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with how many executions are rebuilt and how many there are."""

_CHUNK = 100
_UNFOLLOWABLE = "The journal could not be replayed; the node's log has the details"
_DELAY_SECONDS = (0.0, 0.05, 0.2, 1.0, 5.0)


class Rebuilding:
    """Brings executions back from the journal.

    Args:
        stop_child: stops the execution of that ARN; called for those whose parent ended, or went on without them, when
            their stop was lost.

    Attributes:
        runner: what the executions are given to.
        names: who has which name.
    """

    def __init__(
        self, parts: Parts, registry: Registry, machines: StateMachines, stop_child: Callable[[str], object]
    ) -> None:
        self._parts = parts
        self._registry = registry
        self._machines = machines
        self._stop_child = stop_child
        self.names = Names(parts.database, registry)
        self.runner = Runner(parts, registry, self.names, self._schedule)
        self._lost: dict[int, str] = {}
        self._failures = 0
        self._is_due = False

    async def recover_all(self, progress: Progress | None) -> None:
        """Rebuilds every execution that has not ended, the oldest first, and then has them go on.

        None goes on before all are there: what it does may be about another one, such as to stop its child.
        """
        reader = self._parts.database.reader
        self._registry.closed_counts.update(executions.counts_by_status(reader))
        self._registry.closed_counts.pop("RUNNING", None)
        ids = executions.running_ids(reader)
        recovered: list[Recovered] = []
        for done in range(0, len(ids), _CHUNK):
            recovered += self._rebuilt(ids[done : done + _CHUNK])
            if progress is not None:
                progress(min(done + _CHUNK, len(ids)), len(ids))
            await asyncio.sleep(0)
        unwanted = orphans(reader, self._registry)
        for done in range(0, len(recovered), _CHUNK):
            for each in recovered[done : done + _CHUNK]:
                self.runner.resume(each)
            await asyncio.sleep(0)
        for arn in unwanted:
            self._stop_child(arn)

    def _schedule(self, lost: list[Running]) -> None:
        """Rebuilds what a failed commit held, soon, and later each time it fails again."""
        self._lost |= {running.id: running.arn for running in lost}
        delay = _DELAY_SECONDS[min(self._failures, len(_DELAY_SECONDS) - 1)]
        self._failures += 1
        if not self._is_due:
            self._is_due = True
            self.runner.clockwork.call_later(delay, self._rebuild_lost)

    def _rebuild_lost(self) -> None:
        self._is_due = False
        lost, self._lost = self._lost, {}
        ids, found = list(lost), set[int]()
        for at in range(0, len(ids), _CHUNK):
            found |= self.bring_back(ids[at : at + _CHUNK])
        for execution_id in lost.keys() - found:
            self._registry.refuse_waiters(execution_id, ExecutionDoesNotExistError(lost[execution_id]))
        self._parts.database.submit(lambda _: None).add_done_callback(self._note_success)

    def _note_success(self, future: "asyncio.Future[None]") -> None:
        if future.exception() is None:
            self._failures = 0

    def check(self, row: ExecutionRow) -> None:
        """Refuses to bring back what could not go on. Raises DefinitionError."""
        self._machines.compiled_for(row)

    def bring_back(self, ids: Sequence[int]) -> set[int]:
        """Rebuilds those of *ids* that have not ended, and answers who waits for the others; gives those on disk."""
        rows = executions.by_ids(self._parts.database.reader, ids)
        for recovered in self._rebuilt([row.id for row in rows if row.status == ExecutionStatus.RUNNING]):
            self.runner.resume(recovered)
        for row in rows:
            if row.status != ExecutionStatus.RUNNING:
                self._registry.tell_closed(row.id, closed_from(row))
        arns = {execution_arn(row.machine_arn, row.name) for row in rows}
        for arn in orphans(self._parts.database.reader, self._registry, arns):
            self._stop_child(arn)
        return {row.id for row in rows}

    def _rebuilt(self, ids: Sequence[int]) -> list[Recovered]:
        """Executions that can go on, in the registry already."""
        reader = self._parts.database.reader
        journals = executions.journals(reader, ids)
        found = [self._rebuild(row, journals[row.id]) for row in executions.by_ids(reader, ids)]
        return [recovered for recovered in found if recovered is not None]

    def _rebuild(self, row: ExecutionRow, journal: list[bytes]) -> Recovered | None:
        """The execution in the registry; None when it ends instead of going on, or cannot go on in this release."""
        machine = self._machine(row)
        if machine is None:
            return None
        try:
            recovered = rebuild(row, journal, machine)
        except Exception:  # noqa: BLE001
            # The edge of the interpreter: a journal it cannot follow stops this one execution.
            running = fresh(row, machine)
            _log.exception("%s stops: its journal cannot be replayed", running.arn)
            self.runner.end(
                running, CloseExecution(ExecutionStatus.FAILED, error="States.Runtime", cause=_UNFOLLOWABLE)
            )
            return None
        execution = recovered.running.execution
        logged = LoggedExecution(recovered.running.arn, row.machine_name, row.redrive_count)
        self.runner.logs.follow(row.id, row.logging, logged)
        if execution.status is not ExecutionStatus.RUNNING:
            ended = CloseExecution(execution.status, execution.output, execution.error, execution.cause)
            self.runner.end(recovered.running, ended)
            return None
        self._registry.add(recovered.running)
        return recovered

    def _machine(self, row: ExecutionRow) -> Machine | None:
        """What the execution runs; None when this release refuses it, and the execution has to wait for another one."""
        arn = execution_arn(row.machine_arn, row.name)
        try:
            return self._machines.compiled_for(row)
        except Exception as error:  # noqa: BLE001
            # The edge of the compiler: a definition that an earlier release took holds up its own executions only.
            _log.error("%s: %s", DefinitionRefusedError(arn), error)
            self._registry.refused.add(arn)
            return None
