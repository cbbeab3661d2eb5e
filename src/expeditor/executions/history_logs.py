"""Which running executions have their history logged, as their state machines' logging configurations say."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from expeditor.asl import HistoryEvent
from expeditor.integrations import LoggedExecution, LogTarget
from expeditor.payloads import decode

_TARGETS_MAX = 512


class LogWriter(Protocol):
    """Where entries go."""

    def write(self, target: LogTarget, execution: LoggedExecution, events: Sequence[HistoryEvent]) -> None:
        """Sends events that are on disk; returns at once."""
        ...

    def problem(self) -> str | None:
        """Why nothing can be sent; None when it can."""
        ...


class HistoryLogs:
    """Follows the executions that are logged; costs one look-up for those that are not."""

    def __init__(self, writer: LogWriter | None) -> None:
        self._writer = writer
        self._followed: dict[int, tuple[LogTarget, LoggedExecution]] = {}

    def follow(self, execution_id: int, configuration: str, execution: LoggedExecution) -> None:
        """Has an execution logged, if its machine's *configuration*, JSON text, says so."""
        target = None if self._writer is None else _target(configuration)
        if target is not None:
            self._followed[execution_id] = target, execution

    def follows(self, execution_id: int) -> bool:
        """Whether the events of that execution are wanted."""
        return execution_id in self._followed

    def write(self, execution_id: int, events: Sequence[HistoryEvent]) -> None:
        """Logs events that are on disk."""
        followed = self._followed.get(execution_id)
        if followed is not None and self._writer is not None:
            self._writer.write(*followed, events)

    def forget(self, execution_id: int) -> None:
        """Ends the log of an execution that has ended."""
        self._followed.pop(execution_id, None)


@lru_cache(_TARGETS_MAX)
def _target(configuration: str) -> LogTarget | None:
    found = decode(configuration.encode())
    assert isinstance(found, dict)
    return LogTarget.of(found)
