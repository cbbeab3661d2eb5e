"""One worker: a process, the call it runs, and the time that call has."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

import msgspec

from expeditor.clock import Clock
from expeditor.errors import ServiceError
from expeditor.functions import failures, reports
from expeditor.functions.connections import Connection
from expeditor.functions.logs import FunctionLogs
from expeditor.functions.processes import Template
from expeditor.functions.reports import Report
from expeditor.functions.sandbox.frames import Outcome, Reply, Request, frame
from expeditor.functions.versions import FunctionVersion, Invocation

UNHANDLED = "Unhandled"
PRINTED_BYTES_MAX = 1_048_576
DEAF_SECONDS = 1.0
"""A worker that is not gone so long after it was to be killed: the process that it shares is busy with a neighbour."""

STUCK_SECONDS = 2.0
"""A worker that is not gone so long after it was to be killed: its template does not do as it is told."""


class Call(msgspec.Struct, eq=False):
    """One invocation on its way; *future* resolves with what came of it.

    Attributes:
        waits_since: on the loop's clock, when it began to wait for a worker.
    """

    request_id: str
    payload: bytes
    arn: str
    client_context: bytes | None
    future: asyncio.Future[Invocation]
    waits_since: float = 0.0

    def answer(self, invocation: Invocation) -> None:
        """Resolves the future, unless whoever waits has given up."""
        if not self.future.done():
            self.future.set_result(invocation)

    def refuse(self, reason: ServiceError) -> None:
        """Resolves the future with an exception: the call was not run, or nobody knows how it ended."""
        if not self.future.done():
            self.future.set_exception(reason)


@dataclass(frozen=True, slots=True)
class Workplace:
    """What the workers of one version share."""

    version: FunctionVersion
    logs: FunctionLogs
    clock: Clock


class WorkerEvents(Protocol):
    """Who gives calls to a worker."""

    def worker_free(self, worker: "Worker", *, waited: bool) -> None:
        """It may be given the next call."""
        ...

    def worker_gone(self, worker: "Worker") -> None:
        """Its process ended."""
        ...


class Worker:
    """Runs one call after the other; one that takes too long costs the process, unless it shares that with others."""

    def __init__(self, template: Template, workplace: Workplace, events: WorkerEvents) -> None:
        self._loop = asyncio.get_running_loop()
        self._workplace = workplace
        self._version = workplace.version
        self._timeout_seconds = workplace.version.configuration.timeout_seconds
        self._events = events
        self._call: Call | None = None
        self._started_at = 0.0
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timed_out = False
        self._printed = b""
        self._memory_mb = 0
        self.idle_since = 0.0
        self._connection = Connection(template, self)

    def run(self, call: Call) -> None:
        """Runs *call*; the worker must be free."""
        assert self._call is None
        self._call = call
        self._started_at = self._workplace.clock.monotonic()
        self._deadline = self._loop.time() + self._timeout_seconds
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._check_deadline)
        request = Request(call.request_id, call.payload, call.arn, self._timeout_seconds * 1000, call.client_context)
        self._connection.send(frame(request))

    def finish(self) -> None:
        """Lets the process, which must be free, end."""
        self._stop_timer()
        self._connection.finish()

    def abandon(self, reason: ServiceError) -> None:
        """Answers the call that runs with *reason*, as the process is about to be killed."""
        self._stop_timer()
        if self._call is not None:
            self._call.refuse(reason)

    def replied(self, reply: Reply) -> None:
        """The process printed much, or is done with the call; one that is being killed for its time comes too late."""
        if reply.output:
            self._keep_printed(reply.output)
        call = self._call
        if reply.outcome is Outcome.OUTPUT or call is None or self._timed_out:
            return
        self._memory_mb = reply.memory_mb
        if reply.outcome is Outcome.OUT_OF_MEMORY:
            self._resolve(call, failures.out_of_memory(call.request_id), UNHANDLED, "error")
            return
        self._resolve(call, reply.payload, None if reply.outcome is Outcome.RESULT else UNHANDLED)
        self.idle_since = self._loop.time()
        self._events.worker_free(self, waited=reply.waited)

    def ended(self, status: int, printed: bytes) -> None:
        """The process is gone; a call that it ran fails."""
        self._stop_timer()
        call = self._call
        if call is not None:
            self._keep_printed(printed)
            self._fail(call, status)
        self._events.worker_gone(self)

    def _fail(self, call: Call, status: int) -> None:
        if self._timed_out:
            now = self._workplace.clock.now()
            self._printed += reports.timeout_line(call.request_id, self._timeout_seconds, now)
            self._resolve(call, failures.timed_out(call.request_id, self._timeout_seconds), UNHANDLED, "timeout")
        else:
            self._printed += reports.exit_line(call.request_id, failures.exit_text(status))
            self._resolve(call, failures.exited(call.request_id, status), UNHANDLED, "error")

    def _resolve(self, call: Call, payload: bytes, function_error: str | None, status: str = "") -> None:
        """Writes the log and answers *call*."""
        self._call = None
        printed, self._printed = self._printed, b""
        version, workplace = self._version, self._workplace
        report = Report(
            call.request_id,
            version.version,
            printed.decode(errors="replace"),
            (workplace.clock.monotonic() - self._started_at) * 1000,
            version.configuration.memory_mb,
            self._memory_mb,
            status,
        )
        workplace.logs.add(version.name, report, failed=function_error is not None)
        call.answer(Invocation(payload, function_error, version.version, call.request_id, report))

    def _keep_printed(self, printed: bytes) -> None:
        """Keeps the beginning and, of what is too much, the end."""
        self._printed += printed
        excess = len(self._printed) - PRINTED_BYTES_MAX
        if excess > 0:
            half = PRINTED_BYTES_MAX // 2
            self._printed = self._printed[:half] + self._printed[half + excess :]

    def _check_deadline(self) -> None:
        """Kills a process that is over its time; one timer serves many calls, as each has the same time."""
        self._timer = None
        if self._call is None:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._check_deadline)
        else:
            self._timed_out = True
            self._timer = self._loop.call_later(DEAF_SECONDS, self._insist)
            self._connection.kill()

    def _insist(self) -> None:
        self._timer = self._loop.call_later(STUCK_SECONDS - DEAF_SECONDS, self._connection.kill_template)
        self._connection.kill()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def unresolved(call: Call, version: FunctionVersion, payload: bytes) -> None:
    """Answers a call that no worker ran, with the error object *payload*."""
    report = Report("", version.version, payload.decode(errors="replace"))
    call.answer(Invocation(payload, UNHANDLED, version.version, call.request_id, report))
