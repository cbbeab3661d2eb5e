"""Histories of executions in CloudWatch Logs, for machines with a logging configuration."""

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from itertools import islice
from typing import Any

from expeditor.asl import HistoryEvent
from expeditor.integrations.clients import Clients, UnknownServiceError
from expeditor.integrations.endpoints import NoEndpointError
from expeditor.integrations.pool import CallPool
from expeditor.integrations.tasks import Failed, Outcome, Succeeded
from expeditor.payloads import JSONValue, encode

BATCH_EVENTS_MAX = 10_000
BATCH_BYTES_MAX = 1_048_576
"""Source: CloudWatch Logs API reference, PutLogEvents; each event counts 26 bytes more than its message."""

DATA_BYTES_MAX = 248 * 1024
"""Longest input or output in one entry. Source: "Using CloudWatch Logs", CloudWatch Logs payloads."""

PENDING_MAX = 100_000

_EVENT_BYTES = 26
_SERVICE = "cloudwatchlogs"
_SERVICE_ID = "CloudWatch Logs"
_DATA = ("input", "inputDetails", "output", "outputDetails")
_FATAL = frozenset({"ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut"})
_ENDINGS = ("Aborted", "Failed", "TimedOut")

_log = logging.getLogger(__name__)


class LogLevel(StrEnum):
    """Which events are logged. Source: "Log levels for Step Functions execution events"."""

    ALL = "ALL"
    ERROR = "ERROR"
    FATAL = "FATAL"
    OFF = "OFF"

    def takes(self, event_type: str) -> bool:
        """Whether events of a type, such as ``TaskFailed``, are logged at this level."""
        if self is LogLevel.ERROR:
            return event_type.endswith(_ENDINGS) or event_type == "FailStateEntered"
        return self is LogLevel.ALL or (self is LogLevel.FATAL and event_type in _FATAL)


@dataclass(frozen=True, slots=True)
class LogTarget:
    """Where a machine's executions are logged, and how much of them."""

    group: str
    level: LogLevel
    includes_data: bool

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> "LogTarget | None":
        """The target of a ``loggingConfiguration`` that was checked before; None when nothing is logged."""
        level = LogLevel(configuration.get("level", LogLevel.OFF))
        destinations = configuration.get("destinations") or ()
        if level is LogLevel.OFF or not destinations:
            return None
        arn = str(destinations[0]["cloudWatchLogsLogGroup"]["logGroupArn"])
        group = arn.partition(":log-group:")[2].removesuffix(":*")
        return cls(group, level, bool(configuration.get("includeExecutionData")))


@dataclass(frozen=True, slots=True)
class LoggedExecution:
    """Whose events they are."""

    arn: str
    machine_name: str
    redrive_count: int = 0


@dataclass(slots=True)
class _Stream:
    group: str
    name: str
    pending: deque[tuple[int, str]] = field(default_factory=deque)
    is_sending: bool = False
    is_failing: bool = False
    # Written and read by the calls alone, of which there is one at a time.
    is_created: bool = False


