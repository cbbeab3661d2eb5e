"""Versions and aliases of state machines, and executions started by them."""

import json

import pytest

from expeditor.errors import ServiceError
from expeditor.executions import CreateStateMachine, ExecutionFilter, UpdateStateMachine
from expeditor.integrations import Succeeded

pytestmark = pytest.mark.anyio

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function"
ROLE = "arn:aws:iam::000000000000:role/r"


def task(version: int) -> str:
    return json.dumps(
        {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": f"{FUNCTION}:f:{version}", "End": True}}}
    )


async def refusal(ask) -> str:
    with pytest.raises(ServiceError) as refused:
        await ask()
    return refused.value.code


@pytest.fixture
async def versions(world) -> list[str]:
    """The ARNs of a state machine's first three versions."""
    machines = world.engine.machines
    arn = (await machines.create(CreateStateMachine("m", task(1), ROLE, publish=True))).arn
    await machines.update(UpdateStateMachine(arn, task(2), publish=True))
    await machines.update(UpdateStateMachine(arn, task(3), publish=True))
    return [f"{arn}:{number}" for number in (1, 2, 3)]


async def test_a_version_stays_what_it_was(world, versions) -> None:
    await world.engine.machines.update(UpdateStateMachine(versions[0][:-2], task(9), role_arn="another"))

    await world.crash()

    described = [world.engine.machines.describe(arn) for arn in versions]
    assert [one.definition for one in described] == [task(1), task(2), task(3)]
    assert [one.arn for one in described] == versions
    assert {one.role_arn for one in described} == {ROLE}


async def test_publishing_the_same_revision_again_gives_the_first_version(world, versions) -> None:
    machine = versions[0][:-2]

    again = await world.engine.machines.versions.publish(machine, "another description")

    assert (again.arn, again.number) == (versions[2], 3)
    assert [one.number for one in world.engine.machines.versions.list(machine)] == [3, 2, 1]
    assert [one.number for one in world.engine.machines.versions.list(machine, before=3, limit=1)] == [2]


async def test_only_the_revision_that_was_meant_is_published(world) -> None:
    machines = world.engine.machines
    arn = (await machines.create(CreateStateMachine("m", task(1), ROLE))).arn
    first = await machines.versions.publish(arn, revision_id="INITIAL")
    revision = (await machines.update(UpdateStateMachine(arn, task(2)))).revision_id

    assert await refusal(lambda: machines.versions.publish(arn, revision_id="INITIAL")) == "ConflictException"
    assert first.number == 1
    assert (await machines.versions.publish(arn, revision_id=revision)).number == 2


async def test_number_of_a_deleted_version_is_not_used_again(world, versions) -> None:
    machines = world.engine.machines
    await machines.versions.delete(versions[2])
    await machines.versions.delete(versions[2])

    assert await refusal(lambda: world.start(versions[2])) == "StateMachineDoesNotExist"
    assert (await machines.versions.publish(versions[2][:-2])).number == 4
    assert await refusal(lambda: machines.versions.delete(versions[0][:-2])) == "ValidationException"


async def test_a_new_life_of_a_name_begins_with_version_one(world, versions) -> None:
    machines = world.engine.machines
    await machines.aliases.create("prod", None, [(versions[0], 100)])
    await machines.delete(versions[0][:-2])

    again = await machines.create(CreateStateMachine("m", task(7), ROLE, publish=True))

    assert again.version == 1
    assert machines.aliases.list(again.arn) == []


async def test_execution_runs_the_version_it_was_started_by(world, versions) -> None:
    started = await world.start(versions[1], "o-1")
    world.tasks.finish(Succeeded(b"1"))
    await world.engine.wait_closed(started.arn)

    assert started.arn == f"{versions[1][:-2].replace(':stateMachine:', ':execution:')}:o-1"
    assert world.tasks.requests[0].resource == f"{FUNCTION}:f:2"
    described = world.engine.describe_execution(started.arn)
    assert (described.version, described.alias) == (2, None)
    details = world.engine.history(started.arn)[0].details["executionStartedEventDetails"]
    assert details["stateMachineVersionArn"] == versions[1]
    assert world.engine.machines.describe_for_execution(started.arn).definition == task(2)


async def test_alias_divides_executions_by_weight(world, versions) -> None:
    aliases = world.engine.machines.aliases
    made = await aliases.create("prod", "live", [(versions[0], 25), (versions[2], 75)])

    for _ in range(40):
        await world.start(made.arn)

    resources = [request.resource for request in world.tasks.requests]
    assert set(resources) == {f"{FUNCTION}:f:1", f"{FUNCTION}:f:3"}
    assert 3 <= resources.count(f"{FUNCTION}:f:1") <= 17
    page = world.engine.list_executions(ExecutionFilter(made.arn))
    assert {(one.version, one.alias) for one in page.executions} == {(1, "prod"), (3, "prod")}
    by_version = world.engine.list_executions(ExecutionFilter(versions[0]))
    assert {one.version for one in by_version.executions} == {1}


async def test_moved_alias_counts_from_the_next_execution(world, versions) -> None:
    aliases = world.engine.machines.aliases
    made = await aliases.create("prod", None, [(versions[0], 100)])
    first = await world.start(made.arn)
    world.clock.advance(5)

    moved = await aliases.update(made.arn, routing=[(versions[1], 0), (versions[2], 100)])
    await world.crash()
    second = await world.start(made.arn)

    assert world.engine.describe_execution(first.arn).version == 1
    assert world.engine.describe_execution(second.arn).version == 3
    assert moved.updated_at == made.updated_at + 5
    assert world.engine.machines.aliases.describe(made.arn) == moved


async def test_creating_the_same_alias_again_gives_the_first(world, versions) -> None:
    aliases = world.engine.machines.aliases
    first = await aliases.create("prod", "d", [(versions[0], 100)])
    world.clock.advance(5)

    assert await aliases.create("prod", "d", [(versions[0], 100)]) == first
    assert await refusal(lambda: aliases.create("prod", "d", [(versions[1], 100)])) == "ConflictException"
    assert await refusal(lambda: aliases.create("prod", "e", [(versions[0], 100)])) == "ConflictException"


async def test_version_that_an_alias_leads_to_is_not_deleted(world, versions) -> None:
    machines = world.engine.machines
    made = await machines.aliases.create("prod", None, [(versions[0], 50), (versions[1], 50)])

    assert await refusal(lambda: machines.versions.delete(versions[1])) == "ConflictException"
    assert [one.name for one in machines.aliases.list(versions[1])] == ["prod"]
    assert machines.aliases.list(versions[2]) == []
    await machines.aliases.delete(made.arn)
    await machines.aliases.delete(made.arn)
    await machines.versions.delete(versions[1])


async def test_routing_that_leads_nowhere_is_refused(world, versions) -> None:
    aliases = world.engine.machines.aliases
    machine, one, two, _ = versions[0][:-2], *versions
    other = await world.engine.machines.create(CreateStateMachine("n", task(1), ROLE, publish=True))

    for routing, code in (
        ([(machine, 100)], "ValidationException"),
        ([(one, 50), (one, 50)], "ValidationException"),
        ([(one, 50), (two, 49)], "ValidationException"),
        ([(one, 50), (f"{other.arn}:1", 50)], "ValidationException"),
        ([(f"{machine}:9", 100)], "ResourceNotFound"),
        ([(f"{machine}x:1", 100)], "ResourceNotFound"),
    ):
        assert await refusal(lambda to=routing: aliases.create("prod", None, to)) == code
    assert await refusal(lambda: aliases.update(f"{machine}:prod", "d")) == "ResourceNotFound"
    made = await aliases.create("prod", None, [(one, 100)])
    assert await refusal(lambda: aliases.update(made.arn)) == "ValidationException"
    assert await refusal(lambda: aliases.update(made.arn, routing=[(f"{other.arn}:1", 100)])) == "ValidationException"
    assert await refusal(lambda: world.start(f"{machine}:gone")) == "StateMachineDoesNotExist"
