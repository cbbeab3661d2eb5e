"""Rows of state machines' versions and aliases."""

import json
from typing import NamedTuple

import apsw


class VersionRow(NamedTuple):
    """One version: a revision of a state machine under a number."""

    number: int
    revision_id: int
    description: str | None
    created_at: float


class AliasRow(NamedTuple):
    """One alias.

    Attributes:
        routing: version numbers and the percentage of new executions that each gets; one or two.
    """

    id: int
    name: str
    description: str | None
    routing: tuple[tuple[int, int], ...]
    created_at: float
    updated_at: float


class NewAlias(NamedTuple):
    """An alias as it shall be."""

    name: str
    description: str | None
    routing: tuple[tuple[int, int], ...]


_VERSION = "number, revision_id, description, created_at"
_ALIAS = "id, name, description, routing, created_at, updated_at"


def version(connection: apsw.Connection, machine_id: int, number: int) -> VersionRow | None:
    """One version, None when it does not exist."""
    for row in connection.execute(
        f"SELECT {_VERSION} FROM state_machine_versions WHERE machine_id = ? AND number = ? AND deleted_at IS NULL",
        (machine_id, number),
    ):
        return VersionRow(*row)
    return None


def version_of_revision(connection: apsw.Connection, machine_id: int, revision_id: int) -> VersionRow | None:
    """The newest version of one revision, None when it was not published."""
    for row in connection.execute(
        f"SELECT {_VERSION} FROM state_machine_versions"
        " WHERE machine_id = ? AND revision_id = ? AND deleted_at IS NULL ORDER BY number DESC LIMIT 1",
        (machine_id, revision_id),
    ):
        return VersionRow(*row)
    return None


def versions_page(connection: apsw.Connection, machine_id: int, before: int | None, limit: int) -> list[VersionRow]:
    """Versions, newest first, those with numbers below *before*."""
    rows = connection.execute(
        f"SELECT {_VERSION} FROM state_machine_versions WHERE machine_id = ? AND deleted_at IS NULL"
        " AND (?2 IS NULL OR number < ?2) ORDER BY number DESC LIMIT ?3",
        (machine_id, before, limit),
    )
    return [VersionRow(*row) for row in rows]


def count_versions(connection: apsw.Connection, machine_id: int) -> int:
    """How many versions a state machine has."""
    question = "SELECT count(*) FROM state_machine_versions WHERE machine_id = ? AND deleted_at IS NULL"
    return int(next(iter(connection.execute(question, (machine_id,))))[0])


def put_version(
    connection: apsw.Connection, machine_id: int, revision_id: int, description: str | None, now: float
) -> VersionRow:
    """Publishes a revision under the next number."""
    connection.execute(
        """
        INSERT INTO state_machine_versions (machine_id, number, revision_id, description, created_at)
        SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4 FROM state_machine_versions WHERE machine_id = ?1
        """,
        (machine_id, revision_id, description, now),
    )
    made = version_of_revision(connection, machine_id, revision_id)
    assert made is not None
    return made


def remove_version(connection: apsw.Connection, machine_id: int, number: int, now: float) -> None:
    """Deletes a version; its number stays used."""
    connection.execute(
        "UPDATE state_machine_versions SET deleted_at = ? WHERE machine_id = ? AND number = ? AND deleted_at IS NULL",
        (now, machine_id, number),
    )


def alias(connection: apsw.Connection, machine_id: int, name: str) -> AliasRow | None:
    """One alias, None when it does not exist."""
    for row in connection.execute(
        f"SELECT {_ALIAS} FROM state_machine_aliases WHERE machine_id = ? AND name = ?", (machine_id, name)
    ):
        return _alias_row(row)
    return None


def aliases(connection: apsw.Connection, machine_id: int) -> list[AliasRow]:
    """All aliases of a state machine, oldest first; at most a hundred."""
    rows = connection.execute(
        f"SELECT {_ALIAS} FROM state_machine_aliases WHERE machine_id = ? ORDER BY id", (machine_id,)
    )
    return [_alias_row(row) for row in rows]


def put_alias(connection: apsw.Connection, machine_id: int, wanted: NewAlias, now: float) -> AliasRow:
    """Creates an alias, or changes the one of that name."""
    connection.execute(
        """
        INSERT INTO state_machine_aliases (machine_id, name, description, routing, created_at, updated_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?5)
        ON CONFLICT (machine_id, name) DO UPDATE
            SET description = excluded.description, routing = excluded.routing, updated_at = excluded.updated_at
        """,
        (machine_id, wanted.name, wanted.description, json.dumps(wanted.routing), now),
    )
    made = alias(connection, machine_id, wanted.name)
    assert made is not None
    return made


def remove_alias(connection: apsw.Connection, machine_id: int, name: str) -> None:
    """Deletes an alias, if it exists."""
    connection.execute("DELETE FROM state_machine_aliases WHERE machine_id = ? AND name = ?", (machine_id, name))


def remove_all(connection: apsw.Connection, machine_id: int) -> None:
    """Deletes all versions and aliases of a state machine whose name begins a new life."""
    connection.execute("DELETE FROM state_machine_versions WHERE machine_id = ?", (machine_id,))
    connection.execute("DELETE FROM state_machine_aliases WHERE machine_id = ?", (machine_id,))


def _alias_row(row: tuple[object, ...]) -> AliasRow:
    id_, name, description, routing, created_at, updated_at = row
    shares = tuple((int(number), int(weight)) for number, weight in json.loads(str(routing)))
    return AliasRow(id_, name, description, shares, created_at, updated_at)  # type: ignore[arg-type]
