"""The engine through its own door, beside two floors: orders per second, latency and CPU per order.

The engine runs in this process on a fresh ``node.db`` (WAL, ``synchronous=FULL``), its functions in worker processes.
The phases take turns in short slices, so that a slow spell of the machine meets all of them.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from bench.floors import GroupCommit, InProcess, OneWorker, open_results
from bench.order_machine import FUNCTIONS, definition, order
from bench.processes import tree, usage
from expeditor.clock import SystemClock
from expeditor.executions import CreateStateMachine, Engine, LoopAlarm, Parts
from expeditor.functions import FunctionCode, FunctionConfiguration, Functions
from expeditor.ids import SystemIds
from expeditor.integrations import Integrations
from expeditor.node import calm_collector, run_in_turns
from expeditor.payloads import encode
from expeditor.store import Database

SLICES = 4
IN_FLIGHT = {"c1": 1, "c64": 64}

Handle = Callable[[int], Awaitable[None]]


def run(seconds: float) -> dict[str, Any]:
    """Measures for *seconds* per phase and answers ``{"engine": {...}}``."""
    with (
        tempfile.TemporaryDirectory(prefix="expeditor-bench-") as home,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return {"engine": runner.run(_measure(Path(home), seconds))}


@dataclass(slots=True)
class Phase:
    """What one phase has seen so far; latencies and CPU time in milliseconds."""

    handle: Handle
    in_flight: int
    latencies_ms: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu_ms: float = 0.0

    async def slice(self, seconds: float, numbers: "Numbers") -> None:
        """Runs for *seconds* more."""
        cpu, begun = _cpu_ms(), time.perf_counter()
        end = begun + seconds
        await asyncio.gather(*(self._loop_until(end, numbers) for _ in range(self.in_flight)))
        self.seconds += time.perf_counter() - begun
        self.cpu_ms += _cpu_ms() - cpu

    def report(self) -> dict[str, float]:
        """The figures of the phase."""
        ordered = sorted(self.latencies_ms)
        return {
            "orders_per_s": round(len(ordered) / self.seconds, 1),
            "p50_ms": round(ordered[len(ordered) // 2], 3),
            "p99_ms": round(ordered[len(ordered) * 99 // 100], 3),
            "cpu_ms_per_order": round(self.cpu_ms / len(ordered), 3),
        }

    async def _loop_until(self, end: float, numbers: "Numbers") -> None:
        while (begun := time.perf_counter()) < end:
            await self.handle(numbers.next())
            self.latencies_ms.append((time.perf_counter() - begun) * 1000)


class Numbers:
    """Order numbers, each once."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        """The next number."""
        self._last += 1
        return self._last


async def _measure(home: Path, seconds: float) -> dict[str, Any]:
    run_in_turns()
    database = Database.open(home / "node.db", "expeditor.store.migrations")
    results = await open_results(home / "floor.db")
    functions = Functions.open(database, home, SystemClock(), SystemIds())
    engine, handle = await started_engine(database, functions)
    worker = await OneWorker.started(GroupCommit(results))
    handles = {
        "engine": handle,
        "floor_worker": worker.handle,
        "floor_in_process": InProcess(GroupCommit(results)).handle,
    }
    try:
        report = await _take_turns(handles, seconds)
        memory = {"node": _rss_mb(os.getpid()), "workers": sum(map(_rss_mb, tree(os.getpid())[1:]))}
    finally:
        worker.stop()
        await engine.close()
        await functions.close()
        await database.close()
        await results.close()
    floors = {name: report[name] for name in handles if name != "engine"}
    return {**report["engine"], **floors, "rss_mb": {name: round(value, 1) for name, value in memory.items()}}


async def started_engine(database: Database, functions: Functions) -> tuple[Engine, Handle]:
    """An engine with the order machine, and what sends one order through it."""
    clock = SystemClock()
    parts = Parts(database, Integrations(functions, clock), clock, SystemIds(), LoopAlarm(clock))
    engine = await Engine.open(parts)
    calm_collector()
    arns = {}
    code = FunctionCode.from_directory(Path(__file__).parent / "order_functions", ["*.py"])
    for name in FUNCTIONS:
        configuration = FunctionConfiguration(f"handlers.{name}", timeout_seconds=10)
        arns[name] = (await functions.create_function(name, configuration, code, publish=True)).arn
    wanted = CreateStateMachine("order-processing", definition(arns), "arn:aws:iam::000000000000:role/bench")
    machine = (await engine.machines.create(wanted)).arn

    async def handle(number: int) -> None:
        started = await engine.start_execution(machine, f"order-{number}", encode(order(number)))
        closed = await engine.wait_closed(started.arn)
        assert closed.status == "SUCCEEDED", closed

    return engine, handle


async def _take_turns(handles: dict[str, Handle], seconds: float) -> dict[str, dict[str, Any]]:
    numbers = Numbers()
    phases = {
        (name, label): Phase(handle, count) for name, handle in handles.items() for label, count in IN_FLIGHT.items()
    }
    for phase in phases.values():
        await Phase(phase.handle, phase.in_flight).slice(min(1.0, seconds), numbers)
    for _ in range(SLICES):
        for phase in phases.values():
            await phase.slice(seconds / SLICES, numbers)
    return {name: {label: phases[name, label].report() for label in IN_FLIGHT} for name in handles}


def _cpu_ms() -> float:
    return sum(usage(pid).cpu_ms for pid in tree(os.getpid()))


def _rss_mb(pid: int) -> float:
    return usage(pid).rss_mb
