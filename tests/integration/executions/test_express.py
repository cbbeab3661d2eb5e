"""Executions of Express state machines."""

import json

import pytest

from expeditor.executions import CreateStateMachine, MachineType
from expeditor.integrations import Succeeded

pytestmark = pytest.mark.anyio

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
ROLE = "arn:aws:iam::000000000000:role/r"
MACHINE = json.dumps(
    {
        "StartAt": "A",
        "States": {
            "A": {
                "Type": "Task",
                "Resource": FUNCTION,
                "Parameters": {"id.$": "$$.Execution.Id", "name.$": "$$.Execution.Name"},
                "End": True,
            }
        },
    }
)


@pytest.fixture
async def express(world) -> str:
    return (await world.engine.machines.create(CreateStateMachine("m", MACHINE, ROLE, MachineType.EXPRESS))).arn


async def test_names_may_be_used_again(world, express) -> None:
    first, second = await world.start(express, "o-1"), await world.start(express, "o-1")

    prefix = f"{express.replace(':stateMachine:', ':express:')}:o-1:"
    assert first.arn.startswith(prefix)
    assert second.arn.startswith(prefix)
    assert first.arn != second.arn
    assert world.tasks.requests[0].parameters == {"id": first.arn, "name": "o-1"}


async def test_express_execution_survives_a_crash(world, express) -> None:
    started = await world.start(express, "o-1")

    await world.crash()
    world.tasks.finish(Succeeded(b"1"))

    closed = await world.engine.wait_closed(started.arn)
    assert (closed.arn, closed.name, closed.status, closed.output) == (started.arn, "o-1", "SUCCEEDED", b"1")
    assert world.engine.describe_execution(started.arn).name == "o-1"


async def test_express_execution_ends_after_five_minutes(world, express) -> None:
    started = await world.start(express)

    await world.crash()
    await world.elapse(299)
    assert world.engine.describe_execution(started.arn).status == "RUNNING"
    await world.elapse(2)

    assert (await world.engine.wait_closed(started.arn)).status == "TIMED_OUT"
