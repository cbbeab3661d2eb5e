"""Executions that start executions, through the engine itself."""

import asyncio
import json

import pytest

from expeditor.errors import ServiceError
from expeditor.executions import ExecutionFilter, StartRequest
from expeditor.integrations import Cancel, Failed, Integrations, Report, Succeeded, TaskRequest
from expeditor.store import CommitUnknownError, executions

pytestmark = pytest.mark.anyio

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
CHILD = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": FUNCTION, "End": True}}}
START = "arn:aws:states:::states:startExecution"


class WithNested:
    """Scripted functions, and the real integration for startExecution."""

    def __init__(self, scripted) -> None:
        self._scripted = scripted
        self._real: Integrations

    def attach(self, executions) -> None:
        self._real = Integrations(None, self._scripted.clock)
        self._real.attach(executions)

    def is_supported(self, resource: str) -> bool:
        return True

    def start(self, request: TaskRequest, report: Report) -> Cancel | None:
        starter = self._real if request.resource.startswith(START) else self._scripted
        return starter.start(request, report)


@pytest.fixture
async def nested(world):
    world.wrap = lambda tasks: WithNested(tasks)
    await world.crash()
    return world


async def parent(world, pattern: str, **parameters) -> str:
    child = await world.machine(CHILD, "child")
    state = {
        "Type": "Task",
        "Resource": START + pattern,
        "Parameters": {"StateMachineArn": child, "Input": {"n": 1}, **parameters},
        "End": True,
    }
    return await world.machine({"StartAt": "S", "States": {"S": state}}, f"parent{len(pattern)}")


async def the_child(world) -> str:
    arn = "arn:aws:states:us-east-1:000000000000:stateMachine:child"
    await world.until(lambda: bool(world.tasks.open))
    [child] = world.engine.list_executions(ExecutionFilter(arn)).executions
    return child.arn


async def ended(world, arn: str):
    """The execution, once it has ended."""
    await world.until(lambda: world.engine.describe_execution(arn).status != "RUNNING")
    return world.engine.describe_execution(arn)


async def test_plain_start_ends_when_the_child_has_begun(nested) -> None:
    started = await nested.start(await parent(nested, ""))
    closed = await nested.engine.wait_closed(started.arn)

    answer = json.loads(closed.output)
    assert answer["ExecutionArn"] == await the_child(nested)
    assert answer["SdkHttpMetadata"]["HttpStatusCode"] == 200
    assert nested.engine.describe_execution(answer["ExecutionArn"]).input == b'{"n":1}'


@pytest.mark.parametrize(("pattern", "output"), [(".sync", '{"b":2}'), (".sync:2", {"b": 2})])
async def test_sync_start_ends_with_the_child(nested, pattern, output) -> None:
    started = await nested.start(await parent(nested, pattern, Name="kid"))
    child = await the_child(nested)
    nested.tasks.finish(Succeeded(b'{"b":2}'))

    answer = json.loads((await nested.engine.wait_closed(started.arn)).output)

    assert child.endswith(":execution:child:kid")
    assert (answer["Status"], answer["Name"], answer["Output"]) == ("SUCCEEDED", "kid", output)
    assert [event.type for event in nested.engine.history(started.arn)][2:6] == [
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
        "TaskSucceeded",
    ]


async def test_failed_child_fails_the_task_with_its_description(nested) -> None:
    started = await nested.start(await parent(nested, ".sync"))
    await the_child(nested)
    nested.tasks.finish(Failed("Card.Declined", "no money"))

    closed = await nested.engine.wait_closed(started.arn)

    cause = json.loads(closed.cause)
    assert closed.error == "States.TaskFailed"
    assert (cause["Status"], cause["Error"], cause["Cause"]) == ("FAILED", "Card.Declined", "no money")


async def test_stopped_parent_stops_its_child(nested) -> None:
    started = await nested.start(await parent(nested, ".sync"))
    child = await the_child(nested)

    await nested.engine.stop_execution(started.arn, None, None)

    assert (await nested.engine.wait_closed(child)).status == "ABORTED"


async def test_parent_that_is_stopped_while_its_child_begins_stops_it(nested) -> None:
    started = await nested.start(await parent(nested, ".sync"))

    await nested.engine.stop_execution(started.arn, None, None)

    assert (await nested.engine.wait_closed(await the_child(nested))).status == "ABORTED"


