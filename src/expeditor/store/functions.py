"""Functions' tables: versions, aliases with their moves, and accepted events. All times are seconds since the epoch."""

from typing import NamedTuple

import apsw

LATEST = "$LATEST"


class VersionRow(NamedTuple):
    """One version of a function; *configuration* is JSON."""

    name: str
    version: str
    number: int
    digest: str
    code_sha256: str
    code_bytes: int
    artifact: str
    configuration: bytes
    revision_id: str
    modified_at: float


class AliasRow(NamedTuple):
    """One alias; *weights* is a JSON object from version to share."""

    name: str
    alias: str
    version: str
    weights: bytes
    description: str
    revision_id: str


class MoveRow(NamedTuple):
    """One move of an alias; a version is None where the alias did not exist."""

    move: int
    name: str
    alias: str
    moved_at: float
    version_before: str | None
    weights_before: bytes | None
    version_after: str | None
    weights_after: bytes | None


class EventRow(NamedTuple):
    """One accepted event; *failed_at* and *error* are None while it is still to be run."""

    event_id: str
    name: str
    qualifier: str | None
    payload: bytes
    client_context: bytes | None
    accepted_at: float
    due_at: float
    attempts: int
    failed_at: float | None
    error: bytes | None


def next_number(connection: apsw.Connection, name: str) -> int:
    """Takes the next version number of *name*, 1 for the first; no number is taken twice."""
    statement = """INSERT INTO function_numbers (name, last_version) VALUES (?, 1)
        ON CONFLICT (name) DO UPDATE SET last_version = last_version + 1 RETURNING last_version"""
    [(number,)] = connection.execute(statement, (name,)).fetchall()
    assert isinstance(number, int)
    return number


