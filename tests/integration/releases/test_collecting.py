"""Garbage collection through boto3 on a real endpoint: whatever uses a version keeps it, and nothing else does."""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expeditor.functions import FunctionCode
from expeditor.releases import (
    AliasMoves,
    Clients,
    FileFunctionActs,
    Found,
    Package,
    Pointing,
    ReleaseError,
    collect,
    collectable,
    create_release,
)
from expeditor.releases.creating import alias_of
from expeditor.rollout import Author
from tests.serving import Endpoint

from .conftest import MENDED, ROLE, Workshop

ME = Author("tester", 50.0, "because")
ARN = "arn:aws:lambda:us-east-1:000000000000:function"


@dataclass
class World:
    """One function of its own with versions, and what may use them."""

    clients: Clients
    acts: FileFunctionActs
    archive: bytes
    name: str = field(default_factory=lambda: f"fn-{uuid.uuid4().hex[:12]}")

    def publish(self, count: int) -> "World":
        client = self.clients.functions
        settings: Any = {"FunctionName": self.name, "Runtime": "python3.11", "Role": ROLE, "Handler": "app.handler"}
        client.create_function(**settings, Code={"ZipFile": self.archive}, Publish=True)
        for number in range(2, count + 1):
            client.update_function_configuration(
                FunctionName=self.name, Environment={"Variables": {"NUMBER": str(number)}}
            )
            client.publish_version(FunctionName=self.name)
        return self

    def arn(self, version: int | str) -> str:
        return f"{ARN}:{self.name}:{version}"

    def definition(self, version: int | str, first: str = '"Type": "Pass"') -> str:
        task = json.dumps({"Type": "Task", "Resource": self.arn(version), "End": True})
        return f'{{"StartAt": "First", "States": {{"First": {{{first}, "Next": "Call"}}, "Call": {task}}}}}'

    def machine(self, version: int | str, **how: Any) -> str:
        name = f"{self.name}-{uuid.uuid4().hex[:8]}"
        made = self.clients.sfn.create_state_machine(
            name=name, definition=how.pop("definition", self.definition(version)), roleArn=ROLE, **how
        )
        return made["stateMachineArn"]

    def alias(self, name: str, version: int, other: int | None = None, share: float = 0.1) -> None:
        weights = {} if other in (None, version) else {str(other): share}
        self.clients.functions.create_alias(
            FunctionName=self.name,
            Name=name,
            FunctionVersion=str(version),
            RoutingConfig={"AdditionalVersionWeights": weights},
        )

    def subscribe(self, version: int | str) -> None:
        topic = self.clients.topics.create_topic(Name=f"t-{uuid.uuid4().hex[:8]}")["TopicArn"]
        self.clients.topics.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=self.arn(version))

    def found(self, keep: int = 0) -> dict[str, Found]:
        return {each.version: each for each in collectable(self.clients, self.acts, [self.name], keep)}

    def collect(self, keep: int = 0) -> set[str]:
        """Versions that were deleted."""
        unused = [each for each in self.found(keep).values() if not each.reasons]
        return {each.version for each in unused if collect(self.clients, each) is None}

    def versions(self) -> set[str]:
        pages = self.clients.functions.get_paginator("list_versions_by_function").paginate(FunctionName=self.name)
        return {each["Version"] for page in pages for each in page["Versions"]} - {"$LATEST"}


@pytest.fixture(scope="module")
def make_world(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], World]:
    folder = tmp_path_factory.mktemp("code")
    (folder / "app.py").write_text("def handler(event, context): return {}")
    archive = Package(FunctionCode.from_directory(folder)).archive
    clients = Clients(endpoint.stepfunctions, endpoint.functions, endpoint.topics)
    return lambda: World(clients, FileFunctionActs(folder / f"{uuid.uuid4()}.jsonl"), archive)


@pytest.fixture
def world(make_world: Callable[[], World]) -> World:
    return make_world()


def test_what_nothing_names_goes_and_the_newest_stay(world: World) -> None:
    world.publish(4)

    assert world.collect(keep=2) == {"1", "2"}
    assert world.versions() == {"3", "4"}
    assert world.found(keep=2)["4"].reasons == ("one of the newest",)
    assert world.collect(keep=0) == {"3", "4"}, "even the last one; $LATEST is never one of them"
    assert world.clients.functions.get_function_configuration(FunctionName=world.name)["Version"] == "$LATEST"


