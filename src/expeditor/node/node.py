"""A running node: its rooms opened in order, wired, served, and closed again in the opposite order."""

import asyncio
import contextlib
import fcntl
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from expeditor.api import Services, create_api
from expeditor.clock import Clock, SystemClock
from expeditor.errors import ExpeditorError
from expeditor.executions import Engine, LoopAlarm, Parts
from expeditor.functions import Functions, FunctionsSettings
from expeditor.ids import SystemIds
from expeditor.integrations import ExecutionLogs, Integrations, Outside
from expeditor.node.application import Application, read_application
from expeditor.node.deployment import deploy_functions, deploy_machines, deploy_topics
from expeditor.node.descriptors import raise_descriptor_limit
from expeditor.node.memory import calm_collector
from expeditor.node.parameters import node_parameters
from expeditor.node.schedules import Schedule, Schedules
from expeditor.node.scheduling import run_in_turns
from expeditor.node.server import Receive, Scope, Send, Server, bind, shared
from expeditor.node.services import Service
from expeditor.node.template import Template
from expeditor.node.wiring import TopicPublisher, function_deliverer, scheduled_invoker
from expeditor.settings import ACCOUNT, REGION, Settings, aws_environment
from expeditor.store import Database
from expeditor.topics import Ports, Region, Topics

MIGRATIONS = "expeditor.store.migrations"
INHERITED = ("PATH", "HOME", "LANG", "TZ", "TMPDIR")

Say = Callable[[str], None]


