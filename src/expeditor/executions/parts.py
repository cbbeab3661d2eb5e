"""What the engine is built from."""

from dataclasses import dataclass

from expeditor.clock import Clock
from expeditor.executions.history_logs import LogWriter
from expeditor.executions.timers import Alarm
from expeditor.ids import Ids
from expeditor.integrations import TaskStarter
from expeditor.store import Database


@dataclass(frozen=True, slots=True)
class Parts:
    """The ports of the engine.

    Attributes:
        alarm: wakes the engine for its timers.
        logs: where histories are logged; None where they cannot be.
    """

    database: Database
    integrations: TaskStarter
    clock: Clock
    ids: Ids
    alarm: Alarm
    logs: LogWriter | None = None
