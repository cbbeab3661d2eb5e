"""What a crash, or a commit with an unknown outcome, leaves behind: nothing but repeated task attempts."""

from typing import Any

import pytest

from expeditor.asl import DefinitionError
from expeditor.errors import ServiceError
from expeditor.executions import ExecutionFilter
from expeditor.executions.errors import EngineClosedError
from expeditor.integrations import Failed, Outcome, Submitted, Succeeded, TaskRequest
from expeditor.payloads import encode
from expeditor.store import CommitUnknownError

pytestmark = pytest.mark.anyio

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function"
ORDER = {
    "StartAt": "Charge",
    "States": {
        "Charge": {
            "Type": "Task",
            "Resource": f"{FUNCTION}:charge:1",
            "Retry": [{"ErrorEquals": ["Gateway.Busy"], "IntervalSeconds": 1, "MaxAttempts": 2}],
            "ResultPath": "$.charge",
            "Next": "Pause",
        },
        "Pause": {"Type": "Wait", "Seconds": 30, "Next": "Both"},
        "Both": {
            "Type": "Parallel",
            "ResultPath": "$.both",
            "Branches": [
                {"StartAt": "Mail", "States": {"Mail": {"Type": "Task", "Resource": f"{FUNCTION}:mail", "End": True}}},
                {"StartAt": "Log", "States": {"Log": {"Type": "Task", "Resource": f"{FUNCTION}:log", "End": True}}},
            ],
            "Next": "Ship",
        },
        "Ship": {"Type": "Task", "Resource": f"{FUNCTION}:ship", "ResultPath": "$.ship", "End": True},
    },
}
CALLBACK = {
    "StartAt": "A",
    "States": {
        "A": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}},
            "HeartbeatSeconds": 10,
            "End": True,
        }
    },
}
COMMITS = 7
"""Commits of one ORDER execution: start, busy, retry, charge, wait, both branches at once, ship."""


def order_script(request: TaskRequest) -> Outcome:
    """The payment gateway is busy the first time it is asked, however often that attempt is repeated."""
    if request.task_id == 1:
        return Failed("Gateway.Busy", "")
    return Succeeded(encode({"by": request.resource.rsplit(":", 1)[-1], "task": request.task_id}))


async def run_to_the_end(world, name: str = "o-1") -> Any:
    """Lets time pass until the order has ended, crashed or not."""
    arn = f"arn:aws:states:us-east-1:000000000000:execution:m:{name}"
    for _ in range(60):
        for _ in range(20):
            await world.elapse(0)
        if world.database.has_crashed:
            return None
        described = world.engine.describe_execution(arn)
        if described.status != "RUNNING":
            return described
        await world.elapse(5)
    raise AssertionError("the order never ended")


async def undisturbed(world) -> Any:
    await world.open()
    world.tasks.script = order_script
    await world.start(await world.machine(ORDER), "o-1", {"order_id": "o-1"})
    described = await run_to_the_end(world)
    await world.close()
    return described


@pytest.mark.parametrize("how", ["before", "after"])
async def test_crash_around_any_commit_gives_the_same_outcome(worlds, how) -> None:
    expected = await undisturbed(worlds("calm"))
    crashes = 0

    for commit in range(2, COMMITS + 2):
        world = worlds(f"{how}{commit}")
        await world.open()
        world.tasks.script = order_script
        arn = await world.machine(ORDER)
        world.database.fail_at, world.database.how = commit, how
        started = world.engine.start_execution(arn, "o-1", b'{"order_id":"o-1"}')
        await world.until(lambda world=world, started=started: started.done() or world.database.has_crashed)
        crashes += await run_to_the_end(world) is None
        await world.crash()
        if commit == 2:  # the caller was not answered, so it asks again
            await world.start(arn, "o-1", {"order_id": "o-1"})
        described = await run_to_the_end(world)

        assert (described.status, described.output) == (expected.status, expected.output), (how, commit)
        history = world.engine.history(described.arn)
        assert [event.id for event in history] == list(range(1, len(history) + 1))
        assert [event.type for event in history].count("ExecutionSucceeded") == 1
        await world.close()

    assert crashes == COMMITS