def test_each_use_is_a_reason_that_is_told(world: World) -> None:
    world.publish(8)
    world.alias("prod", 1, other=2)
    machine = world.machine(3)
    world.clients.sfn.publish_state_machine_version(stateMachineArn=machine)
    world.clients.sfn.update_state_machine(stateMachineArn=machine, definition=world.definition(4))
    world.subscribe(5)
    world.clients.functions.add_permission(
        FunctionName=world.name,
        Qualifier="6",
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
    )
    AliasMoves(world.clients.functions, world.acts).set(world.name, "moved", Pointing("7"), ME)
    AliasMoves(world.clients.functions, world.acts).set(world.name, "moved", Pointing("1"), ME)

    reasons = {version: found.reasons for version, found in world.found().items()}

    name = machine.rpartition(":")[2]
    assert {version: each[0].removesuffix(f" {name}") for version, each in reasons.items() if each} == {
        "1": "alias moved",
        "2": "alias prod",
        "3": f"state machine {name}:1",
        "4": "state machine",
        "5": reasons["5"][0],
        "6": "its resource policy lets others call it",
        "7": "alias moved goes back to it by undo",
    }
    assert reasons["5"][0].startswith("subscription of topic t-")
    assert world.collect() == {"8"}


def test_a_version_that_only_an_earlier_definition_names_stays_while_an_execution_runs_on_it(world: World) -> None:
    world.publish(2)
    machine = world.machine(1, definition=world.definition(1, '"Type": "Wait", "Seconds": 3600'))
    sfn = world.clients.sfn
    running = sfn.start_execution(stateMachineArn=machine, name="slow")["executionArn"]
    sfn.update_state_machine(stateMachineArn=machine, definition=world.definition(2))

    (reason,) = world.found()["1"].reasons
    assert reason.startswith("execution slow on an earlier definition of fn-")
    assert world.collect() == set()
    sfn.stop_execution(executionArn=running)
    assert world.found()["1"].reasons == (reason,), "an aborted execution can be redriven"


def test_an_execution_of_a_version_that_was_deleted_keeps_what_it_runs_on(world: World) -> None:
    world.publish(1)
    machine = world.machine(1, definition=world.definition(1, '"Type": "Wait", "Seconds": 3600'))
    sfn = world.clients.sfn
    version = sfn.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
    running = sfn.start_execution(stateMachineArn=version)["executionArn"]
    sfn.update_state_machine(
        stateMachineArn=machine, definition='{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'
    )
    sfn.delete_state_machine_version(stateMachineVersionArn=version)

    assert world.found()["1"].reasons
    sfn.stop_execution(executionArn=running)


def test_a_machine_that_is_being_deleted_still_needs_its_functions(world: World) -> None:
    world.publish(1)
    machine = world.machine(1, definition=world.definition(1, '"Type": "Wait", "Seconds": 3600'))
    running = world.clients.sfn.start_execution(stateMachineArn=machine)["executionArn"]
    world.clients.sfn.delete_state_machine(stateMachineArn=machine)

    assert world.collect() == set()
    world.clients.sfn.stop_execution(executionArn=running)
    assert world.collect() == {"1"}


@pytest.mark.parametrize(
    "parameters",
    [{"FunctionName": "NAME", "Qualifier.$": "$.version"}, {"FunctionName.$": "$.function"}],
)
def test_a_machine_that_chooses_while_it_runs_keeps_what_it_might_choose(
    world: World, parameters: dict[str, str]
) -> None:
    world.publish(2)
    call = {key: value.replace("NAME", world.name) for key, value in parameters.items()}
    state = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": call, "End": True}
    machine = world.machine(1, definition=json.dumps({"StartAt": "A", "States": {"A": state}}))

    assert world.collect() == set()
    assert all("while it runs" in reason for found in world.found().values() for reason in found.reasons)
    world.clients.sfn.delete_state_machine(stateMachineArn=machine)
    assert world.collect() == {"1", "2"}


def test_an_alias_that_came_between_looking_and_deleting_is_heard_of(world: World) -> None:
    world.publish(1)
    found = world.found()["1"]
    world.alias("late", 1)

    refusal = collect(world.clients, found)

    assert refusal is not None
    assert "in use by" in refusal
    assert world.versions() == {"1"}
    world.clients.functions.delete_alias(FunctionName=world.name, Name="late")
    assert collect(world.clients, found) is None
    world.clients.functions.delete_function(FunctionName=world.name)
    assert collect(world.clients, found) == "gone already"


