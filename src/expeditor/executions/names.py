"""Whose a name is: starting an execution twice.

"StartExecution is idempotent for STANDARD workflows": the same name and input while the execution runs is the same
request; once it has ended, or with another input, the name is taken. Source: API_StartExecution.
"""

from expeditor.asl import ExecutionStatus
from expeditor.executions.errors import ExecutionAlreadyExistsError
from expeditor.executions.recovery import closed_from
from expeditor.executions.registry import Registry
from expeditor.executions.running import Running, Waiter, answer, refuse
from expeditor.integrations import StartedExecution, StartRequest
from expeditor.store import Database, executions


class Names:
    """Finds out whether a name is free.

    Among executions that run, at once; among those on disk only when the insert finds the name taken, because asking
    the disk before every start would cost more than the start itself.
    """

    def __init__(self, database: Database, registry: Registry) -> None:
        self._database = database
        self._registry = registry

    def is_running(self, arn: str, request: StartRequest, waiter: Waiter) -> bool:
        """Answers *waiter* if an execution in memory has that ARN; False when none has.

        Raises:
            ExecutionAlreadyExistsError
        """
        running = self._registry.by_arn.get(arn)
        if running is None:
            return False
        is_same = running.closing is None and running.execution.context.input == request.input
        if not is_same and not self._is_again(running, request):
            raise ExecutionAlreadyExistsError(arn)
        if running.starting is None:
            waiter.set_result(StartedExecution(arn, running.execution.context.started_at))
        else:
            running.starting.append(waiter)
        return True

    def _is_again(self, running: Running, request: StartRequest) -> bool:
        """Whether the task that started an execution asks once more."""
        if request.started_by is None:
            return False
        row = running.row or executions.by_id(self._database.reader, running.id)
        return row is not None and row.started_by == request.started_by

    def give_up(self, duplicate: Running) -> None:
        """Drops an execution whose name turned out to be taken on disk, and answers for the one that has it."""
        duplicate.lost = True
        self._registry.remove(duplicate)
        wanted, context = duplicate.row, duplicate.execution.context
        assert wanted is not None
        row = executions.by_name(self._database.reader, context.state_machine_arn, wanted.name)
        assert row is not None
        # The task that started it asks again after a crash, when it may have ended already.
        is_again = row.started_by is not None and row.started_by == wanted.started_by
        is_same = row.status == ExecutionStatus.RUNNING and row.input == wanted.input
        for waiter in duplicate.starting or ():
            if is_again or is_same:
                answer(waiter, StartedExecution(duplicate.arn, row.started_at))
            else:
                refuse(waiter, ExecutionAlreadyExistsError(duplicate.arn))
        if row.status == ExecutionStatus.RUNNING:
            self._registry.pass_waiters(duplicate.id, row.id)
        else:
            self._registry.tell_closed(duplicate.id, closed_from(row))