@pytest.mark.parametrize("how", ["unknown", "unknown_written"])
async def test_commit_with_unknown_outcome_is_resolved_from_the_journal(worlds, how, caplog) -> None:
    expected = await undisturbed(worlds("calm"))

    for commit in range(2, COMMITS + 2):
        world = worlds(f"{how}{commit}")
        await world.open()
        world.tasks.script = order_script
        arn = await world.machine(ORDER)
        world.database.fail_at, world.database.how = commit, how
        started = world.engine.start_execution(arn, "o-1", b'{"order_id":"o-1"}')
        if commit == 2:
            with pytest.raises(CommitUnknownError):
                await started
            started = world.engine.start_execution(arn, "o-1", b'{"order_id":"o-1"}')
        await started
        described = await run_to_the_end(world)

        assert (described.status, described.output) == (expected.status, expected.output), (how, commit)
        await world.close()


async def test_waiter_survives_a_commit_with_unknown_outcome(world, caplog) -> None:
    arn = await world.machine(ORDER)
    world.tasks.script = order_script
    started = await world.start(arn, "o-1")
    closed = world.engine.wait_closed(started.arn)
    world.database.fail_at, world.database.how = world.database.commits + 1, "unknown"

    await run_to_the_end(world)

    assert (await closed).status == "SUCCEEDED"


async def test_stop_that_meets_an_unknown_outcome_says_so(world, caplog) -> None:
    arn = await world.machine(CALLBACK)
    started = await world.start(arn)
    await world.until(lambda: bool(world.tasks.open))
    world.database.fail_at, world.database.how = world.database.commits + 1, "unknown"

    with pytest.raises(CommitUnknownError):
        await world.engine.stop_execution(started.arn, None, None)
    with pytest.raises(ServiceError) as refused:
        await world.engine.stop_execution(started.arn, None, None)
    await world.until(lambda: world.engine.counts().running == 1)
    await world.engine.stop_execution(started.arn, None, None)

    assert refused.value.code == "ServiceUnavailable"
    assert world.engine.describe_execution(started.arn).status == "ABORTED"


async def test_overdue_timers_fire_at_once_after_a_restart(world) -> None:
    arn = await world.machine({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 60, "End": True}}})
    started = await world.start(arn)
    world.clock.advance(3600)

    await world.crash()
    closed = world.engine.wait_closed(started.arn)
    await world.elapse(0)

    assert (await closed).status == "SUCCEEDED"


async def test_running_executions_are_counted_while_they_recover(world) -> None:
    arn = await world.machine({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 60, "End": True}}})
    for n in range(150):
        await world.start(arn, f"e{n}")

    await world.crash()

    assert world.engine.counts().running == 150
    await world.start(arn, "another")
    names = [one.name for one in world.engine.list_executions(ExecutionFilter(arn, limit=2)).executions]
    assert names == ["another", "e149"]


async def test_accepted_callback_task_is_not_requested_again_and_its_token_stays_good(world) -> None:
    arn = await world.machine(CALLBACK)
    started = await world.start(arn)
    await world.until(lambda: bool(world.tasks.open))
    request = world.tasks.open[0][0]
    world.tasks.open[0][1](Submitted(b"{}"))
    await world.elapse(0)

    await world.crash()
    [again] = world.tasks.requests
    await world.engine.send_task_success(request.token, b'{"ok":true}')

    assert (again.token, again.submitted) == (request.token, b"{}")
    assert request.parameters["Payload"] == {"token": request.token}
    assert (await world.engine.wait_closed(started.arn)).output == b'{"ok":true}'


async def test_recovered_task_gets_its_whole_heartbeat_again(world) -> None:
    arn = await world.machine(CALLBACK)
    started = await world.start(arn)
    await world.until(lambda: bool(world.tasks.open))
    world.clock.advance(3600)

    await world.crash()
    await world.elapse(9)
    assert world.engine.describe_execution(started.arn).status == "RUNNING"
    await world.elapse(1)
    await world.elapse(0)

    described = world.engine.describe_execution(started.arn)
    assert (described.status, described.error) == ("FAILED", "States.HeartbeatTimeout")