@pytest.mark.parametrize("how", ["unknown", "unknown_written"])
async def test_child_that_is_being_rebuilt_is_stopped_once_it_is_back(nested, how, caplog) -> None:
    started = await nested.start(await parent(nested, ".sync:2"))
    child = await the_child(nested)
    await nested.until(lambda: bool(executions.journal(nested.database.reader, 1)))
    nested.database.fail_at, nested.database.how = nested.database.commits + 1, how
    unheard = nested.engine.stop_execution(child, None, None)
    with pytest.raises(CommitUnknownError):
        await unheard

    await nested.engine.stop_execution(started.arn, None, None)
    await nested.elapse(0)
    await nested.elapse(1)

    assert nested.engine.describe_execution(started.arn).status == "ABORTED"
    assert (await ended(nested, child)).status == "ABORTED"


async def test_stop_of_a_child_with_an_unknown_outcome_is_asked_for_again(nested, caplog) -> None:
    started = await nested.start(await parent(nested, ".sync:2"))
    child = await the_child(nested)
    await nested.until(lambda: bool(executions.journal(nested.database.reader, 1)))
    nested.database.fail_at, nested.database.how = nested.database.commits + 2, "unknown"

    await nested.engine.stop_execution(started.arn, None, None)
    await nested.until(lambda: "a commit failed" in caplog.text)
    await nested.elapse(0)
    await nested.elapse(1)

    assert (await ended(nested, child)).status == "ABORTED"


async def test_failed_commit_of_the_parent_leaves_its_child_alone(nested, caplog) -> None:
    child = await nested.machine(CHILD, "child")
    start = {"Type": "Task", "Resource": f"{START}.sync:2", "Parameters": {"StateMachineArn": child, "Name": "kid"}}
    mail = {"Type": "Task", "Resource": f"{FUNCTION}:mail"}
    branches = [{"StartAt": name, "States": {name: {**one, "End": True}}} for name, one in (("S", start), ("M", mail))]
    both = {"Type": "Parallel", "Branches": branches, "End": True}
    started = await nested.start(await nested.machine({"StartAt": "B", "States": {"B": both}}, "both"), "p")
    await nested.until(lambda: len(nested.tasks.open) == 2)
    for _ in range(3):
        await nested.elapse(0)
    nested.database.fail_at, nested.database.how = nested.database.commits + 1, "unknown"

    nested.tasks.finish(Succeeded(b"1"), started.arn)
    await nested.until(lambda: len(nested.tasks.requests) == 3)
    nested.tasks.finish(Succeeded(b"1"), started.arn)
    nested.tasks.finish(Succeeded(b'{"b":2}'))

    closed = await nested.engine.wait_closed(started.arn)
    assert (closed.status, closed.cause) == ("SUCCEEDED", None)
    assert "a commit failed" in caplog.text


@pytest.mark.parametrize("how", ["unknown", "unknown_written"])
async def test_child_whose_start_has_an_unknown_outcome_is_asked_for_again(nested, how, caplog) -> None:
    machine = await parent(nested, ".sync:2")
    nested.database.fail_at, nested.database.how = nested.database.commits + 2, how
    started = await nested.start(machine, "p")
    await nested.until(lambda: "a commit failed" in caplog.text)
    await nested.elapse(1)

    child = await the_child(nested)
    nested.tasks.finish(Succeeded(b'{"b":2}'))

    assert json.loads((await nested.engine.wait_closed(started.arn)).output)["ExecutionArn"] == child


async def test_child_that_is_ending_is_still_the_parents(nested) -> None:
    """The parent asks again while the commit with the child's end is under way."""
    machine = await parent(nested, ".sync:2")
    started = await nested.start(machine, "p")
    child = await the_child(nested)
    row = executions.by_id(nested.database.reader, 2)
    again = StartRequest(row.machine_arn, row.input, row.name, started_by=row.started_by)
    other = StartRequest(row.machine_arn, row.input, row.name)

    nested.tasks.finish(Succeeded(b'{"b":2}'))
    await asyncio.sleep(0)

    assert (await nested.engine.start(again)).arn == child
    with pytest.raises(ServiceError):
        await nested.engine.start(other)
    await nested.engine.wait_closed(started.arn)


WAYS_TO_END = ["stopped", "timed out", "failed", "caught"]


