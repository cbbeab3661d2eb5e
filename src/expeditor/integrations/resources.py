"""The table from a Task's ``Resource`` to the integration that performs it."""

from typing import Protocol

from expeditor.clock import Clock
from expeditor.integrations.invoke import Invoker, LambdaTasks
from expeditor.integrations.nested import Executions, NestedExecutions
from expeditor.integrations.publish import Publisher, TopicTasks
from expeditor.integrations.sdk import SdkTasks
from expeditor.integrations.tasks import Cancel, Handler, Pattern, Report, TaskRequest, refuse_unknown, until_callback

_OPTIMISED = "arn:aws:states:::"


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


class Integrations:
    """Performs tasks.

    Args:
        functions: runs functions.
        topics: publishes, where the node has topics.
        services: calls AWS services, where the node has endpoints for them.
    """

    def __init__(
        self,
        functions: Invoker,
        clock: Clock,
        topics: Publisher | None = None,
        services: SdkTasks | None = None,
    ) -> None:
        self._clock = clock
        self._functions = LambdaTasks(functions, clock)
        self._table: dict[str, Handler] = _with_callback("lambda:invoke", self._functions.invoke)
        if topics is not None:
            self._table |= _with_callback("sns:publish", TopicTasks(topics, clock).publish)
        self._services = services
        self._call_function = self._functions.call_function

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

    def _handler(self, resource: str) -> Handler:
        if resource.startswith("arn:aws:lambda:"):
            return self._call_function
        if resource.startswith(_OPTIMISED):
            name = resource[len(_OPTIMISED) :]
            return self._table.get(name) or self._service(name) or refuse_unknown
        return refuse_unknown

    def _service(self, name: str) -> Handler | None:
        return self._services.handler(name) if self._services is not None else None


def _with_callback(service: str, handler: Handler) -> dict[str, Handler]:
    return {service: handler, service + Pattern.CALLBACK: until_callback(handler)}