def insert_version(connection: apsw.Connection, row: VersionRow) -> None:
    """Adds a version that does not exist yet."""
    connection.execute("INSERT INTO function_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def replace_latest(connection: apsw.Connection, row: VersionRow) -> None:
    """Changes ``$LATEST`` to *row*; no other version can be changed."""
    assert row.version == LATEST
    connection.execute(
        """UPDATE function_versions SET digest = ?, code_sha256 = ?, code_bytes = ?, artifact = ?, configuration = ?,
        revision_id = ?, modified_at = ? WHERE name = ? AND version = ?""",
        (*row[3:], row.name, row.version),
    )


def version(connection: apsw.Connection, name: str, version: str) -> VersionRow | None:
    """The version, or None."""
    rows = connection.execute("SELECT * FROM function_versions WHERE name = ? AND version = ?", (name, version))
    return next((VersionRow(*row) for row in rows), None)


def last_published(connection: apsw.Connection, name: str) -> VersionRow | None:
    """The version with the highest number, or None when nothing was published."""
    statement = "SELECT * FROM function_versions WHERE name = ? AND number > 0 ORDER BY number DESC LIMIT 1"
    return next((VersionRow(*row) for row in connection.execute(statement, (name,))), None)


def versions(connection: apsw.Connection, name: str) -> list[VersionRow]:
    """All versions of *name*, ``$LATEST`` first, then by number."""
    rows = connection.execute("SELECT * FROM function_versions WHERE name = ? ORDER BY number", (name,))
    return [VersionRow(*row) for row in rows]


def functions(connection: apsw.Connection) -> list[VersionRow]:
    """``$LATEST`` of every function, by name."""
    rows = connection.execute("SELECT * FROM function_versions WHERE version = ? ORDER BY name", (LATEST,))
    return [VersionRow(*row) for row in rows]


def artifacts(connection: apsw.Connection) -> set[str]:
    """Folders that any version of any function uses."""
    return {name for (name,) in connection.execute("SELECT DISTINCT artifact FROM function_versions")}


def delete_version(connection: apsw.Connection, name: str, version: str) -> None:
    """Deletes one version; nothing happens when there is none."""
    connection.execute("DELETE FROM function_versions WHERE name = ? AND version = ?", (name, version))


def delete_function(connection: apsw.Connection, name: str) -> None:
    """Deletes all versions and aliases and the events that wait; the moves of aliases stay."""
    connection.execute("DELETE FROM function_versions WHERE name = ?", (name,))
    connection.execute("DELETE FROM function_aliases WHERE name = ?", (name,))
    connection.execute("DELETE FROM function_events WHERE name = ?", (name,))
    delete_pause(connection, name)


def put_pause(connection: apsw.Connection, name: str, paused_at: float) -> None:
    """Notes that a function is paused; nothing happens if it is already."""
    connection.execute("INSERT OR IGNORE INTO function_pauses VALUES (?, ?)", (name, paused_at))


def delete_pause(connection: apsw.Connection, name: str) -> None:
    """Ends a function's pause, if there is one."""
    connection.execute("DELETE FROM function_pauses WHERE name = ?", (name,))


def is_paused(connection: apsw.Connection, name: str) -> bool:
    """Whether a function is paused."""
    return connection.execute("SELECT 1 FROM function_pauses WHERE name = ?", (name,)).fetchone() is not None


def put_alias(connection: apsw.Connection, row: AliasRow, moved_at: float) -> None:
    """Creates or changes an alias, and records the move when it points elsewhere than before."""
    before = alias(connection, row.name, row.alias)
    connection.execute("INSERT OR REPLACE INTO function_aliases VALUES (?, ?, ?, ?, ?, ?)", row)
    if before is None or (before.version, before.weights) != (row.version, row.weights):
        _record_move(connection, before, row, moved_at)


def delete_alias(connection: apsw.Connection, row: AliasRow, moved_at: float) -> None:
    """Deletes an alias and records that."""
    connection.execute("DELETE FROM function_aliases WHERE name = ? AND alias = ?", (row.name, row.alias))
    _record_move(connection, row, None, moved_at)


def _record_move(connection: apsw.Connection, before: AliasRow | None, after: AliasRow | None, moved_at: float) -> None:
    subject = before or after
    assert subject is not None
    connection.execute(
        """INSERT INTO function_alias_moves
        (name, alias, moved_at, version_before, weights_before, version_after, weights_after)
        VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (
            subject.name,
            subject.alias,
            moved_at,
            before and before.version,
            before and before.weights,
            after and after.version,
            after and after.weights,
        ),
    )


def alias(connection: apsw.Connection, name: str, alias: str) -> AliasRow | None:
    """The alias, or None."""
    rows = connection.execute("SELECT * FROM function_aliases WHERE name = ? AND alias = ?", (name, alias))
    return next((AliasRow(*row) for row in rows), None)


def aliases(connection: apsw.Connection, name: str) -> list[AliasRow]:
    """All aliases of *name*, by alias."""
    rows = connection.execute("SELECT * FROM function_aliases WHERE name = ? ORDER BY alias", (name,))
    return [AliasRow(*row) for row in rows]


def alias_moves(connection: apsw.Connection, name: str, alias: str, limit: int) -> list[MoveRow]:
    """The last *limit* moves, newest first."""
    statement = "SELECT * FROM function_alias_moves WHERE name = ? AND alias = ? ORDER BY move DESC LIMIT ?"
    return [MoveRow(*row) for row in connection.execute(statement, (name, alias, limit))]


def insert_event(connection: apsw.Connection, row: EventRow) -> None:
    """Adds an accepted event."""
    connection.execute("INSERT INTO function_events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def event(connection: apsw.Connection, event_id: str) -> EventRow | None:
    """The event, or None when it is done or dropped."""
    rows = connection.execute("SELECT * FROM function_events WHERE event_id = ?", (event_id,))
    return next((EventRow(*row) for row in rows), None)


def events_waiting(connection: apsw.Connection) -> list[tuple[str, float, str]]:
    """(name, due_at, event_id) of every event still to be run, soonest first."""
    statement = "SELECT name, due_at, event_id FROM function_events WHERE failed_at IS NULL ORDER BY due_at, event_id"
    return [(name, due_at, event_id) for name, due_at, event_id in connection.execute(statement)]


def events_failed(connection: apsw.Connection, name: str, limit: int) -> list[EventRow]:
    """The last *limit* events of *name* that used up their attempts, newest first."""
    statement = """SELECT * FROM function_events WHERE name = ? AND failed_at IS NOT NULL
        ORDER BY failed_at DESC LIMIT ?"""
    return [EventRow(*row) for row in connection.execute(statement, (name, limit))]


def postpone_event(connection: apsw.Connection, event_id: str, attempts: int, due_at: float) -> None:
    """Sets when the event is run next and how often it was run."""
    connection.execute(
        "UPDATE function_events SET attempts = ?, due_at = ? WHERE event_id = ?", (attempts, due_at, event_id)
    )


def fail_event(connection: apsw.Connection, event_id: str, failed_at: float, error: bytes) -> None:
    """Keeps the event as one that used up its attempts."""
    connection.execute(
        "UPDATE function_events SET failed_at = ?, error = ? WHERE event_id = ?", (failed_at, error, event_id)
    )


def delete_event(connection: apsw.Connection, event_id: str) -> None:
    """Forgets an event that is done."""
    connection.execute("DELETE FROM function_events WHERE event_id = ?", (event_id,))


def drop_failed_events(connection: apsw.Connection, name: str, keep: int) -> None:
    """Forgets all but the last *keep* failed events of *name*."""
    connection.execute(
        """DELETE FROM function_events WHERE event_id IN (SELECT event_id FROM function_events
        WHERE name = ? AND failed_at IS NOT NULL ORDER BY failed_at DESC LIMIT -1 OFFSET ?)""",
        (name, keep),
    )
