"""Rows of state machines, their revisions, definitions and tags, and of activities."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import apsw


class MachineRow(NamedTuple):
    """A state machine as its newest revision describes it.

    Attributes:
        label: AWS's revision id; None until the first update.
        logging, tracing: configurations as JSON text.
        updated_at: when the newest revision was made.
    """

    id: int
    arn: str
    name: str
    type: str
    status: str
    created_at: float
    revision_id: int
    definition_id: int
    label: str | None
    role_arn: str
    logging: str
    tracing: str
    updated_at: float


class NewRevision(NamedTuple):
    """What one create or update makes of a state machine."""

    label: str | None
    definition: str
    role_arn: str
    logging: str
    tracing: str
    created_at: float


class ActivityRow(NamedTuple):
    """One activity."""

    id: int
    arn: str
    name: str
    created_at: float


_REVISION_COLUMNS = "r.id, r.definition_id, r.label, r.role_arn, r.logging, r.tracing, r.created_at"
_MACHINE_COLUMNS = "m.id, m.arn, m.name, m.type, m.status, m.created_at"
_SELECT = f"""
    SELECT {_MACHINE_COLUMNS}, {_REVISION_COLUMNS}
    FROM state_machines m
    JOIN state_machine_revisions r ON r.id = (SELECT max(id) FROM state_machine_revisions WHERE machine_id = m.id)
"""


def by_arn(connection: apsw.Connection, arn: str) -> MachineRow | None:
    """One state machine in whatever status, None when the name was never used."""
    for row in connection.execute(f"{_SELECT} WHERE m.arn = ?", (arn,)):
        return MachineRow(*row)
    return None


def by_revision(connection: apsw.Connection, revision_id: int) -> MachineRow:
    """A state machine as one of its revisions describes it."""
    for row in connection.execute(
        f"""
        SELECT {_MACHINE_COLUMNS}, {_REVISION_COLUMNS}
        FROM state_machine_revisions r JOIN state_machines m ON m.id = r.machine_id WHERE r.id = ?
        """,
        (revision_id,),
    ):
        return MachineRow(*row)
    raise AssertionError("revisions are never deleted")


def page(connection: apsw.Connection, after_name: str, limit: int) -> list[MachineRow]:
    """State machines that are not deleted, by name, those after *after_name*."""
    rows = connection.execute(
        f"{_SELECT} WHERE m.status <> 'DELETED' AND m.name > ? ORDER BY m.name LIMIT ?", (after_name, limit)
    )
    return [MachineRow(*row) for row in rows]


def definition(connection: apsw.Connection, definition_id: int) -> str:
    """The text of one definition."""
    for row in connection.execute("SELECT text FROM definitions WHERE id = ?", (definition_id,)):
        text: str = row[0]
        return text
    raise AssertionError("definitions are never deleted")


def put_machine(connection: apsw.Connection, arn: str, name: str, kind: str, revision: NewRevision) -> MachineRow:
    """Creates a state machine, or revives a deleted one with the same ARN."""
    connection.execute(
        """
        INSERT INTO state_machines (arn, name, type, status, created_at) VALUES (?, ?, ?, 'ACTIVE', ?)
        ON CONFLICT (arn) DO UPDATE SET type = excluded.type, status = 'ACTIVE', created_at = excluded.created_at
        """,
        (arn, name, kind, revision.created_at),
    )
    return put_revision(connection, arn, revision)


def put_revision(connection: apsw.Connection, arn: str, revision: NewRevision) -> MachineRow:
    """Makes *revision* the newest of a state machine."""
    connection.execute(
        """
        INSERT INTO state_machine_revisions
            (machine_id, definition_id, label, role_arn, logging, tracing, created_at)
        SELECT id, ?, ?, ?, ?, ?, ? FROM state_machines WHERE arn = ?
        """,
        (_definition_id(connection, revision.definition), revision.label, *revision[2:], arn),
    )
    machine = by_arn(connection, arn)
    assert machine is not None
    return machine


def set_status(connection: apsw.Connection, machine_id: int, status: str) -> None:
    """Marks a state machine ACTIVE, DELETING or DELETED."""
    connection.execute("UPDATE state_machines SET status = ? WHERE id = ?", (status, machine_id))


def finish_deletions(connection: apsw.Connection) -> None:
    """Marks those DELETED that are DELETING and whose executions have all ended."""
    connection.execute(
        """
        UPDATE state_machines SET status = 'DELETED' WHERE status = 'DELETING' AND NOT EXISTS
            (SELECT 1 FROM executions e WHERE e.machine_id = state_machines.id AND e.status = 'RUNNING')
        """
    )


def tags(connection: apsw.Connection, arn: str) -> dict[str, str]:
    """The tags of one resource, by key."""
    return dict(connection.execute("SELECT key, value FROM resource_tags WHERE arn = ? ORDER BY key", (arn,)))


def put_tags(connection: apsw.Connection, arn: str, given: Mapping[str, str]) -> None:
    """Adds tags to a resource; an existing key takes the new value."""
    connection.executemany(
        "INSERT OR REPLACE INTO resource_tags VALUES (?, ?, ?)", [(arn, key, value) for key, value in given.items()]
    )


def remove_tags(connection: apsw.Connection, arn: str, keys: Sequence[str] | None = None) -> None:
    """Removes tags of a resource; all of them without *keys*."""
    if keys is None:
        connection.execute("DELETE FROM resource_tags WHERE arn = ?", (arn,))
    else:
        connection.executemany("DELETE FROM resource_tags WHERE arn = ? AND key = ?", [(arn, key) for key in keys])


def activity(connection: apsw.Connection, arn: str) -> ActivityRow | None:
    """One activity, None when it does not exist."""
    for row in connection.execute("SELECT id, arn, name, created_at FROM activities WHERE arn = ?", (arn,)):
        return ActivityRow(*row)
    return None


def put_activity(connection: apsw.Connection, arn: str, name: str, created_at: float) -> ActivityRow:
    """Creates an activity; one that exists stays as it is."""
    connection.execute(
        "INSERT INTO activities (arn, name, created_at) VALUES (?, ?, ?) ON CONFLICT (arn) DO NOTHING",
        (arn, name, created_at),
    )
    row = activity(connection, arn)
    assert row is not None
    return row


def remove_activity(connection: apsw.Connection, arn: str) -> None:
    """Deletes an activity, if it exists."""
    connection.execute("DELETE FROM activities WHERE arn = ?", (arn,))


def activities_page(connection: apsw.Connection, after_name: str, limit: int) -> list[ActivityRow]:
    """Activities by name, those after *after_name*."""
    rows = connection.execute(
        "SELECT id, arn, name, created_at FROM activities WHERE name > ? ORDER BY name LIMIT ?", (after_name, limit)
    )
    return [ActivityRow(*row) for row in rows]


def _definition_id(connection: apsw.Connection, text: str) -> int:
    digest = hashlib.sha256(text.encode()).digest()
    connection.execute("INSERT INTO definitions (digest, text) VALUES (?, ?) ON CONFLICT DO NOTHING", (digest, text))
    for row in connection.execute("SELECT id FROM definitions WHERE digest = ?", (digest,)):
        found: int = row[0]
        return found
    raise AssertionError("the definition was just written")
