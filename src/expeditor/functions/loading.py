"""Gets one function version's template loaded, and remembers why when it cannot be."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from expeditor.functions import failures, refusals
from expeditor.functions.logs import FunctionLogs
from expeditor.functions.processes import Program, Template, Zygote
from expeditor.functions.reports import Report
from expeditor.functions.versions import FunctionVersion

RETRY_SECONDS_MAX = 30.0

InitError = Callable[[str], bytes]
"""From a request id to the error object, as JSON text, of an invocation whose version could not be loaded."""


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """Limits of loading.

    Attributes:
        load_seconds: how long a version may take to load. Source: Lambda's limit of the INIT phase.
        retry_seconds: for how long the error of a version that could not be loaded is given again without another
            try; doubles with each failure in a row, up to 30 s.
    """

    load_seconds: float = 10.0
    retry_seconds: float = 0.5


class LoaderEvents(Protocol):
    """Who wants the template."""

    def loaded(self) -> None:
        """It can be forked from."""
        ...

    def not_loaded(self, error: InitError) -> None:
        """It cannot be loaded."""
        ...

    def unloaded(self) -> None:
        """Its process ended; it is loaded again when it is wanted."""
        ...

    def unavailable(self, reason: refusals.ServiceUnavailableError) -> None:
        """No process can be started for it."""
        ...


class Loader:
    """Loads the template on ``want``. ``template`` is None unless it can be forked from."""

    def __init__(
        self,
        version: FunctionVersion,
        program: Program,
        zygote: Zygote,
        logs: FunctionLogs,
        settings: LoadSettings,
    ) -> None:
        self.template: Template | None = None
        self._loop = asyncio.get_running_loop()
        self._version = version
        self._program = program
        self._zygote = zygote
        self._logs = logs
        self._settings = settings
        self._events: LoaderEvents | None = None
        self._loading: Template | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._import_in_worker = False
        self._error: InitError | None = None
        self._failures = 0
        self._retry_at = 0.0

    def want(self, events: LoaderEvents) -> None:
        """Starts loading, unless it is under way; an error of a moment ago is given again."""
        self._events = events
        if self._loading is not None or self.template is not None:
            return
        if self._error is not None and self._loop.time() < self._retry_at:
            events.not_loaded(self._error)
            return
        self._error = None
        try:
            self._loading = Template(self._zygote, self._program, self, import_in_worker=self._import_in_worker)
        except refusals.ServiceUnavailableError as reason:
            events.unavailable(reason)
            return
        self._timer = self._loop.call_later(self._settings.load_seconds, self._too_slow)

    def end(self) -> None:
        """Kills the template with its workers; the next ``want`` loads another."""
        self._stop_timer()
        for template in (self._loading, self.template):
            if template is not None:
                template.end()
        self._loading = self.template = None

    def template_loaded(self, template: Template, shareable: bool, output: bytes) -> None:
        """The import is done; a template that opened files or threads is replaced by one that leaves it to workers."""
        if template is not self._loading:
            return
        self._loading = None
        self._stop_timer()
        self._log(output)
        if not shareable:
            self._import_in_worker = True
            template.end()
            self.want(self._listener())
            return
        self.template = template
        self._failures = 0
        self._listener().loaded()

    def template_not_loaded(self, template: Template, error: bytes, output: bytes) -> None:
        """The import raised."""
        if template is not self._loading:
            return
        self._log(output)
        self._fail(lambda request_id: failures.with_request_id(error, request_id))

    def template_exited(self, template: Template, status: int, output: bytes) -> None:
        """The process ended, after all else it reported."""
        if template is self._loading:
            self._log(output)
            self._fail(lambda request_id: failures.exited(request_id, status))
        elif template is self.template:
            self.template = None
            self._listener().unloaded()

    def _fail(self, error: InitError) -> None:
        self._loading = None
        self._stop_timer()
        delay = min(RETRY_SECONDS_MAX, self._settings.retry_seconds * 2**self._failures)
        self._failures = min(self._failures + 1, 10)
        self._error = error
        self._retry_at = self._loop.time() + delay
        self._listener().not_loaded(error)

    def _too_slow(self) -> None:
        template = self._loading
        self._timer = None
        if template is not None:
            template.end()
            seconds = int(self._settings.load_seconds)
            self._fail(lambda request_id: failures.timed_out(request_id, seconds))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _listener(self) -> LoaderEvents:
        assert self._events is not None
        return self._events

    def _log(self, output: bytes) -> None:
        if output:
            self._logs.add(self._version.name, Report("", self._version.version, output.decode(errors="replace")))
