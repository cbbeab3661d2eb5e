"""Tasks started by themselves, with a pool of their own."""

import asyncio
from pathlib import Path

from expeditor.clock import ManualClock
from expeditor.functions import Invocation
from expeditor.integrations import (
    CallPool,
    Clients,
    Endpoints,
    HttpSettings,
    HttpTasks,
    Integrations,
    Outcome,
    Outside,
    Publisher,
    TaskRequest,
)

EXECUTION = "arn:aws:states:us-east-1:000000000000:execution:order:o-1"
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:order"


class NoFunctions:
    """Must not be called here."""

    def invoke(self, function: str, payload: bytes, /, *, qualifier: str | None = None) -> "asyncio.Future[Invocation]":
        raise AssertionError(function)


def request_for(resource: str, parameters: object, **more: object) -> TaskRequest:
    return TaskRequest(f"arn:aws:states:::{resource}", parameters, EXECUTION, 1, "token", **more)


async def outcome_of(
    resource: str,
    parameters: object,
    environment: dict[str, str],
    *,
    own_url: str | None = None,
    topics: Publisher | None = None,
) -> Outcome:
    pool = CallPool(threads=1)
    http = HttpTasks(HttpSettings((), Path("connections.json")), pool)
    outside = Outside(Clients(Endpoints(environment, own_url)), http, pool)
    integrations = Integrations(NoFunctions(), ManualClock(), topics, outside)
    reported: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    integrations.start(request_for(resource, parameters), reported.set_result)
    try:
        return await asyncio.wait_for(reported, 20)
    finally:
        integrations.close()
