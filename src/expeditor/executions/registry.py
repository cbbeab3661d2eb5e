"""The executions in memory, and those that wait for the end of one."""

from collections import Counter

from expeditor.errors import ServiceError
from expeditor.executions.errors import DefinitionRefusedError, ExecutionUnavailableError
from expeditor.executions.running import Running, Waiter, answer, refuse
from expeditor.integrations import ClosedExecution


class Registry:
    """Executions that have not ended, by id and by ARN.

    Attributes:
        closed_counts: executions that have ended, by status; complete once the engine is open.
        refused: ARNs of executions that have not ended, but whose definition this release cannot run.
    """

    def __init__(self) -> None:
        self.by_id: dict[int, Running] = {}
        self.by_arn: dict[str, Running] = {}
        self.closed_counts: Counter[str] = Counter()
        self.refused: set[str] = set()
        self._waiters: dict[int, list[Waiter]] = {}

    def add(self, running: Running) -> None:
        """Takes an execution in."""
        self.by_id[running.id] = running
        self.by_arn[running.arn] = running

    def remove(self, running: Running) -> None:
        """Forgets an execution; who waits for its end goes on waiting."""
        self.by_id.pop(running.id, None)
        # While an execution is rebuilt, one that was started under its name may stand here in its place.
        if self.by_arn.get(running.arn) is running:
            del self.by_arn[running.arn]

    def close(self, running: Running) -> None:
        """Forgets an execution whose end is on disk, and tells who waited for it."""
        assert running.closing is not None
        self.remove(running)
        self.closed_counts[running.closing.status] += 1
        if running.id in self._waiters:
            self.tell_closed(running.id, running.closed())

    def why_absent(self, arn: str) -> ServiceError:
        """Why an execution that has not ended is not here."""
        return DefinitionRefusedError(arn) if arn in self.refused else ExecutionUnavailableError(arn)

    def wait(self, execution_id: int, waiter: Waiter) -> None:
        """Has *waiter* answered with the ClosedExecution when that execution ends."""
        self._waiters.setdefault(execution_id, []).append(waiter)

    def pass_waiters(self, from_id: int, to_id: int) -> None:
        """Has those that wait for the end of one execution wait for that of another one instead."""
        for waiter in self._waiters.pop(from_id, ()):
            self.wait(to_id, waiter)

    def tell_closed(self, execution_id: int, closed: ClosedExecution) -> None:
        """Answers those that wait for the end of an execution."""
        for waiter in self._waiters.pop(execution_id, ()):
            answer(waiter, closed)

    def refuse_waiters(self, execution_id: int, error: Exception) -> None:
        """Answers those that wait for an execution that turned out not to exist."""
        for waiter in self._waiters.pop(execution_id, ()):
            refuse(waiter, error)

    def refuse_all(self, error: Exception) -> None:
        """Answers everyone that waits for an end."""
        for execution_id in list(self._waiters):
            self.refuse_waiters(execution_id, error)
