"""Tasks performed for no execution: what TestState asks for."""

import asyncio

from expeditor.clock import Clock
from expeditor.executions.errors import InvalidExecutionInputError
from expeditor.executions.inputs import check_json
from expeditor.integrations import Outcome, Submitted, TaskRequest, TaskStarter


class Trials:
    """Performs single tasks and tells the time."""

    def __init__(self, integrations: TaskStarter, clock: Clock) -> None:
        self._integrations = integrations
        self._clock = clock

    def now(self) -> float:
        """The instant now."""
        return self._clock.now()

    async def perform(self, request: TaskRequest, seconds: float) -> Outcome | None:
        """The end of a task; None when it did not end within *seconds*, and was told to stop."""
        waiter: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def report(outcome: Outcome) -> None:
            if not waiter.done() and not isinstance(outcome, Submitted):
                waiter.set_result(outcome)

        cancel = self._integrations.start(request, report)
        try:
            return await asyncio.wait_for(waiter, seconds)
        except TimeoutError:
            return None
        finally:
            if cancel is not None and (waiter.cancelled() or not waiter.done()):
                cancel()


def check_input(text: bytes) -> None:
    """Refuses what cannot be the input of an execution. Raises InvalidExecutionInputError."""
    check_json(text, InvalidExecutionInputError)
