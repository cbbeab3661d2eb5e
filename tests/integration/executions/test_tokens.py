"""Task tokens and activities."""

import pytest

from expeditor.errors import ServiceError
from expeditor.integrations import Submitted

pytestmark = pytest.mark.anyio

CALLBACK = {
    "StartAt": "A",
    "States": {
        "A": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Parameters": {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}},
            "HeartbeatSeconds": 10,
            "TimeoutSeconds": 100,
            "End": True,
        }
    },
}


async def waiting(world, name: str = "e") -> tuple[str, str]:
    """An execution that waits for its token: ARN and token."""
    arn = await world.machine(CALLBACK)
    started = await world.start(arn, name)
    await world.until(lambda: bool(world.tasks.open))
    request = world.tasks.open[-1][0]
    world.tasks.finish(Submitted(b"{}"), started.arn)
    await world.elapse(0)
    return started.arn, request.token


async def test_token_is_good_once(world) -> None:
    arn, token = await waiting(world)

    await world.engine.send_task_success(token, b'{"ok":true}')
    closed = await world.engine.wait_closed(arn)
    refusals = []
    for send in (
        lambda: world.engine.send_task_success(token, b"1"),
        lambda: world.engine.send_task_failure(token, "E", "c"),
        lambda: world.engine.send_task_heartbeat(token),
    ):
        with pytest.raises(ServiceError) as refused:
            await send()
        refusals.append((refused.value.code, str(refused.value)))

    assert closed.output == b'{"ok":true}'
    assert refusals == [("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")] * 3


async def test_two_answers_at_once_the_first_stands(world) -> None:
    arn, token = await waiting(world)

    approve = world.engine.send_task_success(token, b'"approved"')
    deny = world.engine.send_task_failure(token, "Denied", "")
    await approve
    with pytest.raises(ServiceError) as refused:
        await deny

    assert refused.value.code == "TaskTimedOut"
    assert (await world.engine.wait_closed(arn)).output == b'"approved"'


async def test_failure_by_token_fails_the_task(world) -> None:
    arn, token = await waiting(world)

    await world.engine.send_task_failure(token, "Review.Denied", "looks odd")

    closed = await world.engine.wait_closed(arn)
    assert (closed.status, closed.error, closed.cause) == ("FAILED", "Review.Denied", "looks odd")


async def test_heartbeats_keep_the_task_alive_until_its_timeout(world) -> None:
    arn, token = await waiting(world)
    for _ in range(11):
        await world.elapse(9)
        await world.engine.send_task_heartbeat(token)
    await world.elapse(0)
    assert world.engine.describe_execution(arn).status == "RUNNING"

    await world.elapse(1)
    closed = await world.engine.wait_closed(arn)

    assert (closed.status, closed.error) == ("FAILED", "States.Timeout")


async def test_silence_is_a_heartbeat_timeout(world) -> None:
    arn, token = await waiting(world)

    await world.elapse(10)

    closed = await world.engine.wait_closed(arn)
    assert (closed.status, closed.error) == ("FAILED", "States.HeartbeatTimeout")
    with pytest.raises(ServiceError) as refused:
        await world.engine.send_task_success(token, b"1")
    assert refused.value.code == "TaskTimedOut"


async def test_forged_tokens_change_nothing(world) -> None:
    arn, token = await waiting(world)
    await waiting(world, "other")
    execution_id, secret, rest = token.split(".", 2)
    forged = [
        "",
        "x",
        "....",
        "-1.a.b",
        "zz.a.b",
        f"{execution_id}.{secret[:-1]}.{rest}",
        f"2.{secret}.{rest}",
        f"999.{secret}.{rest}",
        f"{execution_id}.{'0' * 32}.{rest}",
        f"{execution_id}.é.{rest}",
        token + "x" * 3_000,
    ]
    codes = set()
    for one in forged:
        with pytest.raises(ServiceError) as refused:
            await world.engine.send_task_success(one, b"1")
        codes.add(refused.value.code)

    assert codes == {"InvalidToken"}
    for place in range(len(execution_id) + 34, len(token)):
        tampered = token[:place] + ("0" if token[place] != "0" else "1") + token[place + 1 :]
        with pytest.raises(ServiceError):
            await world.engine.send_task_success(tampered, b"1")
    assert world.engine.describe_execution(arn).status == "RUNNING"


async def test_output_that_is_no_json_is_refused_and_the_token_stays_good(world) -> None:
    arn, token = await waiting(world)

    with pytest.raises(ServiceError) as refused:
        await world.engine.send_task_success(token, b"{")
    await world.engine.send_task_success(token, b"1")

    assert refused.value.code == "InvalidOutput"
    assert (await world.engine.wait_closed(arn)).output == b"1"


