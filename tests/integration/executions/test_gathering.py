"""How much one commit holds: those that have company gather, the others go at once."""

import asyncio

import pytest

from expeditor.executions import commits
from expeditor.integrations import Succeeded

pytestmark = pytest.mark.anyio

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
TWO_TASKS = {
    "StartAt": "A",
    "States": {
        "A": {"Type": "Task", "Resource": f"{FUNCTION}:1", "Next": "B"},
        "B": {"Type": "Task", "Resource": f"{FUNCTION}:2", "End": True},
    },
}


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "GATHER_SECONDS", 3600.0)


async def started(world, count: int) -> list[str]:
    """Executions that wait for their first task."""
    arn = await world.machine(TWO_TASKS)
    starting = [world.engine.start_execution(arn, f"e{number}", b"{}") for number in range(count)]
    arns = [(await future).arn for future in starting]
    assert len(world.tasks.open) == count
    return arns


async def test_a_share_of_those_that_run_is_enough_for_a_commit(world) -> None:
    arns = await started(world, 12)
    before = world.database.commits

    for arn in arns[:2]:
        world.tasks.finish(Succeeded(b"1"), arn)
        await world.elapse(0)
    assert world.database.commits == before

    world.tasks.finish(Succeeded(b"1"), arns[2])
    await world.until(lambda: len(world.tasks.requests) == 15)
    assert world.database.commits == before + 1


async def test_gathering_ends_after_its_time(world, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "GATHER_SECONDS", 0.001)
    arns = await started(world, 12)

    world.tasks.finish(Succeeded(b"1"), arns[0])

    await world.until(lambda: len(world.tasks.requests) == 13)


async def test_an_execution_that_runs_alone_never_waits_for_others(world) -> None:
    world.tasks.script = lambda request: Succeeded(b"1")
    arn = await world.machine(TWO_TASKS)

    for name in ("first", "second"):
        closed = await world.engine.wait_closed((await world.start(arn, name)).arn)

    assert closed.status == "SUCCEEDED"


async def test_the_end_of_the_engine_waits_for_nothing_to_gather(world) -> None:
    arns = await started(world, 12)
    world.tasks.finish(Succeeded(b"1"), arns[0])
    await asyncio.sleep(0)

    await world.engine.close()

    assert world.database.reader.execute("SELECT count(*) FROM journal").get == 1
