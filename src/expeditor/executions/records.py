"""What is on disk of executions: descriptions, lists, histories."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from expeditor.asl import Execution, ExecutionStatus, HistoryEvent, HistoryPage
from expeditor.clock import Clock
from expeditor.executions import arns
from expeditor.executions.addressing import addressed
from expeditor.executions.errors import ExecutionDoesNotExistError
from expeditor.executions.machines import StateMachines
from expeditor.executions.recovery import rebuild, replay_history
from expeditor.executions.redrivable import why_not_redrivable
from expeditor.payloads import JSONValue
from expeditor.store import Database, executions
from expeditor.store.executions import ExecutionRow

_log = logging.getLogger(__name__)

_BROKEN = "ExecutionFailed"


@dataclass(frozen=True, slots=True)
class ExecutionDescription:
    """One execution.

    Attributes:
        input, output: JSON text; output only when SUCCEEDED.
        started_at, stopped_at, redriven_at: seconds since the epoch.
        version, alias: of the state machine, by which it was started, if by either.
        not_redrivable: why it cannot be redriven; None when it can.
    """

    arn: str
    name: str
    state_machine_arn: str
    status: ExecutionStatus
    input: bytes
    output: bytes | None
    error: str | None
    cause: str | None
    started_at: float
    stopped_at: float | None
    trace_header: str | None
    version: int | None = None
    alias: str | None = None
    redrive_count: int = 0
    redriven_at: float | None = None
    not_redrivable: str | None = None


@dataclass(frozen=True, slots=True)
class ExecutionSummary:
    """What a list shows of one execution; see ExecutionDescription."""

    arn: str
    name: str
    state_machine_arn: str
    status: ExecutionStatus
    started_at: float
    stopped_at: float | None
    version: int | None = None
    alias: str | None = None
    redrive_count: int = 0
    redriven_at: float | None = None


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """Which executions to list, newest first.

    Attributes:
        state_machine_arn: also of a version or an alias; None for those of all state machines.
        is_redriven: only those that were, or were not, redriven; with a *state_machine_arn*.
        after: where the page before ended, its ``next_page``.
        limit: 1 to 1000.
    """

    state_machine_arn: str | None = None
    status: ExecutionStatus | None = None
    after: int | None = None
    limit: int = 100
    is_redriven: bool | None = None


@dataclass(frozen=True, slots=True)
class ExecutionPage:
    """One page of a list; *next_page* is None on the last one."""

    executions: list[ExecutionSummary]
    next_page: int | None


class Records:
    """Reads executions; sees what is on disk."""

    def __init__(self, database: Database, machines: StateMachines, clock: Clock) -> None:
        self._clock = clock
        self._reader = database.reader
        self._machines = machines

    def row(self, arn: str) -> ExecutionRow:
        """One execution. Raises ExecutionDoesNotExistError, InvalidArnError."""
        row = executions.by_name(self._reader, *arns.split_execution_arn(arn))
        if row is None:
            raise ExecutionDoesNotExistError(arn)
        return row

    def describe(self, arn: str) -> ExecutionDescription:
        """One execution. Raises ExecutionDoesNotExistError, InvalidArnError."""
        row = self.row(arn)
        return ExecutionDescription(
            arn=arn,
            name=arns.given_name(row.name),
            state_machine_arn=row.machine_arn,
            status=ExecutionStatus(row.status),
            input=row.input,
            output=row.output,
            error=row.error,
            cause=row.cause,
            started_at=row.started_at,
            stopped_at=row.stopped_at,
            trace_header=row.trace_header,
            version=row.version,
            alias=row.alias,
            redrive_count=row.redrive_count,
            redriven_at=row.redriven_at,
            not_redrivable=why_not_redrivable(row, self._clock.now()),
        )

    def replayed(self, row: ExecutionRow) -> Execution:
        """An execution as its journal leaves it. Raises whatever the interpreter raises on one it cannot follow."""
        journal = executions.journal(self._reader, row.id)
        return rebuild(row, journal, self._machines.compiled_for(row)).running.execution

    def page(self, wanted: ExecutionFilter) -> ExecutionPage:
        """Executions, newest first. Raises StateMachineDoesNotExistError."""
        machine_id, version, alias = self._chosen(wanted.state_machine_arn)
        # One more than asked for tells whether there is another page.
        limit = min(wanted.limit + 1, 1000)
        rows = executions.page(
            self._reader,
            executions.ExecutionFilter(
                machine_id, wanted.status, wanted.after, limit, version, alias, wanted.is_redriven
            ),
        )
        shown = rows[: wanted.limit]
        has_more = len(rows) > wanted.limit or (wanted.limit == 1000 and len(rows) == 1000)
        return ExecutionPage([_summary(row) for row in shown], shown[-1].id if has_more else None)

    def history(self, arn: str) -> list[HistoryEvent]:
        """The history of an execution, by replaying its journal. Raises ExecutionDoesNotExistError."""
        row = self.row(arn)
        history: list[HistoryEvent] = []
        for _ in self._replay(row, history):
            pass
        history.extend(_missing_end(row, history))
        return history

    async def history_page(self, arn: str, first: int, limit: int, *, newest_first: bool = False) -> HistoryPage:
        """The history of an execution, of which some events keep their data; see ``Engine.history_page``.

        Other executions go on while it is put together. Raises ExecutionDoesNotExistError.
        """
        row = self.row(arn)
        low, high = first + 1, first + limit
        if newest_first:
            high = first - 1 if first else len(await self._collected(row, HistoryPage(1, 0)))
            low = max(1, high - limit + 1)
        return await self._collected(row, HistoryPage(low, high, newest_first=newest_first))

    async def _collected(self, row: ExecutionRow, page: HistoryPage) -> HistoryPage:
        for _ in self._replay(row, page):
            await asyncio.sleep(0)
        for event in _missing_end(row, page):
            page.append(event)
        return page

    def _replay(self, row: ExecutionRow, history: list[HistoryEvent]) -> Iterator[None]:
        try:
            journal = executions.journal(self._reader, row.id)
            yield from replay_history(row, journal, self._machines.compiled_for(row), history)
        except Exception:  # noqa: BLE001
            # The edge of the interpreter: the journal of an execution that it could not follow shows what it can.
            _log.exception("the journal of %s cannot be replayed to its end", row.name)

    def _chosen(self, arn: str | None) -> tuple[int | None, int | None, str | None]:
        """The state machine's id, and the version or alias, that *arn* names."""
        if arn is None:
            return None, None, None
        found = addressed(self._reader, arn)
        version, alias = found.version, found.alias
        return found.row.id, version and version.number, alias and alias.name


def _summary(row: executions.ExecutionSummary) -> ExecutionSummary:
    return ExecutionSummary(
        arn=arns.execution_arn(row.machine_arn, row.name),
        name=arns.given_name(row.name),
        state_machine_arn=row.machine_arn,
        status=ExecutionStatus(row.status),
        started_at=row.started_at,
        stopped_at=row.stopped_at,
        version=row.version,
        alias=row.alias,
        redrive_count=row.redrive_count,
        redriven_at=row.redriven_at,
    )


def _missing_end(row: ExecutionRow, history: list[HistoryEvent]) -> list[HistoryEvent]:
    """The end of an execution that the engine stopped because the interpreter failed; no outcome led to it."""
    if row.stopped_at is None or row.error != "States.Runtime" or (history and history[-1].type == _BROKEN):
        return []
    last_id = history[-1].id if history else 0
    body: JSONValue = {"error": row.error, "cause": row.cause}
    return [HistoryEvent(last_id + 1, last_id, row.stopped_at, _BROKEN, {"executionFailedEventDetails": body})]
