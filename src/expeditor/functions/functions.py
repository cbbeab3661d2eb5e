"""The room's door: functions that are managed, invoked, and looked into."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from expeditor.clock import Clock
from expeditor.errors import ExpeditorError
from expeditor.functions import arns, environments, refusals
from expeditor.functions.aliases import AliasCatalogue
from expeditor.functions.arns import LATEST
from expeditor.functions.artifacts import Artifacts
from expeditor.functions.catalogue import Surroundings, failed
from expeditor.functions.events import Event, EventQueue, EventSettings
from expeditor.functions.loading import Loader, LoadSettings
from expeditor.functions.logs import FunctionLogs, LogRecord
from expeditor.functions.pauses import Pauses
from expeditor.functions.pool import Pool, PoolSettings, PoolStatus
from expeditor.functions.processes import Program, Zygote
from expeditor.functions.publishing import VersionCatalogue
from expeditor.functions.routing import Route, weighted
from expeditor.functions.sweeping import Sweeper
from expeditor.functions.versions import FunctionVersion, Invocation
from expeditor.functions.workers import Call, Workplace
from expeditor.ids import Ids
from expeditor.store import Database
from expeditor.store.functions import EventRow

EVENT_BYTES_MAX = 6_291_456
"""Largest event of ``invoke``. Source: Lambda quotas, "Invocation payload", synchronous."""

LATER_EVENT_BYTES_MAX = 1_048_576
"""Largest event of ``invoke_later``. Source: Lambda quotas, "Invocation payload", asynchronous."""

ROUTES_MAX = 10_000


def _workers_max() -> int:
    return max(8, 4 * (os.cpu_count() or 1))


@dataclass(frozen=True, slots=True)
class FunctionsSettings:
    """How functions run.

    Attributes:
        runtime_environment: variables that every function gets: AWS credentials, endpoint and region of the node.
        preload: modules that every function finds imported; not for modules that functions bring in another version.
    """

    runtime_environment: Mapping[str, str] = field(default_factory=dict)
    preload: tuple[str, ...] = ("datetime", "decimal", "hashlib", "uuid")
    pool: PoolSettings = field(default_factory=lambda: PoolSettings(workers_max=_workers_max()))
    load: LoadSettings = field(default_factory=LoadSettings)
    events: EventSettings = field(default_factory=EventSettings)


class Functions(VersionCatalogue, AliasCatalogue):
    """Functions of one node: their catalogue, and invocations on warm worker processes.

    All futures belong to the event loop that called ``open``.

    Attributes:
        pauses: which functions are not to be invoked for now.
    """

    def __init__(self, surroundings: Surroundings, home: Path, settings: FunctionsSettings) -> None:
        super().__init__(surroundings, self._function_changed)
        self.pauses = Pauses(surroundings, self._function_changed)
        self._settings = settings
        self._clock = surroundings.clock
        self._ids = surroundings.ids
        self._logs = FunctionLogs(home / "logs", surroundings.clock)
        self._zygote = Zygote(settings.preload)
        self._routes: dict[tuple[str, str | None], Route[Pool]] = {}
        self._pools: dict[tuple[str, str, str], Pool] = {}
        self._retired: list[Pool] = []
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._sweeper = Sweeper(surroundings, self._artifacts_of_retired)
        self._events = EventQueue(surroundings.database, surroundings.clock, self._run_event, settings.events)

    @classmethod
    def open(
        cls, database: Database, home: Path, clock: Clock, ids: Ids, settings: FunctionsSettings | None = None
    ) -> "Functions":
        """Opens the functions kept in *database* and under *home*; the process that forks workers starts meanwhile."""
        home = home.absolute()
        surroundings = Surroundings(database, Artifacts(home / "artifacts", ids), clock, ids)
        functions = cls(surroundings, home, settings or FunctionsSettings())
        functions._zygote.start()
        functions._sweeper.sweep()
        return functions

    async def close(self) -> None:
        """Ends all processes; invocations that run or wait are answered with ServiceUnavailableError."""
        self._closed = True
        self._sweeper.close()
        self._events.close()
        reason = _closing()
        for pool in (*self._pools.values(), *self._retired):
            pool.close(reason)
        await self._zygote.close()
        self._logs.flush()

    def invoke(
        self, function: str, payload: bytes, *, qualifier: str | None = None, client_context: bytes | None = None
    ) -> "asyncio.Future[Invocation]":
        """Runs a function once and gives what came of it; an error of the function is a result, not an exception.

        Args:
            function: name, ``name:2``, ``name:prod``, partial or full ARN; region and account are not looked at.
            payload: JSON text of the event; empty stands for ``{}``.
            client_context: JSON text of an object.

        Raises (through the future):
            ResourceNotFoundError, InvalidRequestError, TooManyRequestsError, RequestTooLargeError.
        """
        try:
            if len(payload) > EVENT_BYTES_MAX:
                raise _too_large(len(payload), EVENT_BYTES_MAX)
            route = self._route(function, qualifier)
            return self._submit(route, self._call(self._ids.uuid(), payload or b"{}", route, client_context))
        except ExpeditorError as error:
            return failed(error)

    def invoke_later(
        self, function: str, payload: bytes, *, qualifier: str | None = None, client_context: bytes | None = None
    ) -> "asyncio.Future[str]":
        """Accepts an event: on disk when the future gives its request id, then run at least once.

        A failing function is run twice more, after a minute and after two; then the event is kept as failed.

        Raises (through the future):
            ResourceNotFoundError, InvalidRequestError, RequestTooLargeError.
        """
        try:
            if len(payload) > LATER_EVENT_BYTES_MAX:
                raise _too_large(len(payload), LATER_EVENT_BYTES_MAX)
            self._route(function, qualifier)
            name, named = arns.parse(function, qualifier)
        except ExpeditorError as error:
            return failed(error)
        now = self._clock.now()
        event_id = self._ids.uuid()
        return self._events.accept(
            EventRow(event_id, name, named, payload or b"{}", client_context, now, now, 0, None, None)
        )

    def failed_events(self, name: str) -> list[Event]:
        """Events of a function that used up their attempts, newest first."""
        return self._events.failed(name)

    def warm(self, function: str, qualifier: str | None = None) -> None:
        """Gets a function's version loaded before its first invocation.

        Raises:
            ResourceNotFoundError, InvalidRequestError.
        """
        self._route(function, qualifier).main.warm()

    def pools(self) -> list[PoolStatus]:
        """How busy the versions are that were invoked since the node started."""
        return [pool.status() for pool in self._pools.values()]

    def logs(
        self, name: str, version: str | None = None, *, request_id: str | None = None, limit: int = 100
    ) -> list[LogRecord]:
        """The last *limit* records of a function or one *version*, by time; with *request_id* of one invocation."""
        versions = [version] if version is not None else self._logs.versions(name)
        records = [record for each in versions for record in self._logs.read(name, each, request_id, limit)]
        return sorted(records, key=lambda record: record.at)[-limit:]

    def _call(self, request_id: str, payload: bytes, route: Route[Pool], client_context: bytes | None) -> Call:
        return Call(request_id, payload, route.arn, client_context, self._loop.create_future())

    def _submit(self, route: Route[Pool], call: Call) -> "asyncio.Future[Invocation]":
        if self._closed:
            raise _closing()
        pool = route.choose(self._ids.draw()) if route.others else route.main
        pool.submit(call)
        return call.future

    def _run_event(self, row: EventRow) -> "asyncio.Future[Invocation]":
        try:
            route = self._route(row.name, row.qualifier)
            return self._submit(route, self._call(row.event_id, row.payload, route, row.client_context))
        except ExpeditorError as error:
            return failed(error)

    def _route(self, function: str, qualifier: str | None) -> Route[Pool]:
        """The route, found once and kept until the function changes."""
        known = self._routes.get((function, qualifier))
        return known if known is not None else self._find_route(function, qualifier)

    def _find_route(self, function: str, qualifier: str | None) -> Route[Pool]:
        name, named = arns.parse(function, qualifier)
        if self.pauses.is_paused(name):
            raise refusals.function_paused(name)
        version = named or LATEST
        arn = arns.function_arn(name, named)
        if arns.is_version(version):
            route = Route(arn, self._pool(self.get_function(name, named)))
        else:
            alias = self.get_alias(name, version)
            additional = [(self._pool(self.get_function(name, v)), w) for v, w in alias.additional_weights.items()]
            route = weighted(arn, self._pool(self.get_function(name, alias.version)), additional)
        if len(self._routes) >= ROUTES_MAX:
            self._routes.clear()
        self._routes[function, qualifier] = route
        return route

    def _pool(self, version: FunctionVersion) -> Pool:
        key = (version.name, version.version, version.digest)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = self._new_pool(version)
        return pool

    def _new_pool(self, version: FunctionVersion) -> Pool:
        artifact = self._surroundings.artifacts.path(version.artifact)
        configuration = version.configuration
        environment = self._environment(version, artifact)
        program = Program(
            artifact, configuration.handler, environment, configuration.memory_mb, configuration.max_concurrency
        )
        loader = Loader(version, program, self._zygote, self._logs, self._settings.load)
        return Pool(Workplace(version, self._logs, self._clock), loader, self._settings.pool)

    def _environment(self, version: FunctionVersion, artifact: Path) -> dict[str, str]:
        return environments.environment(
            version,
            self._settings.runtime_environment,
            artifact=str(artifact),
            log_stream=environments.log_stream(version, self._clock.now(), self._ids.uuid()),
        )

    def _function_changed(self, name: str) -> None:
        """Forgets routes of *name*, retires pools whose version is no longer what it was, deletes code nobody uses."""
        self._routes = {key: route for key, route in self._routes.items() if route.main.version.name != name}
        self._retired = [pool for pool in self._retired if pool.status().processes or pool.status().waiting]
        for key, pool in list(self._pools.items()):
            if key[0] == name and not self._stands(pool.version):
                self._retired.append(self._pools.pop(key))
                pool.retire()
        if not self._closed:
            self._sweeper.sweep()

    def _artifacts_of_retired(self) -> set[str]:
        statuses = ((pool.version.artifact, pool.status()) for pool in self._retired)
        return {artifact for artifact, status in statuses if status.processes or status.waiting}

    def _stands(self, version: FunctionVersion) -> bool:
        try:
            return self.get_function(version.name, version.version).digest == version.digest
        except refusals.ResourceNotFoundError:
            return False


def _closing() -> refusals.ServiceUnavailableError:
    return refusals.ServiceUnavailableError("The node is closing; invoke again when it is up")


def _too_large(size: int, allowed: int) -> refusals.RequestTooLargeError:
    return refusals.RequestTooLargeError(
        f"Request must be smaller than {allowed} bytes for the InvokeFunction operation (got {size})"
    )
