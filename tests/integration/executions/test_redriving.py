"""Executions that ended badly go on from where they failed."""

import pytest

from expeditor.errors import ServiceError
from expeditor.executions import ExecutionFilter
from expeditor.integrations import Failed, Succeeded
from expeditor.store import CommitUnknownError

pytestmark = pytest.mark.anyio

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function"
MACHINE = {
    "StartAt": "A",
    "States": {
        "A": {"Type": "Task", "Resource": f"{FUNCTION}:a", "Next": "B"},
        "B": {"Type": "Task", "Resource": f"{FUNCTION}:b", "End": True},
    },
}


async def refusal(ask) -> str:
    with pytest.raises(ServiceError) as refused:
        await ask()
    return str(refused.value)


@pytest.fixture
async def failed(world) -> str:
    """The ARN of an execution that failed in its second state."""
    started = await world.start(await world.machine(MACHINE), "o-1")
    world.tasks.finish(Succeeded(b'"a"'))
    await world.until(lambda: world.tasks.open)
    world.tasks.finish(Failed("Card.Declined", "no"))
    await world.engine.wait_closed(started.arn)
    return started.arn


async def test_completed_states_are_kept(world, failed) -> None:
    world.clock.advance(60)
    assert world.engine.describe_execution(failed).not_redrivable is None

    redriven_at = await world.engine.redrive_execution(failed)

    assert redriven_at == world.clock.now()
    running = world.engine.describe_execution(failed)
    assert (running.status, running.error, running.redrive_count, running.redriven_at) == (
        "RUNNING",
        None,
        1,
        redriven_at,
    )
    assert world.engine.counts().closed.get("FAILED", 0) == 0
    world.tasks.finish(Succeeded(b'"b"'))
    closed = await world.engine.wait_closed(failed)
    assert (closed.status, closed.output) == ("SUCCEEDED", b'"b"')
    assert [request.resource[-1] for request in world.tasks.requests] == ["a", "b", "b"]
    types = [event.type for event in world.engine.history(failed)]
    assert types[types.index("ExecutionFailed") + 1] == "ExecutionRedriven"


async def test_redrive_survives_a_crash_at_once(world, failed) -> None:
    await world.engine.redrive_execution(failed)

    await world.crash()

    world.tasks.finish(Succeeded(b'"b"'))
    assert (await world.engine.wait_closed(failed)).status == "SUCCEEDED"
    assert world.engine.describe_execution(failed).redrive_count == 1


async def test_the_same_request_again_redrives_once(world, failed) -> None:
    first = await world.engine.redrive_execution(failed, "token")
    world.clock.advance(5)

    assert await world.engine.redrive_execution(failed, "token") == first
    assert world.engine.describe_execution(failed).redrive_count == 1


async def test_what_runs_or_succeeded_or_ended_long_ago_is_refused(world, failed) -> None:
    await world.engine.redrive_execution(failed)
    problem = await refusal(lambda: world.engine.redrive_execution(failed))
    assert problem == "Execution is RUNNING and cannot be redriven"

    world.tasks.finish(Failed("E", "again"))
    await world.engine.wait_closed(failed)
    world.clock.advance(14 * 86_400 + 1)
    assert await refusal(lambda: world.engine.redrive_execution(failed)) == "Execution redrivable period exceeded"

    other = await world.start(await world.machine(MACHINE), "o-2")
    for _ in range(2):
        await world.until(lambda: world.tasks.open)
        world.tasks.finish(Succeeded(b"1"))
    await world.engine.wait_closed(other.arn)
    problem = await refusal(lambda: world.engine.redrive_execution(other.arn))
    assert problem == "Execution is SUCCEEDED and cannot be redriven"
    assert "Does Not Exist" in await refusal(lambda: world.engine.redrive_execution(other.arn + "x"))


async def test_two_redrives_at_once_are_one(world, failed) -> None:
    first, second = world.engine.redrive_execution(failed), world.engine.redrive_execution(failed)

    await first
    assert await refusal(lambda: second) == "Execution is RUNNING and cannot be redriven"
    assert world.engine.describe_execution(failed).redrive_count == 1
    assert [request.resource[-1] for request in world.tasks.requests] == ["a", "b", "b"]


async def test_the_same_request_twice_at_once_redrives_once(world, failed) -> None:
    first, second = (world.engine.redrive_execution(failed, "token") for _ in range(2))

    assert await first == await second
    assert [request.resource[-1] for request in world.tasks.requests] == ["a", "b", "b"]


async def test_a_request_that_was_refused_may_be_made_again(world, failed) -> None:
    world.database.fail_at, world.database.how = world.database.commits + 1, "unknown"
    with pytest.raises(CommitUnknownError):
        await world.engine.redrive_execution(failed, "token")

    await world.engine.redrive_execution(failed, "token")

    assert world.engine.describe_execution(failed).redrive_count == 1


async def test_aborted_execution_of_a_deleted_machine_is_refused(world, failed) -> None:
    machine = world.engine.describe_execution(failed).state_machine_arn
    await world.engine.machines.delete(machine)

    assert await refusal(lambda: world.engine.redrive_execution(failed)) == "State machine is in DELETING status"


async def test_lists_tell_redriven_executions_apart(world, failed) -> None:
    machine = world.engine.describe_execution(failed).state_machine_arn
    await world.start(machine, "o-2")
    await world.engine.redrive_execution(failed)

    def names(is_redriven: bool) -> list[str]:
        page = world.engine.list_executions(ExecutionFilter(machine, is_redriven=is_redriven))
        return [one.name for one in page.executions]

    assert (names(True), names(False)) == (["o-1"], ["o-2"])
