"""State machines: create, update, describe, list, delete, tag."""

import json

import pytest

from expeditor.errors import ServiceError
from expeditor.executions import CreateStateMachine, MachineType, UpdateStateMachine
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


async def test_creating_the_same_machine_again_gives_the_first(world) -> None:
    machines = world.engine.machines
    first = await machines.create(CreateStateMachine("m", task(1), ROLE))
    world.clock.advance(5)
    again = await machines.create(CreateStateMachine("m", task(1), "another role", tags={"a": "b"}))

    assert first == again == machines.describe(first.arn)
    assert (first.type, first.status, first.revision_id) == (MachineType.STANDARD, "ACTIVE", None)
    assert json.loads(first.logging) == {"level": "OFF", "includeExecutionData": False}


async def test_taken_name_bad_name_and_bad_definition_are_refused(world) -> None:
    machines = world.engine.machines
    await machines.create(CreateStateMachine("m", task(1), ROLE))

    async def create(name: str, definition: str, kind: MachineType = MachineType.STANDARD) -> None:
        await machines.create(CreateStateMachine(name, definition, ROLE, kind))

    assert await refusal(lambda: create("m", task(2))) == "StateMachineAlreadyExists"
    assert await refusal(lambda: create("m", task(1), MachineType.EXPRESS)) == "StateMachineAlreadyExists"
    assert await refusal(lambda: create("a b", task(1))) == "InvalidName"
    assert await refusal(lambda: create("n", '{"StartAt":"A"}')) == "InvalidDefinition"
    assert await refusal(lambda: create("n", "not json")) == "InvalidDefinition"
    waits = task(1).replace(f"{FUNCTION}:f:1", "arn:aws:states:::lambda:invoke.waitForTaskToken")
    assert await refusal(lambda: create("n", waits, MachineType.EXPRESS)) == "InvalidDefinition"
    assert [one.name for one in machines.list()] == ["m"]


async def test_update_makes_a_revision_only_when_something_changes(world) -> None:
    machines = world.engine.machines
    arn = (await machines.create(CreateStateMachine("m", task(1), ROLE))).arn
    world.clock.advance(5)

    updated = await machines.update(UpdateStateMachine(arn, definition=task(2)))
    same = await machines.update(UpdateStateMachine(arn, definition=task(2), role_arn=ROLE))

    assert updated == same == machines.describe(arn)
    assert updated.definition == task(2)
    assert len(updated.revision_id) == 36
    assert updated.updated_at == updated.created_at + 5
    assert await refusal(lambda: machines.update(UpdateStateMachine(arn))) == "MissingRequiredParameter"
    assert await refusal(lambda: machines.update(UpdateStateMachine(arn + "x", task(1)))) == "StateMachineDoesNotExist"


async def test_running_execution_stays_on_the_revision_it_started_with(world) -> None:
    machines = world.engine.machines
    arn = (await machines.create(CreateStateMachine("m", task(1), ROLE))).arn
    old = await world.start(arn, "old")
    await machines.update(UpdateStateMachine(arn, definition=task(2)))
    new = await world.start(arn, "new")

    await world.crash()

    resources = {request.execution_arn: request.resource for request in world.tasks.requests}
    assert resources == {old.arn: f"{FUNCTION}:f:1", new.arn: f"{FUNCTION}:f:2"}
    assert world.engine.machines.describe_for_execution(old.arn).definition == task(1)
    assert world.engine.machines.describe_for_execution(new.arn).definition == task(2)


async def test_machine_is_deleted_when_its_last_execution_ends(world) -> None:
    machines = world.engine.machines
    arn = (await machines.create(CreateStateMachine("m", task(1), ROLE))).arn
    started = await world.start(arn)

    await machines.delete(arn)
    assert machines.describe(arn).status == "DELETING"
    assert await refusal(lambda: world.start(arn)) == "StateMachineDeleting"
    assert await refusal(lambda: machines.create(CreateStateMachine("m", task(1), ROLE))) == "StateMachineDeleting"
    world.tasks.finish(Succeeded(b"1"))
    await world.engine.wait_closed(started.arn)

    assert await refusal(lambda: world.start(arn)) == "StateMachineDoesNotExist"
    assert machines.list() == []
    assert world.engine.describe_execution(started.arn).status == "SUCCEEDED"
    assert len(world.engine.history(started.arn)) == 7


async def test_deleted_name_can_be_used_for_another_machine(world) -> None:
    machines = world.engine.machines
    arn = (await machines.create(CreateStateMachine("m", task(1), ROLE, tags={"a": "b"}))).arn
    await machines.delete(arn)
    await machines.delete(arn)
    await machines.delete(arn + "-never-was")

    again = await machines.create(CreateStateMachine("m", task(2), ROLE, MachineType.EXPRESS))

    assert (again.arn, again.definition, again.type) == (arn, task(2), MachineType.EXPRESS)
    assert machines.tags(arn) == {}


async def test_machines_are_listed_by_name_and_paged(world) -> None:
    for name in ("c", "a", "b"):
        await world.engine.machines.create(CreateStateMachine(name, task(1), ROLE))

    assert [one.name for one in world.engine.machines.list(limit=2)] == ["a", "b"]
    assert [one.name for one in world.engine.machines.list("b", 2)] == ["c"]


async def test_tags_are_added_changed_removed_and_limited(world) -> None:
    machines = world.engine.machines
    arn = (await machines.create(CreateStateMachine("m", task(1), ROLE, tags={"a": "1"}))).arn

    await machines.tag(arn, {"a": "2", "b": ""})
    assert machines.tags(arn) == {"a": "2", "b": ""}
    await machines.untag(arn, ["a", "never"])
    assert machines.tags(arn) == {"b": ""}

    many = {str(number): "" for number in range(50)}
    assert await refusal(lambda: machines.tag(arn, many)) == "TooManyTags"
    assert await refusal(lambda: machines.tag(arn + ":1", {"a": "b"})) == "ResourceNotFound"
