"""Rows of map runs: to which execution each belongs."""

from collections.abc import Sequence

import apsw


def put(connection: apsw.Connection, rows: Sequence[tuple[str, int]]) -> None:
    """Notes map runs, by ARN, and the executions they belong to; those that are known stay as they are."""
    connection.executemany("INSERT INTO map_runs (arn, execution_id) VALUES (?, ?) ON CONFLICT DO NOTHING", rows)


def execution_of(connection: apsw.Connection, arn: str) -> int | None:
    """The id of the execution that a map run belongs to, None when there is no such run."""
    for row in connection.execute("SELECT execution_id FROM map_runs WHERE arn = ?", (arn,)):
        found: int = row[0]
        return found
    return None