class ExecutionLogs:
    """Sends entries to CloudWatch Logs, in order, a batch at a time per machine and log group.

    As on AWS this neither delays executions nor fails them: entries that cannot be delivered are dropped with a
    warning.
    """

    def __init__(self, clients: Clients, pool: CallPool) -> None:
        self._clients = clients
        self._pool = pool
        self._streams: dict[tuple[str, str], _Stream] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    def write(self, target: LogTarget, execution: LoggedExecution, events: Sequence[HistoryEvent]) -> None:
        """Sends what the target's level takes of *events*, which are on disk already; returns at once."""
        taken = [event for event in events if target.level.takes(event.type)]
        if not taken:
            return
        stream = self._stream(target.group, execution.machine_name, taken[0].at)
        entries = ((round(event.at * 1000), entry(event, execution, target)) for event in taken)
        stream.pending.extend(islice(entries, max(0, PENDING_MAX - len(stream.pending))))
        self._send(stream)

    def problem(self) -> str | None:
        """Why nothing can be sent: no endpoint is configured for CloudWatch Logs."""
        try:
            self._clients.endpoints.url(_SERVICE_ID)
        except NoEndpointError as error:
            return str(error)
        return None

    async def flush(self) -> None:
        """Returns when nothing waits to be sent."""
        await self._idle.wait()

    def _stream(self, group: str, machine_name: str, at: float) -> _Stream:
        key = (group, machine_name)
        if key not in self._streams:
            began = datetime.fromtimestamp(at, UTC)
            serial = hashlib.sha256(f"{group}/{machine_name}/{at}".encode()).hexdigest()[:8]
            self._streams[key] = _Stream(group, f"states/{machine_name}/{began:%Y-%m-%d-%H-%M}/{serial}")
        return self._streams[key]

    def _send(self, stream: _Stream) -> None:
        if stream.is_sending or not stream.pending:
            return
        stream.is_sending = True
        self._idle.clear()
        self._pool.submit(partial(self._put, stream, _batch(stream.pending)), partial(self._sent, stream))

    def _sent(self, stream: _Stream, outcome: Outcome) -> None:
        stream.is_sending = False
        if isinstance(outcome, Failed) and not stream.is_failing:
            _log.warning("executions cannot be logged to %s; entries are dropped: %s", stream.group, outcome.cause)
        stream.is_failing = isinstance(outcome, Failed)
        self._send(stream)
        if not any(each.is_sending for each in self._streams.values()):
            self._idle.set()

    def _put(self, stream: _Stream, batch: list[dict[str, JSONValue]]) -> Outcome:
        """Runs on a thread of the pool."""
        from botocore.exceptions import BotoCoreError, ClientError

        where = {"logGroupName": stream.group, "logStreamName": stream.name}
        try:
            service = self._clients.service(_SERVICE)
            if not stream.is_created:
                service.call("createLogStream", where)
                stream.is_created = True
            service.call("putLogEvents", {**where, "logEvents": batch})
        except (NoEndpointError, UnknownServiceError, BotoCoreError, ClientError) as error:
            return Failed("Logs", str(error))
        return Succeeded(b"")


def _batch(pending: deque[tuple[int, str]]) -> list[dict[str, JSONValue]]:
    """Takes as many entries as one request may have."""
    taken: list[dict[str, JSONValue]] = []
    left = BATCH_BYTES_MAX
    while pending and len(taken) < BATCH_EVENTS_MAX:
        left -= len(pending[0][1].encode()) + _EVENT_BYTES
        if left < 0 and taken:
            break
        at, message = pending.popleft()
        taken.append({"timestamp": at, "message": message})
    # Executions run side by side; PutLogEvents wants their entries in the order of time.
    return sorted(taken, key=lambda each: each["timestamp"])  # type: ignore[arg-type,return-value]


def entry(event: HistoryEvent, execution: LoggedExecution, target: LogTarget) -> str:
    """One event as the JSON text of a log entry."""
    body = next(iter(event.details.values()), {})
    assert isinstance(body, dict)
    details = _shortened(body) if target.includes_data else {name: body[name] for name in body if name not in _DATA}
    return encode(
        {
            "id": str(event.id),
            "type": event.type,
            "details": details,
            "redrive_count": str(execution.redrive_count),
            "previous_event_id": str(event.previous_event_id),
            "event_timestamp": str(round(event.at * 1000)),
            "execution_arn": execution.arn,
        }
    ).decode()


def _shortened(body: dict[str, JSONValue]) -> dict[str, JSONValue]:
    for name in ("input", "output"):
        text = body.get(name)
        if isinstance(text, str) and len(text) > DATA_BYTES_MAX // 4 and len(encode(text)) > DATA_BYTES_MAX:
            cut = encode(text)[1:DATA_BYTES_MAX].decode(errors="ignore")
            body = body | {name: cut, f"{name}Details": {"truncated": True}}
    return body