class Console(Protocol):
    """Pages beside the AWS endpoint."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        ...

    def close(self) -> None:
        """Ends streams to open pages."""
        ...


ConsoleFactory = Callable[[Engine, Topics, Functions, Clock, Settings], Console]


@dataclass(frozen=True, slots=True)
class Setup:
    """What a node is started with.

    Attributes:
        environment: of the process; services of the application get a few harmless variables of it.
        console: makes the console beside the AWS endpoint.
        say: talk for people.
        parameters: values for parameters of the template, in place of their defaults.
    """

    settings: Settings
    environment: Mapping[str, str]
    console: ConsoleFactory
    say: Say
    parameters: Mapping[str, str] = field(default_factory=dict)


class HomeInUseError(ExpeditorError):
    """Another node works on the same directory."""

    def __init__(self, home: Path) -> None:
        super().__init__(f"another node uses {home}; stop it, or set EXPEDITOR_HOME to another directory")
        self.home = home


class HomeUnusableError(ExpeditorError):
    """Nothing can be kept in the directory."""

    def __init__(self, home: Path, reason: str) -> None:
        super().__init__(f"cannot write in {home} ({reason}); set EXPEDITOR_HOME to a directory that can be written")
        self.home = home
        self.reason = reason


class Node:
    """What a started node consists of, for whoever wants to look inside."""

    def __init__(self, application: Application, functions: Functions, topics: Topics, engine: Engine) -> None:
        self.application = application
        self.functions = functions
        self.topics = topics
        self.engine = engine


async def run_node(template_path: Path, setup: Setup) -> None:
    """Runs a node until SIGINT or SIGTERM. Prints its three addresses and ``ready`` on stdout.

    Raises:
        ExpeditorError: the template, a setting or the data cannot be used; nothing stays running.
    """
    raise_descriptor_limit()
    run_in_turns()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with started_node(template_path, setup):
        _print_addresses(setup.settings)
        await stopping.wait()
        setup.say("stopping")


@contextlib.asynccontextmanager
async def started_node(template_path: Path, setup: Setup) -> AsyncIterator[Node]:
    """A node that answers; closed on leaving, in the opposite order.

    The port listens from the beginning, so whoever calls early waits instead of being refused.
    """
    settings, clock, ids = setup.settings, SystemClock(), SystemIds()
    template = Template.read(template_path)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(_exclusive(settings.home))
        application = read_application(template, node_parameters(template, settings, setup.parameters))
        listener = stack.enter_context(contextlib.closing(bind(settings.node_port, "NODE_PORT")))
        database = Database.open(settings.home / "node.db", MIGRATIONS)
        stack.push_async_callback(database.close)
        runtime = FunctionsSettings(runtime_environment=aws_environment(settings.endpoint_url))
        functions = Functions.open(database, settings.home, clock, ids, runtime)
        stack.push_async_callback(functions.close)

        services = await _start_services(stack, application, setup)
        versions = await deploy_functions(application, functions, setup.say)
        for version_arn in versions.values():
            functions.warm(version_arn)
        await asyncio.gather(*(service.wait_ready() for service in services))

        publisher = TopicPublisher()
        outside = Outside.from_environment(setup.environment, settings.home, settings.endpoint_url)
        integrations = Integrations(functions, clock, publisher, outside)
        stack.callback(integrations.close)
        logs = ExecutionLogs(outside.clients, outside.pool)
        parts = Parts(database, integrations, clock, ids, LoopAlarm(clock), logs)
        engine = await Engine.open(parts, lambda done, total: setup.say(f"recovering executions: {done} of {total}"))
        stack.push_async_callback(engine.close)
        await deploy_machines(application, engine.machines, versions, setup.say)
        topics = publisher.topics = _open_topics(stack, parts, functions, settings)
        await deploy_topics(application, topics)
        _open_schedules(stack, application, parts, functions)
        node = Node(application, functions, topics, engine)
        await _serve(stack, node, parts, listener, setup)
        calm_collector()
        yield node


def _open_topics(stack: contextlib.AsyncExitStack, parts: Parts, functions: Functions, settings: Settings) -> Topics:
    region = Region(REGION, ACCOUNT, settings.endpoint_url)
    ports = Ports(function_deliverer(functions, region), parts.clock, parts.ids, lambda: LoopAlarm(parts.clock))
    topics = Topics.open(parts.database, ports, region)
    stack.push_async_callback(topics.close)
    return topics


def _open_schedules(
    stack: contextlib.AsyncExitStack, application: Application, parts: Parts, functions: Functions
) -> None:
    schedules = Schedules(parts.database, scheduled_invoker(functions), parts.clock, LoopAlarm(parts.clock))
    stack.callback(schedules.close)
    schedules.open(
        Schedule(each.name, each.expression, each.timezone, each.function, each.input)
        for each in application.schedules
        if each.enabled
    )


async def _serve(
    stack: contextlib.AsyncExitStack, node: Node, parts: Parts, listener: socket.socket, setup: Setup
) -> None:
    api = create_api(
        Services(
            engine=node.engine, functions=node.functions, topics=node.topics, database=parts.database, ids=parts.ids
        )
    )
    console = setup.console(node.engine, node.topics, node.functions, parts.clock, setup.settings)
    server = Server(shared(api, console), listener)
    await server.start()
    stack.push_async_callback(server.stop)
    stack.callback(console.close)


async def _start_services(stack: contextlib.AsyncExitStack, application: Application, setup: Setup) -> list[Service]:
    """Starts the application's processes at once; they become ready while the node goes on."""
    settings = setup.settings
    inherited = {name: setup.environment[name] for name in INHERITED if name in setup.environment}
    services = []
    for resource in application.services:
        log = settings.home / "logs" / f"{resource.name}.log"
        service = Service(resource, inherited | aws_environment(settings.endpoint_url), log)
        stack.push_async_callback(service.stop)
        await service.start()
        services.append(service)
    return services


def prepare_home(home: Path) -> Path:
    """Makes the directory of everything durable; gives its lock file, which shows that it can be written.

    Raises:
        HomeUnusableError: it cannot.
    """
    lock = home / "node.lock"
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock.touch()
    except OSError as error:
        raise HomeUnusableError(home, error.strerror or str(error)) from error
    return lock


@contextlib.contextmanager
def _exclusive(home: Path) -> Iterator[None]:
    """Keeps other nodes off *home*; the lock goes with this process, however it ends."""
    with prepare_home(home).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise HomeInUseError(home) from error
        yield


def _print_addresses(settings: Settings) -> None:
    print(f"shop      {settings.shop_url}")
    print(f"console   {settings.endpoint_url}/console")
    print(f"AWS       {settings.endpoint_url}")
    print("ready", flush=True)