async def parent_of_one(world, pattern: str) -> str:
    """A machine that ends, or goes on without its child, after 30 seconds or when its other task fails."""
    child = await world.machine(CHILD, "child")
    kid = {"Type": "Task", "Resource": START + pattern, "Parameters": {"StateMachineArn": child}, "End": True}
    mail = {"Type": "Task", "Resource": f"{FUNCTION}:mail", "End": True}
    branches = [{"StartAt": name, "States": {name: state}} for name, state in (("S", kid), ("M", mail))]
    both = {"Type": "Parallel", "Branches": branches, "End": True}
    both["Catch"] = [{"ErrorEquals": ["Mail.Odd"], "Next": "Later"}]
    later = {"Type": "Wait", "Seconds": 3600, "End": True}
    return await world.machine({"StartAt": "B", "TimeoutSeconds": 30, "States": {"B": both, "Later": later}}, "one")


async def let_go_of_the_child(world, parent_arn: str, how: str) -> None:
    if how == "stopped":
        world.engine.stop_execution(parent_arn, None, None).add_done_callback(lambda stopped: stopped.exception())
    elif how == "timed out":
        world.clock.advance(30)
        world.alarm.ring_if_due()
    else:
        world.tasks.finish(Failed("Mail.Odd" if how == "caught" else "Mail.Lost", ""), parent_arn)


async def with_child(world, pattern: str) -> tuple[str, str]:
    """ARNs of a parent and its child, both under way, with all that happened on disk."""
    started = await world.start(await parent_of_one(world, pattern))
    await world.until(lambda: len(world.tasks.open) == 2)
    await world.until(lambda: bool(executions.journal(world.database.reader, 1)))
    return started.arn, await the_child(world)


@pytest.mark.parametrize("pattern", [".sync", ".sync:2"])
@pytest.mark.parametrize("how", WAYS_TO_END)
async def test_kill_between_the_end_of_a_parent_and_the_stop_of_its_child(nested, how, pattern) -> None:
    parent_arn, child = await with_child(nested, pattern)
    nested.database.fail_at, nested.database.how = nested.database.commits + 1, "after"
    await let_go_of_the_child(nested, parent_arn, how)
    await nested.until(lambda: nested.database.has_crashed)

    await nested.crash()

    is_over = how != "caught"
    assert (nested.engine.describe_execution(parent_arn).status == "RUNNING") is not is_over
    assert (await ended(nested, child)).status == "ABORTED"


@pytest.mark.parametrize("how", WAYS_TO_END)
async def test_end_of_a_parent_with_an_unknown_outcome_stops_its_child_if_it_is_on_disk(nested, how, caplog) -> None:
    parent_arn, child = await with_child(nested, ".sync:2")
    nested.database.fail_at, nested.database.how = nested.database.commits + 1, "unknown_written"
    await let_go_of_the_child(nested, parent_arn, how)

    assert (await ended(nested, child)).status == "ABORTED"


@pytest.mark.parametrize("how", ["before", "after"])
async def test_child_of_a_parent_that_waits_for_it_goes_on_after_a_kill(nested, how) -> None:
    parent_arn, child = await with_child(nested, ".sync:2")
    nested.database.fail_at, nested.database.how = nested.database.commits + 1, how
    nested.tasks.finish(Succeeded(b"1"), parent_arn)
    await nested.until(lambda: nested.database.has_crashed)

    await nested.crash()
    while nested.tasks.open:
        nested.tasks.finish(Succeeded(b"1"))

    assert (await ended(nested, parent_arn)).status == "SUCCEEDED"
    assert nested.engine.describe_execution(child).status == "SUCCEEDED"


async def test_child_of_a_parent_whose_definition_is_refused_goes_on(nested, caplog) -> None:
    parent_arn, child = await with_child(nested, ".sync")
    change = "UPDATE definitions SET text = '{}' WHERE text LIKE '%Parallel%'"
    await nested.database.real.submit(lambda c: c.execute(change) and None)

    await nested.crash()
    nested.tasks.finish(Succeeded(b"1"))

    assert (await ended(nested, child)).status == "SUCCEEDED"
    assert nested.engine.describe_execution(parent_arn).status == "RUNNING"


async def test_child_that_was_redriven_goes_on_for_its_own_sake(nested) -> None:
    started = await nested.start(await parent(nested, ".sync"))
    child = await the_child(nested)
    await nested.engine.stop_execution(started.arn, None, None)
    await nested.engine.wait_closed(child)
    await nested.engine.redrive_execution(child)

    await nested.crash()
    nested.tasks.finish(Succeeded(b"1"))

    assert (await ended(nested, child)).status == "SUCCEEDED"


