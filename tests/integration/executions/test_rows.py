"""How a batch of executions is written."""

import pytest

from expeditor.store import executions, state_machines
from expeditor.store.executions import Closing, ExecutionFilter, JournalEntry, NewExecution
from expeditor.store.state_machines import NewRevision

pytestmark = pytest.mark.anyio

ARN = "arn:aws:states:us-east-1:000000000000:stateMachine:m"


def started(number: int) -> NewExecution:
    return NewExecution(
        id=number,
        machine_id=1,
        revision_id=1,
        name=f"e{number}",
        status="RUNNING",
        input=b"{}",
        output=None,
        error=None,
        cause=None,
        started_at=float(number),
        stopped_at=None,
        seed=b"s",
        secret="x",
        started_by=None,
        trace_header=None,
    )


@pytest.fixture
async def submit(world):
    revision = NewRevision(None, "{}", "r", "{}", "{}", 0.0)
    await world.database.submit(lambda c: state_machines.put_machine(c, ARN, "m", "STANDARD", revision))
    return world.database.submit


@pytest.mark.parametrize("count", [0, 1, 3, 4, 21, 64, 65, 150])
async def test_every_row_of_a_batch_of_any_size_is_written(world, submit, count) -> None:
    rows = [started(number) for number in range(1, count + 1)]
    entries = [JournalEntry(row.id, seq, bytes([seq])) for row in rows for seq in (1, 2)]
    closed = [Closing("SUCCEEDED", b"1", None, None, 9.0, row.id) for row in rows[::2]]
    await submit(lambda c: executions.write(c, rows, [], []))
    await submit(lambda c: executions.write(c, [], entries, closed))

    reader = world.database.reader
    assert executions.last_id(reader) == count
    assert executions.running_ids(reader) == [row.id for row in rows[1::2]]
    assert all(executions.journal(reader, row.id) == [b"\x01", b"\x02"] for row in rows)
    page = executions.page(reader, ExecutionFilter(status="SUCCEEDED", limit=1000))
    assert [row.id for row in page] == [row.id for row in rows[::2]][::-1]


async def test_started_executions_whose_names_are_taken_are_left_out(world, submit) -> None:
    assert await submit(lambda c: executions.write(c, [started(1), started(2)], [], [])) == frozenset()

    again = [started(3)._replace(name="e1"), started(4), started(5)._replace(name="e2")]
    taken = await submit(lambda c: executions.write(c, again, [], []))

    assert taken == {3, 5}
    assert executions.running_ids(world.database.reader) == [1, 2, 4]


async def test_executions_are_closed_by_their_primary_key(world, submit) -> None:
    statement = executions._filled_in(executions._CLOSE, len(Closing._fields), 16)
    values = [None] * 16 * len(Closing._fields)

    plan = [row[3] for row in world.database.reader.execute(f"EXPLAIN QUERY PLAN {statement}", values)]

    assert plan[-1] == "SEARCH executions USING INTEGER PRIMARY KEY (rowid=?)"


@pytest.mark.parametrize("machine_id", [None, 1, 2])
@pytest.mark.parametrize("status", [None, "RUNNING", "SUCCEEDED", "FAILED"])
async def test_pages_are_what_a_plain_query_gives(world, submit, machine_id, status) -> None:
    revision = NewRevision(None, "{}", "r", "{}", "{}", 0.0)
    await submit(lambda c: state_machines.put_machine(c, ARN + "2", "m2", "STANDARD", revision))
    kinds = ("RUNNING", "SUCCEEDED", "SUCCEEDED", "FAILED", "ABORTED")
    rows = [started(number)._replace(status=kinds[number % 5], machine_id=1 + number % 2) for number in range(1, 41)]
    await submit(lambda c: executions.write(c, rows, [], []))

    seen: list[int] = []
    while True:
        before = seen[-1] if seen else None
        page = executions.page(world.database.reader, ExecutionFilter(machine_id, status, before, limit=3))
        seen += [row.id for row in page]
        if len(page) < 3:
            break

    assert seen == [
        row.id for row in reversed(rows) if machine_id in (None, row.machine_id) and status in (None, row.status)
    ]


@pytest.mark.parametrize(("machine_id", "status"), [(None, None), (None, "SUCCEEDED"), (1, None), (1, "FAILED")])
async def test_pages_are_found_without_sorting_what_is_not_shown(world, machine_id, status) -> None:
    ids, values = executions._ids_of_page(ExecutionFilter(machine_id, status))
    plan = [
        row[3] for row in world.database.reader.execute(f"EXPLAIN QUERY PLAN {ids} ORDER BY id DESC LIMIT 1", values)
    ]

    scans = [step for step in plan if "executions" in step]
    assert all("PRIMARY KEY" in step or "executions_by_status" in step for step in scans)
    sorted_at = [at for at, step in enumerate(plan) if "TEMP B-TREE" in step]
    assert machine_id is not None or not sorted_at
