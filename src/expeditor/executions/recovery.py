"""Executions rebuilt from their journal."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from expeditor.asl import (
    HISTORY_EVENTS_MAX,
    AnyEvent,
    Execution,
    ExecutionContext,
    ExecutionStarted,
    HistoryEvent,
    Machine,
    TaskStarted,
    TaskSubmitted,
    advance,
    begin,
    go_on,
)
from expeditor.executions.arns import execution_arn, given_name, is_express
from expeditor.executions.journal import decode_event
from expeditor.executions.running import Running
from expeditor.integrations import ClosedExecution
from expeditor.store.executions import ExecutionRow, NewExecution

REPLAYED_AT_ONCE = 50


@dataclass(slots=True)
class Recovered:
    """An execution as its journal leaves it.

    Attributes:
        submitted: the service's answer to each pending task whose request was already accepted, JSON text.
        taken: pending activity tasks that a worker has already taken up.
    """

    running: Running
    submitted: dict[int, bytes] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)


def context_of(row: ExecutionRow) -> ExecutionContext:
    """The context an execution started with."""
    return new_context(row, row.machine_arn, row.machine_name, row.role_arn)


def new_context(
    row: ExecutionRow | NewExecution, machine_arn: str, machine_name: str, role_arn: str
) -> ExecutionContext:
    """The context an execution starts with, from its row and what its state machine is."""
    return ExecutionContext(
        execution_arn=execution_arn(machine_arn, row.name),
        execution_name=given_name(row.name),
        role_arn=role_arn,
        started_at=row.started_at,
        state_machine_arn=machine_arn,
        state_machine_name=machine_name,
        input=row.input,
        token_prefix=token_prefix(row.id, row.secret),
        history_events_max=None if is_express(row.name) else HISTORY_EVENTS_MAX,
        alias_arn=None if row.alias is None else f"{machine_arn}:{row.alias}",
        version_arn=None if row.version is None else f"{machine_arn}:{row.version}",
    )


def closed_from(row: ExecutionRow) -> ClosedExecution:
    """The end of an execution that has ended."""
    assert row.stopped_at is not None
    return ClosedExecution(
        arn=execution_arn(row.machine_arn, row.name),
        name=given_name(row.name),
        state_machine_arn=row.machine_arn,
        status=row.status,
        input=row.input,
        output=row.output,
        error=row.error,
        cause=row.cause,
        started_at=row.started_at,
        stopped_at=row.stopped_at,
    )


def token_prefix(execution_id: int, secret: str) -> str:
    """What the task tokens of an execution begin with: where to look, and proof that the node made it."""
    return f"{execution_id:x}.{secret}."


def rebuild(row: ExecutionRow, journal: list[bytes], machine: Machine) -> Recovered:
    """Replays an execution.

    Raises:
        Exception: whatever the interpreter raises on a journal it cannot follow.
    """
    recovered = Recovered(fresh(row, machine))
    running = recovered.running
    for event in _events(row, journal):
        advance(machine, running.execution, event)
        _note(recovered, event)
    running.seq = len(journal)
    return recovered


def replay_history(
    row: ExecutionRow, journal: list[bytes], machine: Machine, history: list[HistoryEvent]
) -> Iterator[None]:
    """Appends to *history* all that happened up to the last outcome of *journal*.

    Pauses now and then, so that the caller may let others go on.
    """
    execution = Execution.new(context_of(row))
    for event in _events(row, journal):
        turn = begin(machine, execution, event, history)
        while not go_on(turn, REPLAYED_AT_ONCE):
            yield
        yield


def fresh(row: ExecutionRow, machine: Machine) -> Running:
    """An execution before its first event, whose row is on disk."""
    context = context_of(row)
    return Running(row.id, context.execution_arn, machine, Execution.new(context))


def _events(row: ExecutionRow, journal: list[bytes]) -> list[AnyEvent]:
    return [ExecutionStarted(row.started_at, row.seed), *map(decode_event, journal)]


def _note(recovered: Recovered, event: AnyEvent) -> None:
    if isinstance(event, TaskSubmitted):
        recovered.submitted[event.task_id] = event.output
    elif isinstance(event, TaskStarted):
        recovered.taken.add(event.task_id)
