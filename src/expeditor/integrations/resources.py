"""The table from a Task's ``Resource`` to the integration that performs it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from expeditor.clock import Clock
from expeditor.integrations.clients import Clients
from expeditor.integrations.endpoints import Endpoints
from expeditor.integrations.http_tasks import HttpSettings, HttpTasks
from expeditor.integrations.invoke import Invoker, LambdaTasks
from expeditor.integrations.nested import Executions, NestedExecutions
from expeditor.integrations.pool import CallPool
from expeditor.integrations.publish import Publisher, TopicTasks
from expeditor.integrations.sdk import SdkTasks
from expeditor.integrations.tasks import Cancel, Handler, Pattern, Report, TaskRequest, refuse_unknown, until_callback

_SERVICE = re.compile(r"arn:aws[a-z-]*:states:[^:]*:[^:]*:(?!activity:)(.+)")
_FUNCTION = re.compile(r"arn:aws[a-z-]*:lambda:")
_INVOKE = "lambda:invoke"
_PUBLISH = "sns:publish"


class TaskStarter(Protocol):
    """What the engine needs of the integrations."""

    def attach(self, executions: Executions) -> None:
        """Names the engine, for tasks that start executions; called once, before any ``start``."""
        ...

    def start(self, request: TaskRequest, report: Report) -> Cancel | None:
        """Begins one attempt of a task and returns at once.

        Returns:
            What stops the attempt, as far as its service can; None where nothing can be stopped.
        """
        ...

    def is_supported(self, resource: str) -> bool:
        """Whether a task with that resource can be started at all."""
        ...


@dataclass(frozen=True, slots=True)
class Outside:
    """What tasks reach outside the node.

    Attributes:
        clients: call AWS services.
        http: calls HTTP APIs, where the node may.
        pool: the threads that both make their calls on.
    """

    clients: Clients
    http: HttpTasks
    pool: CallPool

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], home: Path, own_url: str) -> "Outside":
        """What the node's own environment allows. Raises SettingsError when ``HTTP_TASK_ALLOW`` cannot be used."""
        pool = CallPool()
        http = HttpTasks(HttpSettings.from_environment(environment, home), pool)
        return cls(Clients(Endpoints(environment, own_url)), http, pool)


class Integrations:
    """Performs tasks.

    Args:
        functions: runs functions.
        topics: publishes, where the node has topics.
        outside: what is reached outside the node; None for nothing.
    """

    def __init__(
        self,
        functions: Invoker,
        clock: Clock,
        topics: Publisher | None = None,
        outside: Outside | None = None,
    ) -> None:
        self._clock = clock
        self._outside = outside
        self._sdk = None if outside is None else SdkTasks(outside.clients, outside.pool)
        self._functions = LambdaTasks(functions, clock, self._outside_handler(_INVOKE))
        self._table: dict[str, Handler] = _with_callback(_INVOKE, self._functions.invoke)
        if outside is not None:
            self._table["http:invoke"] = outside.http.invoke
        if topics is not None:
            self._table |= _with_callback(_PUBLISH, TopicTasks(topics, clock, self._publish_elsewhere()).publish)

    def attach(self, executions: Executions) -> None:
        """See TaskStarter."""
        nested = NestedExecutions(executions, self._clock)
        service = "states:startExecution"
        self._table |= _with_callback(service, nested.start)
        self._table |= {service + Pattern.SYNC: nested.start_sync, service + Pattern.SYNC_2: nested.start_sync}

    def start(self, request: TaskRequest, report: Report) -> Cancel | None:
        """See TaskStarter."""
        return self._handler(request.resource)(request, report)

    def is_supported(self, resource: str) -> bool:
        """See TaskStarter."""
        return self._handler(resource) is not refuse_unknown

    def close(self) -> None:
        """Calls to services outside that are under way are forgotten; after a restart they are made again."""
        if self._outside is not None:
            self._outside.pool.close()

    def _handler(self, resource: str) -> Handler:
        if _FUNCTION.match(resource):
            return self._functions.call_function
        match = _SERVICE.fullmatch(resource)
        if match is None:
            return refuse_unknown
        name = match[1]
        return self._table.get(name) or self._outside_handler(name) or refuse_unknown

    def _outside_handler(self, name: str) -> Handler | None:
        return None if self._sdk is None else self._sdk.handler(name)

    def _publish_elsewhere(self) -> Handler | None:
        if self._outside is None or not self._outside.clients.endpoints.has_elsewhere("SNS"):
            return None
        return self._outside_handler(_PUBLISH)


def _with_callback(service: str, handler: Handler) -> dict[str, Handler]:
    return {service: handler, service + Pattern.CALLBACK: until_callback(handler)}
