"""The door of durable executions."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from expeditor.asl import Execution, HistoryEvent, HistoryPage
from expeditor.errors import ServiceError
from expeditor.executions import arns
from expeditor.executions.addressing import Startable
from expeditor.executions.ending import Ending
from expeditor.executions.errors import (
    EngineClosedError,
    InvalidExecutionInputError,
)
from expeditor.executions.inputs import check_json
from expeditor.executions.insisting import insist
from expeditor.executions.machines import MachineType, StateMachines
from expeditor.executions.map_runs import MapRuns
from expeditor.executions.parts import Parts
from expeditor.executions.rebuilding import Progress, Rebuilding
from expeditor.executions.records import ExecutionDescription, ExecutionFilter, ExecutionPage, Records
from expeditor.executions.recovery import new_context
from expeditor.executions.redriving import Redriving
from expeditor.executions.registry import Registry
from expeditor.executions.runner import Subscriber
from expeditor.executions.running import Running, Waiter
from expeditor.executions.tokens import TaskTokens
from expeditor.executions.trials import Trials
from expeditor.integrations import ClosedExecution, LoggedExecution, StartedExecution, StartRequest
from expeditor.store import executions
from expeditor.store.executions import NewExecution


@dataclass(frozen=True, slots=True)
class Counts:
    """How many executions there are.

    Attributes:
        closed: by status, of those that have ended.
        oldest_started_at: of the one that has been running for longest; None when none is running.
    """

    running: int
    closed: dict[str, int]
    oldest_started_at: float | None


class Engine:
    """Durable executions.

    Every answer that promises something is a future that resolves once the promise is on disk. What AWS's API would
    refuse is refused with a ServiceError: through the future, or at once by what answers at once.

    Attributes:
        machines: the state machines.
        activities: the activities and their workers.
        map_runs: of distributed maps.
        trials: single tasks, performed for no execution.
    """

    def __init__(self, parts: Parts) -> None:
        self.machines = StateMachines(parts.database, parts.clock, parts.ids, parts.logs)
        self.trials = Trials(parts.integrations, parts.clock)
        self._parts = parts
        self._registry = Registry()
        rebuilding = Rebuilding(parts, self._registry, self.machines, self.stop_child)
        self._rebuilding = rebuilding
        self._runner = rebuilding.runner
        self._names = rebuilding.names
        self.activities = rebuilding.runner.activities
        self._tokens = TaskTokens(parts, self._registry, self._runner)
        self._records = Records(parts.database, self.machines, parts.clock)
        self.map_runs = MapRuns(parts, self._registry, self._records, self._runner)
        self._ending = Ending(parts, self._registry, self._records, self._runner)
        self._redriving = Redriving(parts, self._registry, self._records, rebuilding)
        self._last_id = executions.last_id(parts.database.reader)
        self._loop = asyncio.get_running_loop()
        self._is_closed = False

    @classmethod
    async def open(cls, parts: Parts, progress: Progress | None = None) -> "Engine":
        """Goes on where the journal ends: every execution that has not ended is rebuilt, its pending tasks are started
        again (at least once), and overdue timers fire.

        Args:
            progress: called now and then with how many are done and how many there are.
        """
        engine = cls(parts)
        parts.integrations.attach(engine)
        await engine._rebuilding.recover_all(progress)
        return engine

    async def close(self) -> None:
        """Stops cleanly: what was acknowledged is on disk, what was under way goes on at the next start."""
        self._is_closed = True
        await self._runner.stop()
        self._registry.refuse_all(EngineClosedError())

    def start_execution(
        self,
        state_machine_arn: str,
        name: str | None,
        input: bytes,  # noqa: A002 - AWS's spelling
        trace_header: str | None = None,
    ) -> "asyncio.Future[StartedExecution]":
        """Starts an execution; the same name with the same input while it runs gives the first one.

        Args:
            name: unique within the state machine for ever; None for a random one.
            input: JSON text.

        Raises (through the future):
            ExecutionAlreadyExistsError, InvalidExecutionInputError, InvalidNameError, StateMachineDeletingError,
            StateMachineDoesNotExistError.
        """
        return self.start(StartRequest(state_machine_arn, input, name, trace_header))

    def start(self, request: StartRequest) -> "asyncio.Future[StartedExecution]":
        """Starts an execution; see ``start_execution``. A task that starts one is never told of an unknown outcome."""

        def ask(waiter: Waiter) -> None:
            try:
                self._start(request, waiter)
            except (ServiceError, EngineClosedError) as error:
                waiter.set_exception(error)

        if request.started_by is not None:
            return insist(ask, self._runner.clockwork.call_later)
        waiter: asyncio.Future[StartedExecution] = self._loop.create_future()
        ask(waiter)
        return waiter

    def stop_execution(self, arn: str, error: str | None, cause: str | None) -> "asyncio.Future[float]":
        """Aborts an execution and answers when it stopped; one that has ended stays as it is.

        Raises (through the future):
            ExecutionDoesNotExistError, ExecutionUnavailableError, InvalidArnError.
        """
        return self._ending.stop(arn, error, cause)

    def stop_child(self, arn: str) -> "asyncio.Future[float]":
        """Aborts an execution whose parent waits for it no more, and answers when it stopped; tries until it has.

        Raises (through the future):
            ExecutionDoesNotExistError, InvalidArnError.
        """
        return self._ending.stop_child(arn)

    def redrive_execution(self, arn: str, client_token: str | None = None) -> "asyncio.Future[float]":
        """Lets an execution that ended badly go on from where it failed, and answers when it began to.

        Args:
            client_token: the same one again gives the first answer.

        Raises (at once or through the future):
            ExecutionDoesNotExistError, ExecutionNotRedrivableError, InvalidArnError.
        """
        return self._redriving.redrive(arn, client_token)

    def wait_closed(self, arn: str) -> "asyncio.Future[ClosedExecution]":
        """The end of an execution.

        Raises (through the future):
            EngineClosedError, ExecutionDoesNotExistError, InvalidArnError.
        """
        return self._ending.wait(arn)

    def describe_execution(self, arn: str) -> ExecutionDescription:
        """One execution. Raises ExecutionDoesNotExistError, InvalidArnError."""
        return self._records.describe(arn)

    def list_executions(self, wanted: ExecutionFilter) -> ExecutionPage:
        """One page of executions, newest first. Raises StateMachineDoesNotExistError."""
        return self._records.page(wanted)

    def history(self, arn: str) -> list[HistoryEvent]:
        """The history of an execution, oldest event first. Raises ExecutionDoesNotExistError, InvalidArnError."""
        return self._records.history(arn)

    async def history_page(self, arn: str, first: int, limit: int, *, newest_first: bool = False) -> HistoryPage:
        """The history of an execution, of which *limit* events beyond the one with id *first* keep their data, or fewer
        of them where they are large; 0 begins at the start, or at the end if *newest_first*.

        Raises ExecutionDoesNotExistError, InvalidArnError.
        """
        return await self._records.history_page(arn, first, limit, newest_first=newest_first)

    def send_task_success(self, token: str, output: bytes) -> "asyncio.Future[float]":
        """Ends the task of *token* well with *output*, JSON text.

        Raises (at once or through the future):
            InvalidOutputError, InvalidTokenError, TaskTimedOutError, ExecutionUnavailableError.
        """
        return self._tokens.succeed(token, output)

    def send_task_failure(self, token: str, error: str, cause: str) -> "asyncio.Future[float]":
        """Ends the task of *token* badly. Raises as ``send_task_success`` does."""
        return self._tokens.fail(token, error, cause)

    def send_task_heartbeat(self, token: str) -> "asyncio.Future[None]":
        """Restarts the heartbeat of the task of *token*; nothing is written. Raises as ``send_task_success`` does."""
        self._tokens.heartbeat(token)
        waiter: asyncio.Future[None] = self._loop.create_future()
        waiter.set_result(None)
        return waiter

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Has *subscriber* called once per commit with the executions that changed; returns what ends that."""
        self._runner.subscribers.append(subscriber)
        return lambda: self._runner.subscribers.remove(subscriber)

    def counts(self) -> Counts:
        """How many executions there are."""
        running = self._registry.by_id
        oldest = running[min(running)].execution.context.started_at if running else None
        return Counts(len(running), dict(self._registry.closed_counts), oldest)

    def _start(self, request: StartRequest, waiter: Waiter) -> None:
        if self._is_closed:
            raise EngineClosedError
        startable = self.machines.startable(request.state_machine_arn)
        check_json(request.input, InvalidExecutionInputError)
        is_express = startable.row.type == MachineType.EXPRESS
        if request.name is None:
            name = self._parts.ids.uuid()
        else:
            name = request.name
            arns.check_name(name)
            if not is_express and self._names.is_running(arns.execution_arn(startable.row.arn, name), request, waiter):
                return
        if is_express:
            name = arns.unique_name(name, self._parts.ids.uuid())
        running = self._new(startable, name, request, waiter)
        logged = LoggedExecution(running.arn, startable.row.name)
        self._runner.logs.follow(running.id, startable.row.logging, logged)
        self._runner.begin(running)

    def _new(self, startable: Startable, name: str, request: StartRequest, waiter: Waiter) -> Running:
        self._last_id += 1
        machine, secret, now = startable.row, self._parts.ids.seed().hex(), self._parts.clock.now()
        row = NewExecution(
            id=self._last_id,
            machine_id=machine.id,
            revision_id=machine.revision_id,
            name=name,
            status="RUNNING",
            input=request.input,
            output=None,
            error=None,
            cause=None,
            started_at=now,
            stopped_at=None,
            seed=self._parts.ids.seed(),
            secret=secret,
            started_by=request.started_by,
            trace_header=request.trace_header,
            version=startable.version,
            alias=startable.alias,
        )
        context = new_context(row, machine.arn, machine.name, machine.role_arn)
        execution = Execution.new(context)
        return Running(
            row.id, context.execution_arn, startable.machine, execution, row=row, is_inserted=False, starting=[waiter]
        )
