"""The writer: what was submitted is on disk when its future says so, and one failure hurts nobody else."""

import asyncio
from pathlib import Path

import apsw
import pytest

from expeditor.store import CommitUnknownError, Database, StoreError
from expeditor.store import database as database_module

pytestmark = pytest.mark.anyio
MIGRATIONS = "expeditor.store.migrations"


async def opened(path: Path) -> Database:
    database = Database.open(path, MIGRATIONS)
    await database.submit(lambda connection: connection.execute("CREATE TABLE IF NOT EXISTS t (x INTEGER PRIMARY KEY)"))
    return database


def insert(value: int) -> "database_module.Callable[[apsw.Connection], int]":
    def run(connection: apsw.Connection) -> int:
        connection.execute("INSERT INTO t VALUES (?)", (value,))
        return value

    return run


def values(database: Database) -> list[int]:
    return [row[0] for row in database.reader.execute("SELECT x FROM t ORDER BY x")]


async def test_a_resolved_future_means_that_another_connection_sees_the_row(tmp_path: Path) -> None:
    database = await opened(tmp_path / "t.db")

    assert await database.submit(insert(1)) == 1

    assert [row[0] for row in apsw.Connection(str(tmp_path / "t.db")).execute("SELECT x FROM t")] == [1]
    await database.close()


async def test_many_submissions_share_commits_and_all_resolve(tmp_path: Path) -> None:
    database = await opened(tmp_path / "t.db")

    results = await asyncio.gather(*(database.submit(insert(number)) for number in range(500)))

    assert results == list(range(500))
    assert values(database) == list(range(500))
    await database.close()


async def test_a_piece_that_raises_leaves_nothing_and_does_not_hurt_its_neighbours(tmp_path: Path) -> None:
    database = await opened(tmp_path / "t.db")

    def write_then_fail(connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO t VALUES (99)")
        raise KeyError("no such thing")

    futures = [database.submit(insert(1)), database.submit(write_then_fail), database.submit(insert(2))]
    results = await asyncio.gather(*futures, return_exceptions=True)

    assert results[0] == 1
    assert isinstance(results[1], KeyError)
    assert results[2] == 2
    assert values(database) == [1, 2]
    await database.close()


async def test_a_commit_that_raises_is_unknown_to_everybody_in_it_and_the_next_one_works(tmp_path: Path) -> None:
    database = await opened(tmp_path / "t.db")

    def refuse_the_commit(connection: apsw.Connection) -> None:
        connection.set_commit_hook(lambda: True)

    results = await asyncio.gather(
        database.submit(insert(1)), database.submit(refuse_the_commit), return_exceptions=True
    )

    assert all(isinstance(result, CommitUnknownError) for result in results)
    assert await database.submit(insert(2)) == 2
    assert values(database) == [2]
    await database.close()


async def test_patient_work_is_written_with_the_next_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "PATIENCE_SECONDS", 3600.0)
    database = await opened(tmp_path / "t.db")

    patient = database.submit(insert(1), patient=True)
    await database.submit(insert(2))

    assert patient.result() == 1
    assert values(database) == [1, 2]
    await database.close()


async def test_patient_work_is_written_also_when_no_other_follows(tmp_path: Path) -> None:
    database = await opened(tmp_path / "t.db")

    assert await database.submit(insert(1), patient=True) == 1

    assert values(database) == [1]
    await database.close()


async def test_close_writes_patient_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "PATIENCE_SECONDS", 3600.0)
    database = await opened(tmp_path / "t.db")

    patient = database.submit(insert(1), patient=True)
    await database.close()

    assert await patient == 1


async def test_every_connection_syncs_fully(tmp_path: Path) -> None:
    database = await opened(tmp_path / "t.db")

    journal_mode, synchronous = await database.submit(
        lambda connection: (connection.pragma("journal_mode"), connection.pragma("synchronous"))
    )

    assert (journal_mode, synchronous) == ("wal", 2)
    await database.close()


async def test_a_file_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "t.db"))
    connection.pragma("user_version", 999)
    connection.close()

    with pytest.raises(StoreError, match="newer release"):
        Database.open(tmp_path / "t.db", MIGRATIONS)


async def test_a_disk_that_is_full_at_the_start_is_named_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "too_large").mkdir()
    (tmp_path / "too_large" / "0001_limit.sql").write_text("PRAGMA max_page_count = 2;")
    (tmp_path / "too_large" / "0002_tables.sql").write_text("CREATE TABLE t (x); CREATE TABLE u (x);")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(StoreError, match=r"t\.db cannot be used \(.*disk is full\); free space .* EXPEDITOR_HOME"):
        Database.open(tmp_path / "t.db", "too_large")


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.db").write_bytes(b"x" * 5_000)

    with pytest.raises(StoreError, match=r"t\.db cannot be used \(file is not a database\); restore it"):
        Database.open(tmp_path / "t.db", MIGRATIONS)


async def test_a_file_that_cannot_be_opened_again_after_a_commit_raised_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await opened(tmp_path / "t.db")

    def break_the_disk(connection: apsw.Connection) -> None:
        connection.set_commit_hook(lambda: True)
        monkeypatch.setattr(database_module.apsw, "Connection", refuse)

    def refuse(path: str, **_: int) -> apsw.Connection:
        raise apsw.CantOpenError(path)

    with pytest.raises(CommitUnknownError):
        await database.submit(break_the_disk)
    with pytest.raises(CommitUnknownError, match=r"t\.db cannot be used"):
        await database.submit(insert(1))
    monkeypatch.undo()

    assert await database.submit(insert(2)) == 2
    assert values(database) == [2]
    await database.close()


async def test_a_connection_that_does_not_roll_back_is_dropped_with_what_it_wrote(tmp_path: Path) -> None:
    database = await opened(tmp_path / "t.db")

    def write_and_fail_for_good(connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO t VALUES (99)")
        connection.authorizer = lambda *_: apsw.SQLITE_DENY
        raise KeyError("no such thing")

    results = await asyncio.gather(
        database.submit(write_and_fail_for_good), database.submit(insert(1)), return_exceptions=True
    )

    assert isinstance(results[0], KeyError)
    assert results[1] == 1
    assert values(database) == [1]
    await database.close()


async def test_nothing_can_be_submitted_after_close(tmp_path: Path) -> None:
    database = await opened(tmp_path / "t.db")
    await database.close()

    with pytest.raises(StoreError, match="closed"):
        database.submit(insert(1))
