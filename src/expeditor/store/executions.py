"""Rows of executions and their journal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import NamedTuple

import apsw


class NewExecution(NamedTuple):
    """One row as it is inserted; the fields have the names of the table's columns.

    Attributes:
        seed: of the ExecutionStarted event, which needs no journal row of its own.
        secret: what the execution's task tokens begin with.
        started_by: the task of another execution that started it; the same starter may ask again.
        version, alias: of the state machine, by which it was started, if by either.
    """

    id: int
    machine_id: int
    revision_id: int
    name: str
    status: str
    input: bytes
    output: bytes | None
    error: str | None
    cause: str | None
    started_at: float
    stopped_at: float | None
    seed: bytes
    secret: str
    started_by: str | None
    trace_header: str | None
    version: int | None = None
    alias: str | None = None
    redrive_count: int = 0
    redriven_at: float | None = None


class Closing(NamedTuple):
    """How an execution that is already in the table ended; the id comes last, as in the statement."""

    status: str
    output: bytes | None
    error: str | None
    cause: str | None
    stopped_at: float
    id: int


class JournalEntry(NamedTuple):
    """One outcome, *seq* counts from 1 within its execution."""

    execution_id: int
    seq: int
    event: bytes


class ExecutionRow(NamedTuple):
    """One execution with the names of its state machine.

    Attributes:
        revision_label: AWS's revision id; None when the machine had never been updated.
    """

    id: int
    machine_id: int
    revision_id: int
    name: str
    status: str
    input: bytes
    output: bytes | None
    error: str | None
    cause: str | None
    started_at: float
    stopped_at: float | None
    seed: bytes
    secret: str
    started_by: str | None
    trace_header: str | None
    version: int | None
    alias: str | None
    redrive_count: int
    redriven_at: float | None
    machine_arn: str
    machine_name: str
    machine_status: str
    definition_id: int
    role_arn: str
    logging: str


class ExecutionSummary(NamedTuple):
    """What a list shows of one execution."""

    id: int
    name: str
    machine_arn: str
    status: str
    started_at: float
    stopped_at: float | None
    version: int | None
    alias: str | None
    redrive_count: int
    redriven_at: float | None


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """Which executions to list, newest first.

    Attributes:
        before_id: only those older than this one; the id of the last row of the page before.
        limit: 1 to 1000 rows.
        version, alias: only those that were started by it; with a *machine_id*.
        is_redriven: only those that were, or were not, redriven; with a *machine_id*.
    """

    machine_id: int | None = None
    status: str | None = None
    before_id: int | None = None
    limit: int = 100
    version: int | None = None
    alias: str | None = None
    is_redriven: bool | None = None


_INSERT = f"""
    INSERT INTO executions ({", ".join(NewExecution._fields)}) VALUES {{rows}}
    ON CONFLICT (machine_id, name) DO NOTHING
"""
_JOURNAL = "INSERT INTO journal VALUES {rows}"
_CLOSE = """
    UPDATE executions
    SET status = v.column1, output = v.column2, error = v.column3, cause = v.column4, stopped_at = v.column5
    FROM (VALUES {rows}) AS v WHERE executions.id = v.column6
"""
_CHUNKS = (64, 16)
_STATUSES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE")
_MOST = "SUCCEEDED"
"""What most executions are: those of all machines are found sooner from the newest id down than through the index."""
_ID_MAX = 2**63 - 1
_SELECT = f"""
    SELECT {", ".join(f"e.{column}" for column in NewExecution._fields)}, m.arn, m.name, m.status,
        r.definition_id, r.role_arn, r.logging
    FROM executions e
    JOIN state_machines m ON m.id = e.machine_id
    JOIN state_machine_revisions r ON r.id = e.revision_id
