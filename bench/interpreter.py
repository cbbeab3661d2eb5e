"""The States Language alone, and what the engine adds: transitions per second, waiting executions, recovery."""

import asyncio
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from bench.processes import usage
from expeditor.asl import Execution, ExecutionContext, ExecutionStarted, advance, compile_definition
from expeditor.clock import SystemClock
from expeditor.executions import CreateStateMachine, Engine, LoopAlarm, Parts
from expeditor.functions import Functions
from expeditor.ids import SystemIds
from expeditor.integrations import Integrations
from expeditor.node import calm_collector
from expeditor.store import Database

ROLE = "arn:aws:iam::000000000000:role/bench"
WAITING = 10_000
STATES = 50
ITEMS = 1_000


def run(seconds: float) -> dict[str, Any]:
    """Measures each machine for *seconds*, pure and durable, then 10,000 waiting executions and their recovery."""
    pure = {name: _pure(text, transitions, seconds) for name, (text, transitions) in machines().items()}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        durable = runner.run(_durable(seconds))
        waiting = runner.run(_waiting())
    return {"interpreter": {"pure_transitions_per_s": pure, "durable_transitions_per_s": durable, "waiting": waiting}}


def machines() -> dict[str, tuple[Any, int]]:
    """By name: a definition and how many transitions one execution makes."""
    return {
        "pass_choice": (_chain(_pass_or_choice), STATES),
        "jsonata": (_chain(_jsonata) | {"QueryLanguage": "JSONata"}, STATES),
        "map_1000": (_map(), ITEMS + 1),
    }


def _chain(state: Any) -> Any:
    last = {"Type": "Succeed"}
    return {"StartAt": "S0", "States": {f"S{n}": state(n) for n in range(STATES - 1)} | {f"S{STATES - 1}": last}}


def _pass_or_choice(number: int) -> dict[str, Any]:
    following = f"S{number + 1}"
    if number % 2:
        rule = {"Variable": "$.amount", "NumericGreaterThan": 0, "Next": following}
        return {"Type": "Choice", "Choices": [rule], "Default": following}
    return {"Type": "Pass", "Next": following}


def _jsonata(number: int) -> dict[str, Any]:
    output = {"amount": "{% $states.input.amount + 1 %}"}
    return {"Type": "Pass", "Output": output, "Next": f"S{number + 1}"}


def _map() -> Any:
    inner = {"StartAt": "Item", "States": {"Item": {"Type": "Pass", "End": True}}}
    state = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": inner, "End": True}
    return {"StartAt": "All", "States": {"All": state}}


def _input() -> bytes:
    return json.dumps({"amount": 1, "items": list(range(ITEMS))}).encode()


def _pure(definition: Any, transitions: int, seconds: float) -> float:
    machine, given = compile_definition(json.dumps(definition)), _input()
    count, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        arn = f"arn:aws:states:us-east-1:000000000000:execution:bench:{count}"
        context = ExecutionContext(arn, str(count), ROLE, 0.0, "arn:bench", "bench", given, "token.")
        advance(machine, Execution.new(context), ExecutionStarted(0.0, b"0" * 16))
        count += 1
    return round(count * transitions / (time.perf_counter() - begun))


async def _durable(seconds: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="expeditor-bench-") as home:
        database, functions, engine = await _opened(Path(home))
        results = {}
        for name, (definition, transitions) in machines().items():
            wanted = CreateStateMachine(name, json.dumps(definition), ROLE)
            machine = (await engine.machines.create(wanted)).arn
            results[name] = await _durable_rate(engine, machine, transitions, seconds)
        await engine.close()
        await functions.close()
        await database.close()
    return results


async def _durable_rate(engine: Engine, machine: str, transitions: int, seconds: float) -> float:
    given, count, begun = _input(), 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        started = await asyncio.gather(*(engine.start_execution(machine, None, given) for _ in range(16)))
        await asyncio.gather(*(engine.wait_closed(each.arn) for each in started))
        count += len(started)
    return round(count * transitions / (time.perf_counter() - begun))


async def _waiting() -> dict[str, float]:
    """10,000 executions in a Wait state: memory, and seconds until all are back after a restart."""
    definition = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 86_400, "End": True}}}
    with tempfile.TemporaryDirectory(prefix="expeditor-bench-") as home:
        database, functions, engine = await _opened(Path(home))
        machine = (await engine.machines.create(CreateStateMachine("wait", json.dumps(definition), ROLE))).arn
        before = usage(os.getpid()).rss_mb
        for _ in range(WAITING // 500):
            await asyncio.gather(*(engine.start_execution(machine, None, b'{"amount":1}') for _ in range(500)))
        memory = (usage(os.getpid()).rss_mb - before) * 1024 / WAITING
        await engine.close()
        await functions.close()
        await database.close()
        begun = time.perf_counter()
        database, functions, engine = await _opened(Path(home))
        recovery = time.perf_counter() - begun
        assert engine.counts().running == WAITING
        await engine.close()
        await functions.close()
        await database.close()
    return {"executions": WAITING, "kib_each": round(memory, 2), "recovery_s": round(recovery, 2)}


async def _opened(home: Path) -> tuple[Database, Functions, Engine]:
    clock, ids = SystemClock(), SystemIds()
    database = Database.open(home / "node.db", "expeditor.store.migrations")
    functions = Functions.open(database, home, clock, ids)
    engine = await Engine.open(Parts(database, Integrations(functions, clock), clock, ids, LoopAlarm(clock)))
    calm_collector()
    return database, functions, engine
