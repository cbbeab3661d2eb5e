"""A catalogue and real worker processes, on a real store in a temporary folder."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from expeditor.clock import SystemClock
from expeditor.functions import (
    EventSettings,
    FunctionCode,
    FunctionConfiguration,
    Functions,
    FunctionsSettings,
    FunctionVersion,
    Invocation,
    LoadSettings,
    PoolSettings,
)
from expeditor.ids import SystemIds
from expeditor.store import Database

CODE = Path(__file__).parent / "code"

SETTINGS = FunctionsSettings(
    runtime_environment={"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "node"},
    pool=PoolSettings(workers_max=3, waiting_max=4, patience_seconds=0.0, idle_seconds=60.0),
    load=LoadSettings(load_seconds=5.0, retry_seconds=30.0),
    events=EventSettings(retry_seconds=(0.0, 0.0)),
)


@dataclass
class Region:
    """Functions with a short way to deploy and invoke."""

    database: Database
    functions: Functions
    home: Path

    async def deploy(self, handler: str, name: str = "fn", **configuration: Any) -> FunctionVersion:
        """Creates the function from the folder ``code`` and publishes it."""
        code = FunctionCode.from_directory(CODE)
        return await self.functions.create_function(
            name, FunctionConfiguration(handler, **configuration), code, publish=True
        )

    async def invoke(self, event: Any = None, name: str = "fn", **how: Any) -> Invocation:
        """One invocation."""
        return await self.functions.invoke(name, json.dumps(event).encode(), **how)

    async def result(self, event: Any = None, name: str = "fn", **how: Any) -> Any:
        """The result of one invocation that succeeds."""
        invocation = await self.invoke(event, name, **how)
        assert invocation.function_error is None, invocation.payload
        return json.loads(invocation.payload)

    async def error(self, event: Any = None, name: str = "fn", **how: Any) -> dict[str, Any]:
        """The error object of one invocation that fails."""
        invocation = await self.invoke(event, name, **how)
        assert invocation.function_error == "Unhandled"
        error: dict[str, Any] = json.loads(invocation.payload)
        return error | {"log": invocation.log_tail.decode(), "id": invocation.request_id}


def open_region(home: Path, settings: FunctionsSettings = SETTINGS) -> Region:
    """Opens a region under *home*, new or as it was left."""
    database = Database.open(home / "node.db", "expeditor.store.migrations")
    return Region(database, Functions.open(database, home, SystemClock(), SystemIds(), settings), home)


async def close_region(region: Region) -> None:
    """Ends all processes."""
    await region.functions.close()
    await region.database.close()


@pytest.fixture
async def region(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Region]:
    """An empty region."""
    opened = open_region(tmp_path)
    yield opened
    await close_region(opened)