async def activity_machine(world) -> tuple[str, str]:
    activity = await world.engine.activities.create("pick")
    machine = await world.machine(
        {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": activity.arn, "End": True}}}, "by-hand"
    )
    return activity.arn, machine


async def test_worker_fetches_a_waiting_task_and_answers_by_its_token(world) -> None:
    activity, machine = await activity_machine(world)
    started = await world.start(machine, value={"order_id": "o-1"})

    task = await world.engine.activities.get_task(activity, "hands")
    await world.engine.send_task_success(task.token, b'{"picked":1}')

    assert task.input == b'{"order_id":"o-1"}'
    assert (await world.engine.wait_closed(started.arn)).output == b'{"picked":1}'
    kinds = [event.type for event in world.engine.history(started.arn)]
    assert kinds[2:5] == ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]


async def test_waiting_workers_get_one_task_each(world) -> None:
    activity, machine = await activity_machine(world)
    polls = [world.engine.activities.get_task(activity) for _ in range(3)]
    for n in range(2):
        await world.start(machine, f"e{n}", {"n": n})

    tasks = [await poll for poll in polls[:2]]
    await world.elapse(60)

    assert [task.input for task in tasks] == [b'{"n":0}', b'{"n":1}']
    assert await polls[2] is None


async def test_task_of_a_stopped_execution_is_not_handed_out(world) -> None:
    activity, machine = await activity_machine(world)
    stopped = await world.start(machine, "stopped", {"n": 0})
    await world.start(machine, "goes-on", {"n": 1})
    await world.engine.stop_execution(stopped.arn, None, None)

    assert (await world.engine.activities.get_task(activity)).input == b'{"n":1}'


async def test_fetched_task_stays_with_its_worker_across_a_restart(world) -> None:
    activity, machine = await activity_machine(world)
    started = await world.start(machine)
    task = await world.engine.activities.get_task(activity)

    await world.crash()
    poll = world.engine.activities.get_task(activity)
    await world.elapse(0)
    assert not poll.done()
    await world.engine.send_task_success(task.token, b"1")

    assert (await world.engine.wait_closed(started.arn)).status == "SUCCEEDED"


async def test_task_of_an_execution_that_was_rebuilt_is_handed_out_once(world, caplog) -> None:
    activity = await world.engine.activities.create("pick")
    hands = {"Type": "Task", "Resource": activity.arn, "End": True}
    wait = {"Type": "Wait", "Seconds": 1, "Next": "More"}
    branches = [
        {"StartAt": "Hands", "States": {"Hands": hands}},
        {"StartAt": "Pause", "States": {"Pause": wait, "More": {"Type": "Wait", "Seconds": 60, "End": True}}},
    ]
    both = {"Type": "Parallel", "Branches": branches, "End": True}
    await world.start(await world.machine({"StartAt": "Both", "States": {"Both": both}}))
    world.database.fail_at, world.database.how = world.database.commits + 1, "unknown"
    await world.elapse(1)
    await world.until(lambda: "a commit failed" in caplog.text)
    await world.elapse(1)

    polls = [world.engine.activities.get_task(activity.arn) for _ in range(2)]
    await polls[0]
    await world.elapse(60)

    assert await polls[1] is None


async def test_activities_are_created_once_listed_and_deleted(world) -> None:
    first = await world.engine.activities.create("b")
    world.clock.advance(5)
    again = await world.engine.activities.create("b")
    await world.engine.activities.create("a")

    assert first == again == world.engine.activities.describe(first.arn)
    assert [one.name for one in world.engine.activities.list()] == ["a", "b"]
    assert [one.name for one in world.engine.activities.list("a")] == ["b"]
    await world.engine.activities.delete(first.arn)
    await world.engine.activities.delete(first.arn)
    for ask in (world.engine.activities.describe, world.engine.activities.get_task):
        with pytest.raises(ServiceError) as refused:
            ask(first.arn)
        assert refused.value.code == "ActivityDoesNotExist"
    with pytest.raises(ServiceError) as malformed:
        world.engine.activities.create("a b")
    assert malformed.value.code == "InvalidName"


async def test_activity_that_exists_keeps_its_tags(world) -> None:
    first = await world.engine.activities.create("pick", {"team": "a"})
    await world.engine.activities.create("pick", {"team": "b", "more": "c"})

    assert world.engine.machines.tags(first.arn) == {"team": "a"}
    with pytest.raises(ServiceError) as refused:
        await world.engine.activities.create("other", {str(n): "" for n in range(51)})
    assert refused.value.code == "TooManyTags"
