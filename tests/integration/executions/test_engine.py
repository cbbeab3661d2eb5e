"""Executions from start to end on a real database file."""

import pytest

from expeditor.errors import ServiceError
from expeditor.executions import ChangeKind, ExecutionFilter
from expeditor.integrations import Failed, Succeeded

pytestmark = pytest.mark.anyio

PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"done": True}, "End": True}}}
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
TASK = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": FUNCTION, "End": True}}}
TWO_TASKS = {
    "StartAt": "A",
    "States": {
        "A": {"Type": "Task", "Resource": f"{FUNCTION}:1", "Next": "B"},
        "B": {"Type": "Task", "Resource": f"{FUNCTION}:2", "End": True},
    },
}
WAIT = {"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 60, "End": True}}}
TIMEOUT = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 5, "End": True}}}


async def test_execution_without_tasks_ends_in_the_commit_that_starts_it(world) -> None:
    arn = await world.machine(PASS)
    commits = world.database.commits

    started = await world.start(arn, "first")

    assert started.arn == "arn:aws:states:us-east-1:000000000000:execution:m:first"
    described = world.engine.describe_execution(started.arn)
    assert (described.status, described.output) == ("SUCCEEDED", b'{"done":true}')
    assert described.stopped_at == described.started_at == world.clock.now()
    assert world.database.commits == commits + 1


async def test_task_is_called_with_the_state_input_and_its_result_is_the_output(world) -> None:
    arn = await world.machine(TASK)
    world.tasks.script = lambda request: Succeeded(b'{"seen":[1]}')

    started = await world.start(arn, value={"order_id": "o-1"})
    closed = await world.engine.wait_closed(started.arn)

    assert (closed.status, closed.output) == ("SUCCEEDED", b'{"seen":[1]}')
    assert [(request.resource, request.parameters) for request in world.tasks.requests] == [
        (FUNCTION, {"order_id": "o-1"})
    ]


async def test_task_failure_fails_the_execution_with_its_error_and_cause(world) -> None:
    arn = await world.machine(TASK)
    world.tasks.script = lambda request: Failed("Card.Declined", "no money")

    closed = await world.engine.wait_closed((await world.start(arn)).arn)

    assert (closed.status, closed.error, closed.cause) == ("FAILED", "Card.Declined", "no money")


async def test_no_task_is_called_before_the_outcome_it_follows_from_is_on_disk(world) -> None:
    arn = await world.machine(TWO_TASKS)
    started = await world.start(arn)
    await world.until(lambda: len(world.tasks.requests) == 1)
    world.database.fail_at, world.database.how = world.database.commits + 1, "before"

    world.tasks.finish(Succeeded(b"1"))
    await world.elapse(0)

    assert [request.resource for request in world.tasks.requests] == [f"{FUNCTION}:1"]
    assert world.engine.describe_execution(started.arn).status == "RUNNING"


async def test_outcomes_that_arrive_during_a_commit_share_the_next_one(world) -> None:
    arn = await world.machine(TASK)
    starting = [world.engine.start_execution(arn, f"e{n}", b"{}") for n in range(50)]
    before = world.database.commits
    for future in starting:
        await future

    assert world.database.commits <= before + 2
    assert len(world.tasks.requests) == 50


async def test_wait_ends_when_its_time_has_come(world) -> None:
    arn = await world.machine(WAIT)
    started = await world.start(arn)

    await world.elapse(59)
    assert world.engine.describe_execution(started.arn).status == "RUNNING"
    await world.elapse(1)
    closed = await world.engine.wait_closed(started.arn)

    assert closed.status == "SUCCEEDED"
    assert closed.stopped_at - closed.started_at == 60


async def test_timed_out_task_is_cancelled_and_its_late_result_changes_nothing(world) -> None:
    arn = await world.machine(TIMEOUT)
    started = await world.start(arn)
    await world.until(lambda: bool(world.tasks.open))

    await world.elapse(5)
    closed = await world.engine.wait_closed(started.arn)
    world.tasks.finish(Succeeded(b"1"))
    await world.elapse(0)

    assert (closed.status, closed.error) == ("FAILED", "States.Timeout")
    assert world.tasks.cancelled == [1]
    assert world.engine.describe_execution(started.arn).status == "FAILED"


async def test_same_name_and_input_while_it_runs_is_the_same_execution(world) -> None:
    arn = await world.machine(TASK)

    starts = [world.engine.start_execution(arn, "o-1", b'{"a":1}') for _ in range(3)]
    first, second, third = [await future for future in starts]
    fourth = await world.engine.start_execution(arn, "o-1", b'{"a":1}')

    assert first == second == third == fourth
    assert len(world.tasks.requests) == 1


async def test_name_is_taken_by_another_input_and_by_a_closed_execution(world) -> None:
    arn = await world.machine(TASK)
    await world.start(arn, "o-1", {"a": 1})

    with pytest.raises(ServiceError) as other_input:
        await world.start(arn, "o-1", {"a": 2})
    world.tasks.finish(Succeeded(b"1"))
    await world.engine.wait_closed(other_input.value.arn)
    with pytest.raises(ServiceError) as closed:
        await world.start(arn, "o-1", {"a": 1})

    assert other_input.value.code == closed.value.code == "ExecutionAlreadyExists"
    assert str(closed.value).startswith("Execution Already Exists: 'arn:aws:states:")


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("a b", b"{}", "InvalidName"),
        ("x" * 81, b"{}", "InvalidName"),
        ("ok", b"not json", "InvalidExecutionInput"),
        ("ok", b"", "InvalidExecutionInput"),
        ("ok", b'"' + b"x" * 262_143 + b'"', "InvalidExecutionInput"),
    ],
)
async def test_bad_start_is_refused_and_leaves_nothing(world, name, text, code) -> None:
    arn = await world.machine(PASS)

    with pytest.raises(ServiceError) as refused:
        await world.engine.start_execution(arn, name, text)

    assert refused.value.code == code
    assert world.engine.list_executions(ExecutionFilter(arn)).executions == []