"""


def write(
    connection: apsw.Connection,
    started: Sequence[NewExecution],
    entries: Sequence[JournalEntry],
    closed: Sequence[Closing],
) -> frozenset[int]:
    """Writes one batch and gives the ids of started executions that are left out, because their names are taken.

    An execution is never in both *started* and *closed*.
    """
    taken: frozenset[int] = frozenset()
    if started:
        before = connection.total_changes()
        _write_rows(connection, _INSERT, started)
        if connection.total_changes() - before < len(started):
            taken = frozenset(row.id for row in started if not _exists(connection, row.id))
    _write_rows(connection, _JOURNAL, entries)
    _write_rows(connection, _CLOSE, closed)
    return taken


def _write_rows(connection: apsw.Connection, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Runs *statement* over all rows, many at a time.

    One statement for many rows, because the writer thread gives up the interpreter lock for each statement, and gets it
    back only after waiting for a busy event loop: 64 rows one by one cost up to a tenth of a second. The last few rows
    have a statement of their very number, as there are not so many of these.
    """
    at = 0
    for size in (*_CHUNKS, len(rows) % _CHUNKS[-1]):
        while size and len(rows) - at >= size:
            values = list(chain.from_iterable(rows[at : at + size]))
            connection.execute(_filled_in(statement, len(rows[0]), size), values)
            at += size


