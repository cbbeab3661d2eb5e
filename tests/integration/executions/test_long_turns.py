"""Executions with much to do at once: they take turns with the others, and nobody notices otherwise."""

import asyncio

import pytest

from expeditor.executions.errors import EngineClosedError
from expeditor.integrations import Succeeded

pytestmark = pytest.mark.anyio

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
CYCLE = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}}
CYCLE_AFTER_A_TASK = {
    "StartAt": "T",
    "States": {"T": {"Type": "Task", "Resource": FUNCTION, "Next": "A"}, **CYCLE["States"]},  # type: ignore[dict-item]
}
MAP = {
    "StartAt": "M",
    "States": {
        "M": {
            "Type": "Map",
            "ItemProcessor": {
                "StartAt": "P",
                "States": {
                    "P": {"Type": "Pass", "Next": "T"},
                    "T": {"Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 9, "End": True},
                },
            },
            "End": True,
        }
    },
}


async def test_execution_that_goes_in_circles_lets_others_pass(world) -> None:
    circling, short = await world.machine(CYCLE, "circling"), await world.machine(PASS, "short")

    seen: list[str] = []
    world.engine.subscribe(lambda changes: seen.extend(change.arn.rpartition(":")[2] for change in changes))

    slow = world.engine.start_execution(circling, "slow", b"{}")
    await world.start(short, "quick")
    closed = await world.engine.wait_closed((await slow).arn)

    assert seen == ["quick", "slow"]
    assert (closed.status, closed.error) == ("FAILED", "States.Runtime")


async def test_what_happens_to_an_execution_meanwhile_waits_and_then_counts(world) -> None:
    arn = await world.machine(CYCLE_AFTER_A_TASK)
    started = await world.start(arn)
    await world.until(lambda: bool(world.tasks.open))

    world.tasks.finish(Succeeded(b"{}"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    stopped = world.engine.stop_execution(started.arn, "Enough", None)

    await stopped
    # The circles came first and ran into the quota; stopping what has ended changes nothing.
    described = world.engine.describe_execution(started.arn)
    assert (described.status, described.error) == ("FAILED", "States.Runtime")
    assert world.engine.history(started.arn)[-1].type == "ExecutionFailed"


async def test_map_of_many_items_is_started_in_parts_and_recovers(world) -> None:
    arn = await world.machine(MAP)
    started = await world.start(arn, value=list(range(40)))
    await world.until(lambda: len(world.tasks.open) == 40)

    await world.crash()
    await world.until(lambda: len(world.tasks.open) == 40)
    while world.tasks.open:
        world.tasks.finish(Succeeded(b"1"))
    closed = await world.engine.wait_closed(started.arn)

    assert (closed.status, closed.output) == ("SUCCEEDED", b"[" + b",".join([b"1"] * 40) + b"]")


async def test_start_that_is_only_partly_handled_when_the_engine_closes_is_refused(world) -> None:
    arn = await world.machine(CYCLE)

    slow = world.engine.start_execution(arn, "slow", b"{}")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await world.engine.close()

    with pytest.raises(EngineClosedError):
        await slow
    assert not list(world.database.reader.execute("SELECT 1 FROM executions"))


async def test_history_of_large_events_comes_in_pages_that_fit_into_memory(world) -> None:
    copy = {"Type": "Pass", "Parameters": {"kept.$": "$.kept"}}
    rounds = {"StartAt": "A0", "States": {f"A{n}": {**copy, "Next": f"A{n + 1}"} for n in range(99)}}
    rounds["States"]["A99"] = {**copy, "End": True}  # type: ignore[index]
    started = await world.start(await world.machine(rounds), value={"kept": "x" * 250_000})

    for newest_first in (False, True):
        seen: list[int] = []
        while len(seen) < 202:
            last = seen[-1] if seen else 0
            history = await world.engine.history_page(started.arn, last, 1_000, newest_first=newest_first)
            assert len(history) == 202
            assert 0 < len(history.page) < 80
            seen += [event.id for event in (history.page[::-1] if newest_first else history.page)]
        assert seen == sorted(range(1, 203), reverse=newest_first)
