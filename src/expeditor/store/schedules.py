"""All SQL of schedules."""

from dataclasses import dataclass

import apsw


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A schedule's place in time; *next_at* is when it runs next, the others are of its last run."""

    schedule_name: str
    expression: str
    next_at: float
    last_started_at: float | None = None
    last_ended_at: float | None = None
    last_error: str | None = None


def read_schedules(reader: apsw.Connection) -> dict[str, ScheduleRow]:
    """Every schedule that has a place, by name."""
    found = reader.execute(
        "SELECT schedule_name, expression, next_at, last_started_at, last_ended_at, last_error FROM schedules"
    )
    return {str(row[0]): ScheduleRow(*row) for row in found}


def put_schedule(connection: apsw.Connection, row: ScheduleRow) -> None:
    """Writes a schedule's place."""
    connection.execute(
        "INSERT OR REPLACE INTO schedules VALUES (?, ?, ?, ?, ?, ?)",
        (
            row.schedule_name,
            row.expression,
            row.next_at,
            row.last_started_at,
            row.last_ended_at,
            row.last_error,
        ),
    )