@cache
def _filled_in(statement: str, columns: int, rows: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return statement.format(rows=", ".join([row] * rows))


def reopen(connection: apsw.Connection, execution_id: int, event: bytes, now: float) -> bool:
    """Lets an execution that ended badly run again, with *event* at the end of its journal.

    Returns:
        False when it runs or has succeeded.
    """
    before = connection.total_changes()
    connection.execute(
        """
        UPDATE executions
        SET status = 'RUNNING', output = NULL, error = NULL, cause = NULL, stopped_at = NULL,
            redrive_count = redrive_count + 1, redriven_at = ?
        WHERE id = ? AND status IN ('FAILED', 'TIMED_OUT', 'ABORTED')
        """,
        (now, execution_id),
    )
    if connection.total_changes() == before:
        return False
    connection.execute(
        "INSERT INTO journal SELECT ?1, coalesce(max(seq), 0) + 1, ?2 FROM journal WHERE execution_id = ?1",
        (execution_id, event),
    )
    return True


def last_id(connection: apsw.Connection) -> int:
    """The highest execution id given out so far; 0 in an empty table."""
    return _number(connection.execute("SELECT coalesce(max(id), 0) FROM executions"))


def running_ids(connection: apsw.Connection) -> list[int]:
    """Executions that have not ended, oldest first."""
    return [row[0] for row in connection.execute("SELECT id FROM executions WHERE status = 'RUNNING' ORDER BY id")]


def nested_running(connection: apsw.Connection) -> Iterator[tuple[str, str, str]]:
    """Executions that have not ended, that a task started, and that were not redriven: the ARN of the state machine,
    the name, and what started it; reads as many rows as there are executions that have not ended."""
    return connection.execute(
        """
        SELECT m.arn, e.name, e.started_by FROM executions e JOIN state_machines m ON m.id = e.machine_id
        WHERE e.status = 'RUNNING' AND e.started_by IS NOT NULL AND e.redrive_count = 0
        ORDER BY e.id
        """
    )


def counts_by_status(connection: apsw.Connection) -> dict[str, int]:
    """How many executions have each status; reads the whole status index."""
    return dict(connection.execute("SELECT status, count(*) FROM executions GROUP BY status"))


def by_id(connection: apsw.Connection, execution_id: int) -> ExecutionRow | None:
    """One execution, None when there is none with that id."""
    return _one(connection.execute(f"{_SELECT} WHERE e.id = ?", (execution_id,)))


def by_ids(connection: apsw.Connection, ids: Sequence[int]) -> list[ExecutionRow]:
    """Those of *ids* that exist, oldest first."""
    rows = connection.execute(f"{_SELECT} WHERE e.id IN ({_marks(ids)}) ORDER BY e.id", tuple(ids))
    return [ExecutionRow(*row) for row in rows]


def by_name(connection: apsw.Connection, machine_arn: str, name: str) -> ExecutionRow | None:
    """One execution, None when there is none with that name."""
    return _one(connection.execute(f"{_SELECT} WHERE m.arn = ? AND e.name = ?", (machine_arn, name)))


def journal(connection: apsw.Connection, execution_id: int) -> list[bytes]:
    """The outcomes of one execution in order."""
    rows = connection.execute("SELECT event FROM journal WHERE execution_id = ? ORDER BY seq", (execution_id,))
    return [row[0] for row in rows]


def journals(connection: apsw.Connection, ids: Sequence[int]) -> dict[int, list[bytes]]:
    """The outcomes of several executions, by id."""
    found: dict[int, list[bytes]] = {execution_id: [] for execution_id in ids}
    for execution_id, event in connection.execute(
        f"SELECT execution_id, event FROM journal WHERE execution_id IN ({_marks(ids)}) ORDER BY execution_id, seq",
        tuple(ids),
    ):
        found[execution_id].append(event)
    return found


def page(connection: apsw.Connection, wanted: ExecutionFilter) -> list[ExecutionSummary]:
    """One page of a list, newest first."""
    assert 1 <= wanted.limit <= 1000
    ids, values = _ids_of_page(wanted)
    rows = connection.execute(
        f"""
        SELECT e.id, e.name, m.arn, e.status, e.started_at, e.stopped_at, e.version, e.alias, e.redrive_count,
            e.redriven_at
        FROM ({ids} ORDER BY id DESC LIMIT ?) AS found
        JOIN executions e ON e.id = found.id
        JOIN state_machines m ON m.id = e.machine_id
        ORDER BY e.id DESC
        """,
        (*values, wanted.limit),
    )
    return [ExecutionSummary(*row) for row in rows]


def _ids_of_page(wanted: ExecutionFilter) -> tuple[str, list[object]]:
    """A query for ids, and its values.

    A list of one machine without a status takes a page of each status and merges them, so that it reads no more than a
    few pages, however many executions there are.
    """
    before = wanted.before_id if wanted.before_id is not None else _ID_MAX
    if wanted.machine_id is None and wanted.status is None:
        return "SELECT id FROM executions WHERE id < ?", [before]
    if wanted.machine_id is None and wanted.status == _MOST:
        return "SELECT id FROM executions WHERE id < ? AND +status = ?", [before, wanted.status]
    if wanted.machine_id is None:
        return "SELECT id FROM executions WHERE status = ? AND id < ?", [wanted.status, before]
    more, more_values = _conditions(wanted)
    of_status = (
        f"SELECT id FROM executions WHERE status = ? AND machine_id = ? AND id < ?{more} ORDER BY id DESC LIMIT ?"
    )
    statuses = _STATUSES if wanted.status is None else (wanted.status,)
    every = " UNION ALL ".join([f"SELECT id FROM ({of_status})"] * len(statuses))
    values: list[object] = []
    for status in statuses:
        values += [status, wanted.machine_id, before, *more_values, wanted.limit]
    return f"SELECT id FROM ({every})", values


def _conditions(wanted: ExecutionFilter) -> tuple[str, list[object]]:
    """What narrows the list of one state machine further, and its values."""
    given = [("version", wanted.version), ("alias", wanted.alias)]
    found = [(f" AND {column} = ?", value) for column, value in given if value is not None]
    if wanted.is_redriven is not None:
        found.append((" AND (redrive_count > 0) = ?", wanted.is_redriven))
    return "".join(text for text, _ in found), [value for _, value in found]


def has_running(connection: apsw.Connection, machine_id: int) -> bool:
    """Whether an execution of that state machine has not ended."""
    question = "SELECT EXISTS (SELECT 1 FROM executions WHERE machine_id = ? AND status = 'RUNNING')"
    return bool(_number(connection.execute(question, (machine_id,))))


def _one(rows: Iterator[tuple[object, ...]]) -> ExecutionRow | None:
    for row in rows:
        return ExecutionRow(*row)  # type: ignore[arg-type]
    return None


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _exists(connection: apsw.Connection, execution_id: int) -> bool:
    return bool(_number(connection.execute("SELECT EXISTS (SELECT 1 FROM executions WHERE id = ?)", (execution_id,))))


def _number(rows: Iterator[tuple[object, ...]]) -> int:
    for row in rows:
        assert isinstance(row[0], int)
        return row[0]
    raise AssertionError("the query gives one row")
