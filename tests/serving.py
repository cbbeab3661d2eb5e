"""A real endpoint: all rooms on a real file, behind uvicorn on a free port of loopback."""

import asyncio
import threading
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from socket import AF_INET, IPPROTO_TCP, SOCK_STREAM, socket
from typing import TYPE_CHECKING

import boto3
import uvicorn
from botocore.config import Config

from expeditor.api import Api, Services, create_api
from expeditor.clock import SystemClock
from expeditor.executions import Engine, LoopAlarm, Parts
from expeditor.functions import Functions
from expeditor.ids import SystemIds
from expeditor.integrations import ExecutionLogs, Integrations, Outside
from expeditor.store import Database
from expeditor.topics import DeliveryResult, Outcome, Ports, Topics

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_stepfunctions import SFNClient

START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What answers at *url*, and clients that speak to it."""

    url: str
    api: Api

    @property
    def stepfunctions(self) -> "SFNClient":
        return self._session().client("stepfunctions", endpoint_url=self.url, config=_config())

    @property
    def functions(self) -> "LambdaClient":
        return self._session().client("lambda", endpoint_url=self.url, config=_config())

    @property
    def topics(self) -> "SNSClient":
        return self._session().client("sns", endpoint_url=self.url, config=_config())

    def _session(self) -> boto3.Session:
        return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")


def _config() -> Config:
    return Config(inject_host_prefix=False, retries={"total_max_attempts": 1}, read_timeout=60)


class Serving:
    """The endpoint's event loop, in a thread of its own so that tests may block on boto3.

    Args:
        environment: where other AWS services are.
    """

    def __init__(self, home: Path, environment: Mapping[str, str] | None = None) -> None:
        self._home = home
        self._environment = environment or {}
        self._started = threading.Event()
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.endpoint: Endpoint | None = None
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),))

    def start(self) -> Endpoint:
        """Begins; answers when requests are."""
        self._thread.start()
        assert self._started.wait(START_SECONDS)
        assert self.endpoint is not None
        return self.endpoint

    def stop(self) -> None:
        """Ends everything that was started."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_SECONDS)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            with socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) as listening:
                listening.bind(("127.0.0.1", 0))
                url = f"http://127.0.0.1:{listening.getsockname()[1]}"
                outside = Outside.from_environment(self._environment, self._home, url)
                api = create_api(await _services(self._home, outside, stack))
                server = uvicorn.Server(uvicorn.Config(api, log_level="warning", access_log=False))
                serving = asyncio.ensure_future(server.serve(sockets=[listening]))
                self.endpoint = Endpoint(url, api)
                listening.listen()
                self._started.set()
                await self._stop.wait()
                server.should_exit = True
                await serving


async def _services(home: Path, outside: Outside, stack: AsyncExitStack) -> Services:
    clock, ids = SystemClock(), SystemIds()
    database = Database.open(home / "node.db", "expeditor.store.migrations")
    stack.push_async_callback(database.close)
    functions = Functions.open(database, home, clock, ids)
    stack.push_async_callback(functions.close)
    topics = Topics.open(database, Ports(_deliver, clock, ids, lambda: LoopAlarm(clock)))
    stack.push_async_callback(topics.close)
    integrations = Integrations(functions, clock, outside=outside)
    stack.callback(integrations.close)
    logs = ExecutionLogs(outside.clients, outside.pool)
    engine = await Engine.open(Parts(database, integrations, clock, ids, LoopAlarm(clock), logs))
    stack.push_async_callback(engine.close)
    return Services(database, ids, engine, functions, topics)


def _deliver(*_: object) -> "asyncio.Future[DeliveryResult]":
    """Every endpoint takes every message."""
    delivered: asyncio.Future[DeliveryResult] = asyncio.get_running_loop().create_future()
    delivered.set_result(DeliveryResult(Outcome.DELIVERED))
    return delivered