def test_names_choose_functions_and_unknown_ones_are_refused(world: World) -> None:
    with pytest.raises(ClientError, match="Function not found"):
        world.found()


def test_a_release_holds_its_versions_so_that_lambda_itself_refuses(sold: Workshop) -> None:
    client, name = sold.catalogue.functions, f"{sold.machine}-pay"

    with pytest.raises(client.exceptions.ResourceConflictException):
        client.delete_function(FunctionName=name, Qualifier="1")
    assert client.get_alias(FunctionName=name, Name=alias_of(sold.name("1.0.0")))["FunctionVersion"] == "1"


def test_a_release_whose_version_is_deleted_at_that_moment_is_not_made(sold: Workshop, tmp_path: Path) -> None:
    """The version is looked up, then collected, then to be named: as far as the last call nobody knows."""
    sold.code["pay"] = MENDED
    sold.release("1.1.0")
    client, name = sold.catalogue.functions, f"{sold.machine}-pay"
    wanted = sold.wanted("1.2.0")

    def collected_now(**_: Any) -> None:
        if client.list_aliases(FunctionName=name, FunctionVersion="2")["Aliases"]:
            client.delete_alias(FunctionName=name, Name=alias_of(sold.name("1.1.0")))
            client.delete_function(FunctionName=name, Qualifier="2")

    sold.catalogue.sfn.meta.events.register(
        "before-call.sfn.ValidateStateMachineDefinition", collected_now, unique_id="collector"
    )
    with pytest.raises(ReleaseError, match="was deleted at this moment; try again"):
        create_release(sold.catalogue, wanted, "tester")
    sold.catalogue.sfn.meta.events.unregister("before-call.sfn.ValidateStateMachineDefinition", unique_id="collector")

    assert sold.catalogue.find(sold.name("1.2.0")) is None
    assert create_release(sold.catalogue, wanted, "tester").published == (name,)


VERSIONS = st.integers(1, 6)
USES = st.lists(
    st.one_of(
        st.tuples(st.just("machine"), VERSIONS),
        st.tuples(st.just("updated"), VERSIONS, VERSIONS),
        st.tuples(st.just("version"), VERSIONS, VERSIONS),
        st.tuples(st.just("running"), VERSIONS, VERSIONS),
        st.tuples(st.just("alias"), VERSIONS, VERSIONS),
        st.tuples(st.just("topic"), VERSIONS),
    ),
    max_size=5,
)


def use(world: World, kind: str, *versions: int) -> set[int]:
    """Uses versions in one way; gives those that must stay."""
    sfn = world.clients.sfn
    if kind == "alias":
        world.alias(f"a-{uuid.uuid4().hex[:8]}", *versions)
        return set(versions)
    if kind == "topic":
        world.subscribe(versions[0])
        return set(versions)
    if kind == "machine":
        world.machine(versions[0])
        return set(versions)
    slow = '"Type": "Wait", "Seconds": 3600'
    machine = world.machine(versions[0], definition=world.definition(versions[0], slow))
    if kind == "version":
        sfn.publish_state_machine_version(stateMachineArn=machine)
    if kind == "running":
        sfn.start_execution(stateMachineArn=machine)
    sfn.update_state_machine(stateMachineArn=machine, definition=world.definition(versions[1]))
    return {versions[1]} if kind == "updated" else set(versions)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(uses=USES, keep=st.integers(0, 3))
def test_collecting_takes_exactly_what_nothing_uses(
    make_world: Callable[[], World], uses: list[tuple[Any, ...]], keep: int
) -> None:
    world = make_world().publish(6)
    used = {version for each in uses for version in use(world, *each)} | set(range(7 - keep, 7))

    world.collect(keep)

    assert world.versions() == {str(version) for version in used}


@pytest.fixture(scope="module", autouse=True)
def stopped(endpoint: Endpoint) -> Iterator[None]:
    """Ends what still waits, so that the endpoint closes at once."""
    yield
    sfn = endpoint.stepfunctions
    for page in sfn.get_paginator("list_state_machines").paginate():
        for machine in page["stateMachines"]:
            listed = sfn.list_executions(stateMachineArn=machine["stateMachineArn"], statusFilter="RUNNING")
            for execution in listed["executions"]:
                sfn.stop_execution(executionArn=execution["executionArn"])