async def test_unknown_state_machine_is_refused(world) -> None:
    with pytest.raises(ServiceError) as refused:
        await world.start("arn:aws:states:us-east-1:000000000000:stateMachine:nope")

    assert refused.value.code == "StateMachineDoesNotExist"


async def test_stopped_execution_is_aborted_and_its_task_cancelled(world) -> None:
    arn = await world.machine(TASK)
    started = await world.start(arn)
    await world.until(lambda: bool(world.tasks.open))

    stopped_at = await world.engine.stop_execution(started.arn, "Operator", "wrong order")
    again = await world.engine.stop_execution(started.arn, None, None)

    described = world.engine.describe_execution(started.arn)
    assert (described.status, described.error, described.cause) == ("ABORTED", "Operator", "wrong order")
    assert stopped_at == again == described.stopped_at
    assert world.tasks.cancelled == [1]


async def test_unknown_execution_is_refused_everywhere(world) -> None:
    arn = "arn:aws:states:us-east-1:000000000000:execution:m:nope"
    codes = []
    for ask in (world.engine.stop_execution(arn, None, None), world.engine.wait_closed(arn)):
        with pytest.raises(ServiceError) as refused:
            await ask
        codes.append(refused.value.code)
    for read in (world.engine.describe_execution, world.engine.history):
        with pytest.raises(ServiceError) as refused:
            read(arn)
        codes.append(refused.value.code)

    assert codes == ["ExecutionDoesNotExist"] * 4
    with pytest.raises(ServiceError) as malformed:
        world.engine.describe_execution("arn:aws:states:us-east-1:000000000000:stateMachine:m")
    assert malformed.value.code == "InvalidArn"


async def test_history_is_the_replayed_journal(world) -> None:
    arn = await world.machine(TASK)
    world.tasks.script = lambda request: Succeeded(b"5")

    started = await world.start(arn)
    await world.engine.wait_closed(started.arn)

    history = world.engine.history(started.arn)
    assert [event.type for event in history] == [
        "ExecutionStarted",
        "TaskStateEntered",
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]
    assert [event.id for event in history] == list(range(1, 8))


async def test_history_read_backwards_shows_each_event_once_while_it_grows(world) -> None:
    started = await world.start(await world.machine(TASK))
    await world.until(lambda: bool(world.tasks.open))
    newest = await world.engine.history_page(started.arn, 0, 2, newest_first=True)
    assert [event.id for event in newest.page] == [3, 4]

    world.tasks.finish(Succeeded(b"5"))
    await world.engine.wait_closed(started.arn)

    older = await world.engine.history_page(started.arn, 3, 2, newest_first=True)
    assert [event.id for event in older.page] == [1, 2]


async def test_lists_are_newest_first_filtered_and_paged(world) -> None:
    arn = await world.machine(TASK)
    world.tasks.script = lambda request: Succeeded(b"1") if request.parameters["n"] % 2 else None
    started = [await world.start(arn, f"e{n}", {"n": n}) for n in range(7)]
    for one in started[1::2]:
        await world.engine.wait_closed(one.arn)

    pages, after = [], None
    while True:
        page = world.engine.list_executions(ExecutionFilter(arn, after=after, limit=3))
        pages.append([execution.name for execution in page.executions])
        after = page.next_page
        if after is None:
            break
    running = world.engine.list_executions(ExecutionFilter(arn, status="RUNNING")).executions

    assert pages == [["e6", "e5", "e4"], ["e3", "e2", "e1"], ["e0"]]
    assert [execution.name for execution in running] == ["e6", "e4", "e2", "e0"]
    counts = world.engine.counts()
    assert (counts.running, counts.closed) == (4, {"SUCCEEDED": 3})
    assert counts.oldest_started_at == started[0].started_at


async def test_subscribers_hear_once_per_commit(world) -> None:
    arn = await world.machine(TASK)
    heard = []
    unsubscribe = world.engine.subscribe(heard.append)

    started = await world.start(arn)
    world.tasks.finish(Succeeded(b"1"))
    await world.engine.wait_closed(started.arn)
    unsubscribe()
    await world.start(arn)

    assert [[change.kind for change in changes] for changes in heard] == [[ChangeKind.STARTED], [ChangeKind.CLOSED]]


async def test_interpreter_that_raises_stops_only_that_execution(world, caplog) -> None:
    arn = await world.machine(TASK)
    broken = await world.start(arn, "broken")
    sound = await world.start(arn, "sound")
    world.engine._registry.by_arn[broken.arn].execution.frame = None  # an invariant that no event can break

    world.tasks.finish(Succeeded(b"1"), broken.arn)
    world.tasks.finish(Succeeded(b"2"), sound.arn)
    closed = await world.engine.wait_closed(broken.arn)

    assert (closed.status, closed.error) == ("FAILED", "States.Runtime")
    assert world.engine.history(broken.arn)[-1].type == "ExecutionFailed"
    assert (await world.engine.wait_closed(sound.arn)).output == b"2"