async def test_child_that_nobody_waits_for_outlives_its_parent_and_a_kill(nested) -> None:
    started = await nested.start(await parent(nested, ""))
    await nested.engine.wait_closed(started.arn)
    child = await the_child(nested)

    await nested.crash()
    nested.tasks.finish(Succeeded(b"1"))

    assert (await ended(nested, child)).status == "SUCCEEDED"


async def test_parent_that_timed_out_while_the_node_was_down_stops_its_child(nested, monkeypatch) -> None:
    machine = await parent(nested, ".sync", Name="kid")
    definition = json.loads(nested.engine.machines.describe(machine).definition)
    definition["States"]["S"]["TimeoutSeconds"] = 30
    definition["States"]["Before"] = {"Type": "Wait", "Seconds": 1, "Next": "S"}
    started = await nested.start(await nested.machine({**definition, "StartAt": "Before"}, "late"))
    others = await nested.machine({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 90, "End": True}}})
    for n in range(100):
        await nested.start(others, f"e{n}")
    await nested.elapse(1)
    child = await the_child(nested)
    await nested.elapse(0)

    def set_and_ring(alarm, due_at, ring) -> None:
        alarm._due_at, alarm._ring = due_at, ring
        asyncio.get_running_loop().call_soon(alarm.ring_if_due)

    monkeypatch.setattr(type(nested.alarm), "set", set_and_ring)
    monkeypatch.setattr("expeditor.executions.rebuilding._CHUNK", 1)
    nested.clock.advance(60)
    await nested.crash()

    assert (await nested.engine.wait_closed(started.arn)).error == "States.Timeout"
    assert (await nested.engine.wait_closed(child)).status == "ABORTED"


async def test_missing_machine_fails_the_task(nested) -> None:
    started = await nested.start(await parent(nested, "", StateMachineArn=f"{'arn:aws:states:us-east-1:0'}:x"))

    closed = await nested.engine.wait_closed(started.arn)

    assert closed.error == "StepFunctions.StateMachineDoesNotExistException"


@pytest.mark.parametrize("commits_before", [1, 2, 3, 4])
async def test_crash_leaves_one_child_whatever_was_on_disk(nested, commits_before) -> None:
    arn = await parent(nested, ".sync:2")
    nested.database.fail_at, nested.database.how = nested.database.commits + commits_before + 1, "before"
    started = nested.engine.start_execution(arn, "p", b"{}")
    for _ in range(20):
        await nested.elapse(0)
    for _ in range(commits_before % 2):
        if nested.tasks.open:
            nested.tasks.finish(Succeeded(b'{"b":2}'))
            await nested.elapse(0)

    await nested.crash()
    child = await the_child(nested)
    nested.tasks.finish(Succeeded(b'{"b":2}'))
    closed = await nested.engine.wait_closed((await started).arn)

    assert json.loads(closed.output)["ExecutionArn"] == child
    assert nested.engine.describe_execution(child).status == "SUCCEEDED"


async def test_child_that_ended_before_the_crash_is_still_the_parents(nested) -> None:
    """The start of the child was on disk, its answer in the parent's journal was not, and the child has ended since."""
    arn = await parent(nested, ".sync:2")
    started = await nested.start(arn, "p")
    child = await the_child(nested)
    nested.tasks.finish(Succeeded(b'{"b":2}'))
    await nested.engine.wait_closed(child)
    await nested.engine.wait_closed(started.arn)
    await nested.database.real.submit(lambda c: c.execute("DELETE FROM journal WHERE execution_id = 1") and None)
    await nested.database.real.submit(
        lambda c: c.execute("UPDATE executions SET status = 'RUNNING', stopped_at = NULL WHERE id = 1") and None
    )

    await nested.crash()
    closed = await nested.engine.wait_closed(started.arn)

    assert json.loads(closed.output)["ExecutionArn"] == child


async def test_name_that_another_execution_has_fails_the_task(nested) -> None:
    arn = await parent(nested, ".sync", Name="kid")
    with pytest.raises(ServiceError):
        nested.engine.describe_execution("arn:aws:states:us-east-1:000000000000:execution:child:kid")
    child_machine = "arn:aws:states:us-east-1:000000000000:stateMachine:child"
    other = await nested.start(child_machine, "kid", {"other": 1})
    await nested.until(lambda: bool(nested.tasks.open))
    nested.tasks.finish(Succeeded(b"1"))
    await nested.engine.wait_closed(other.arn)

    closed = await nested.engine.wait_closed((await nested.start(arn)).arn)

    assert closed.error == "StepFunctions.ExecutionAlreadyExistsException"
