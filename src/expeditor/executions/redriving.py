"""Redrive: an execution that ended badly goes on from where it failed.

Source: API_RedriveExecution, and redriveStatusReason of API_DescribeExecution.
"""

import asyncio
from collections import OrderedDict

from expeditor.asl import ExecutionRedriven
from expeditor.executions.errors import ExecutionNotRedrivableError
from expeditor.executions.journal import encode_event
from expeditor.executions.parts import Parts
from expeditor.executions.rebuilding import Rebuilding
from expeditor.executions.records import Records
from expeditor.executions.redrivable import running_reason, why_not_redrivable
from expeditor.executions.registry import Registry
from expeditor.executions.running import Waiter, answer, refuse
from expeditor.store import executions

_REDRIVEN = "ExecutionRedriven"

TOKENS_MAX = 1_000
"""Requests that are remembered, so that one that is repeated does nothing twice."""


class Redriving:
    """Brings executions that ended back to life.

    The outcome is journaled first, and then the execution is rebuilt, as it is after a crash.
    """

    def __init__(self, parts: Parts, registry: Registry, records: Records, rebuilding: Rebuilding) -> None:
        self._parts = parts
        self._registry = registry
        self._records = records
        self._rebuilding = rebuilding
        self._asked: OrderedDict[tuple[str, str], Waiter] = OrderedDict()

    def redrive(self, arn: str, client_token: str | None) -> "asyncio.Future[float]":
        """Redrives an execution and answers when.

        Args:
            client_token: the same one again gives the first answer, as long as the node runs.

        Raises (at once or through the future):
            DefinitionError, ExecutionDoesNotExistError, ExecutionNotRedrivableError, InvalidArnError.
        """
        if client_token is None:
            return self._begin(arn)
        first = self._asked.get((arn, client_token))
        if first is None:
            first = self._begin(arn)
            self._remember((arn, client_token), first)
        return asyncio.shield(first)

    def _begin(self, arn: str) -> Waiter:
        waiter: Waiter = asyncio.get_running_loop().create_future()
        row, now = self._records.row(arn), self._parts.clock.now()
        reason = why_not_redrivable(row, now)
        if reason is not None:
            raise ExecutionNotRedrivableError(arn, reason)
        self._rebuilding.check(row)
        event = encode_event(ExecutionRedriven(now, self._parts.ids.seed()))

        def settle(future: "asyncio.Future[bool]") -> None:
            error = future.exception()
            # After a failed commit it is unknown whether it is on disk; if it is, the execution goes on. One that
            # another request has brought back already stays as it is.
            if row.id not in self._registry.by_id:
                self._rebuilding.bring_back([row.id])
            if error is None and not future.result():
                error = ExecutionNotRedrivableError(arn, running_reason())
            if error is not None:
                refuse(waiter, error)
                return
            self._registry.closed_counts[row.status] -= 1
            self._log(row.id, arn)
            answer(waiter, now)

        self._parts.database.submit(lambda on: executions.reopen(on, row.id, event, now)).add_done_callback(settle)
        return waiter

    def _remember(self, request: tuple[str, str], waiter: Waiter) -> None:
        """Has *request*, when it is repeated, get the answer of *waiter*, unless that is a refusal."""
        self._asked[request] = waiter
        if len(self._asked) > TOKENS_MAX:
            self._asked.popitem(last=False)
        waiter.add_done_callback(lambda done: self._forget(request, done))

    def _forget(self, request: tuple[str, str], waiter: Waiter) -> None:
        if (waiter.cancelled() or waiter.exception() is not None) and self._asked.get(request) is waiter:
            del self._asked[request]

    def _log(self, execution_id: int, arn: str) -> None:
        """Logs what happened while the execution was rebuilt: its redrive, and what followed at once."""
        logs = self._rebuilding.runner.logs
        if logs.follows(execution_id):
            history = self._records.history(arn)
            redriven = max(at for at, event in enumerate(history) if event.type == _REDRIVEN)
            logs.write(execution_id, history[redriven:])