async def test_journal_that_ends_an_execution_ends_it_whatever_its_row_says(world) -> None:
    arn = await world.machine({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 60, "End": True}}})
    started = await world.start(arn)
    await world.elapse(60)
    await world.engine.wait_closed(started.arn)
    await world.database.real.submit(lambda c: c.execute("UPDATE executions SET status = 'RUNNING'") and None)

    await world.crash()

    assert (await world.engine.wait_closed(started.arn)).status == "SUCCEEDED"


async def test_damaged_journal_stops_only_its_own_execution(world, caplog) -> None:
    arn = await world.machine({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 60, "End": True}}})
    damaged, sound = await world.start(arn, "damaged"), await world.start(arn, "sound")
    await world.database.real.submit(lambda c: c.execute("INSERT INTO journal VALUES (1, 1, x'c1')") and None)

    await world.crash()
    closed = await world.engine.wait_closed(damaged.arn)
    await world.elapse(60)

    assert (closed.status, closed.error) == ("FAILED", "States.Runtime")
    assert [event.type for event in world.engine.history(damaged.arn)][-1] == "ExecutionFailed"
    assert (await world.engine.wait_closed(sound.arn)).status == "SUCCEEDED"


async def test_close_keeps_what_was_taken_in_and_refuses_what_comes_after(world) -> None:
    arn = await world.machine(CALLBACK)
    started = world.engine.start_execution(arn, "e", b"{}")
    end = world.engine.wait_closed((await started).arn)

    await world.engine.close()

    with pytest.raises(EngineClosedError):
        await world.engine.start_execution(arn, "late", b"{}")
    with pytest.raises(EngineClosedError):
        await end
    await world.crash()
    assert world.engine.counts().running == 1


@pytest.fixture
async def refused(world, caplog):
    """An upgraded node that refuses the definition of one of two executions; its ARN, and what takes the node back."""
    odd = {**CALLBACK, "Comment": "odd"}
    started = await world.start(await world.machine(odd, "odd"), "old")
    await world.until(lambda: bool(world.tasks.open))
    await world.start(await world.machine(CALLBACK), "sound")
    text = encode(odd).decode()
    strict = text.replace('"StartAt":"A"', '"StartAt":"Nowhere"')

    async def rewrite(was: str, now: str) -> None:
        change = "UPDATE definitions SET text = ? WHERE text = ?"
        await world.database.real.submit(lambda c: c.execute(change, (now, was)) and None)
        await world.crash()

    await rewrite(text, strict)
    return started.arn, lambda: rewrite(strict, text)


async def test_definition_that_this_release_refuses_holds_up_its_own_execution_only(world, refused, caplog) -> None:
    arn, _ = refused
    [sound] = world.tasks.requests
    await world.engine.send_task_success(sound.token, b"1")

    assert sound.execution_arn.endswith(":m:sound")
    assert (await world.engine.wait_closed(sound.execution_arn)).status == "SUCCEEDED"
    assert world.engine.describe_execution(arn).status == "RUNNING"
    [record] = [record for record in caplog.get_records("setup") if arn in record.getMessage()]
    assert "Nowhere" in record.getMessage()
    assert "start the release" in record.getMessage()


async def test_execution_whose_definition_was_refused_goes_on_with_a_release_that_takes_it(world, refused) -> None:
    arn, back = refused

    await back()
    token = next(one.token for one in world.tasks.requests if one.execution_arn == arn)
    await world.engine.send_task_success(token, b'{"ok":true}')

    assert (await world.engine.wait_closed(arn)).output == b'{"ok":true}'


async def test_stop_of_an_execution_whose_definition_is_refused_says_why_it_cannot_be(world, refused) -> None:
    arn, _ = refused

    with pytest.raises(ServiceError, match="refuses its definition") as problem:
        await world.engine.stop_execution(arn, None, None)

    assert problem.value.code == "ServiceUnavailable"


async def test_redrive_of_an_execution_whose_definition_is_refused_changes_nothing(world) -> None:
    arn = await world.machine({"StartAt": "A", "States": {"A": {"Type": "Fail"}}})
    closed = await world.engine.wait_closed((await world.start(arn)).arn)
    await world.database.real.submit(lambda c: c.execute("UPDATE definitions SET text = '{}'") and None)
    await world.crash()

    with pytest.raises(DefinitionError):
        await world.engine.redrive_execution(closed.arn)

    assert world.engine.describe_execution(closed.arn).status == "FAILED"
