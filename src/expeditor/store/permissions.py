"""Rows of functions' resource policies."""

import apsw


def statements(connection: apsw.Connection, arn: str) -> list[str]:
    """The statements of one function, version or alias as JSON text, by id."""
    rows = connection.execute("SELECT statement FROM function_permissions WHERE arn = ? ORDER BY statement_id", (arn,))
    return [row[0] for row in rows]


def exists(connection: apsw.Connection, arn: str, statement_id: str) -> bool:
    """Whether there is a statement of that id."""
    query = "SELECT 1 FROM function_permissions WHERE arn = ? AND statement_id = ?"
    return connection.execute(query, (arn, statement_id)).fetchone() is not None


def put(connection: apsw.Connection, arn: str, statement_id: str, statement: str) -> None:
    """Adds a statement whose id is free."""
    connection.execute("INSERT INTO function_permissions VALUES (?, ?, ?)", (arn, statement_id, statement))


def remove(connection: apsw.Connection, arn: str, statement_id: str) -> None:
    """Removes a statement, if it is there."""
    connection.execute("DELETE FROM function_permissions WHERE arn = ? AND statement_id = ?", (arn, statement_id))


def remove_all(connection: apsw.Connection, arn: str) -> None:
    """Removes all statements of a resource and of what is qualified below it: its versions and aliases."""
    connection.execute(
        "DELETE FROM function_permissions WHERE arn = ? OR (arn > ? || ':' AND arn < ? || ';')", (arn, arn, arn)
    )
