"""The state of one execution: a tree of frames, each running one flow of states."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

import msgspec

from expeditor.asl.commands import ExecutionStatus, ScheduleTask, StartTimer
from expeditor.asl.model import Flow, State
from expeditor.payloads import JSONValue

HISTORY_EVENTS_MAX = 25_000
"""Events in one execution's history. Source: Step Functions service quotas."""


@dataclass(frozen=True, slots=True)
class ExecutionContext:
    """What is known of an execution before it starts; the source of its context object.

    Attributes:
        started_at: seconds since the epoch.
        input: JSON text, UTF-8.
        token_prefix: what every task token begins with; the caller finds the execution by it.
        history_events_max: None for executions without that quota (Express).
        region: as it stands in ``TaskScheduled``.
        alias_arn, version_arn: by which the execution was started, if by either.
    """

    execution_arn: str
    execution_name: str
    role_arn: str
    started_at: float
    state_machine_arn: str
    state_machine_name: str
    input: bytes = b"{}"
    token_prefix: str = ""
    history_events_max: int | None = HISTORY_EVENTS_MAX
    region: str = "us-east-1"
    alias_arn: str | None = None
    version_arn: str | None = None


class Failure(msgspec.Struct, frozen=True):
    """How something failed: what retriers and catchers match, and why."""

    error: str | None
    cause: str | None


class Phase(Enum):
    """Where a frame stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"


class Purpose(Enum):
    """What a timer is for."""

    WAIT = "wait"
    RETRY = "retry"
    TIMEOUT = "timeout"
    HEARTBEAT = "heartbeat"
    EXECUTION_TIMEOUT = "execution timeout"


class Timer(msgspec.Struct, frozen=True):
    """A timer that is running; *frame* is the one that waits for it."""

    command: StartTimer
    purpose: Purpose
    frame: "Frame"


class Tally(msgspec.Struct):
    """History events of one execution, or of one child execution of a distributed map.

    Attributes:
        count: the id of the latest event.
        count_max: the id that the last event but one may have.
        child: whether it counts for a child execution, whose events are not in the parent's history.
    """

    count_max: int
    child: bool = False
    count: int = 0


class Attempt(msgspec.Struct):
    """One running try of a Task.

    Attributes:
        timeout_seconds: allowed duration, None without limit.
        timeout_timer_id, heartbeat_timer_id: None where there is none.
    """

    command: ScheduleTask
    timeout_seconds: float | None = None
    timeout_timer_id: int | None = None
    heartbeat_timer_id: int | None = None


class MapRun(msgspec.Struct):
    """The child executions of one distributed map, counted.

    Attributes:
        total: child executions, batches counting as one.
        items: of which the child executions get one or more each.
        running_items, succeeded_items, failed_items: those of the child executions so counted.
        results_written: items whose results the ResultWriter has written.
        failed_max, failed_percentage_max: failures that are tolerated; None where that is not said.
        redriven_at, stopped_at: seconds since the epoch; None if it has not been.
    """

    arn: str
    started_at: float
    running_max: int
    total: int = 0
    items: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    failed_max: float | None = None
    failed_percentage_max: float | None = None
    status: ExecutionStatus = ExecutionStatus.RUNNING
    redrive_count: int = 0
    redriven_at: float | None = None
    stopped_at: float | None = None
    running_items: int = 0
    succeeded_items: int = 0
    failed_items: int = 0
    results_written: int = 0

    @property
    def is_beyond_tolerance(self) -> bool:
        """Whether more children failed than may."""
        limits = [] if self.failed_max is None else [self.failed_max]
        if self.failed_percentage_max is not None:
            limits.append(self.total * self.failed_percentage_max / 100)
        return self.failed > min(limits, default=0)

    def stop(self, status: ExecutionStatus, at: float) -> None:
        """Ends a run that is still running."""
        if self.status is ExecutionStatus.RUNNING:
            self.status, self.stopped_at, self.running, self.running_items = status, at, 0, 0


class Fork(msgspec.Struct):
    """A Parallel or Map state under way.

    Attributes:
        children: by branch or iteration, None before it has started.
        queue: indices of children that wait for their turn.
        unfinished: children that have not ended yet.
        running: children under way.
        running_max: children that may be under way at once.
        items: what the iterations get; empty for Parallel.
        effective: the state's effective input, from which selectors choose.
        run: of a distributed map.
        ends: instant and failure, if any, of the children of a distributed map that have ended.
        writes: what the ResultWriter has yet to write, the effective parameters of each call.
        result: what the state's result will be once all is written.
    """

    children: "list[Frame | None]"
    queue: Iterator[int]
    unfinished: int
    running: int = 0
    running_max: int = 0
    items: list[JSONValue] = []
    effective: JSONValue = None
    run: "MapRun | None" = None
    ends: "dict[int, tuple[float, Failure | None]]" = {}
    writes: list[JSONValue] = []
    result: JSONValue = None


class Frame(msgspec.Struct):
    """One strand of control: the execution itself, a branch of a Parallel state, an iteration of a Map state.

    Attributes:
        flow: the states it runs through.
        state: the current one.
        input: the current state's raw input.
        index: of the branch or iteration in its parent.
        variables: by name; never changed in place, children begin with their parent's.
        item: ``Map`` of the context object, inside an iteration.
        root: ``Execution`` and ``StateMachine`` of the context object.
        tally: counts the history events.
        before_id, entered_id, last_id: history events: before the current state, its entry, the latest one.
        fresh: whether the current state has not been entered yet.
        attempts: tries used, per retrier of the current state.
    """

    flow: Flow
    state: State
    input: JSONValue
    root: dict[str, JSONValue]
    tally: Tally
    parent: "Frame | None" = None
    index: int = 0
    variables: Mapping[str, JSONValue] = {}
    item: JSONValue = None
    phase: Phase = Phase.RUNNING
    output: JSONValue = None
    entered_at: float = 0.0
    before_id: int = 0
    entered_id: int = 0
    last_id: int = 0
    fresh: bool = True
    retry_count: int = 0
    attempts: list[int] | None = None
    attempt: Attempt | None = None
    timer_id: int | None = None
    fork: Fork | None = None

    @property
    def running_children(self) -> "Iterator[Frame]":
        """Branches or iterations under way."""
        if self.fork is not None:
            for child in self.fork.children:
                if child is not None and child.phase is Phase.RUNNING:
                    yield child


class ActiveState(msgspec.Struct, frozen=True):
    """A state under way.

    Attributes:
        path: names from the outermost Parallel or Map state to this one, with indices between them.
        type: such as ``Task``.
        entered_at: seconds since the epoch.
        task_id: of the running task, if any.
        retry_count: retries so far.
    """

    path: tuple[str | int, ...]
    type: str
    entered_at: float
    task_id: int | None
    retry_count: int


class Execution(msgspec.Struct):
    """One execution; changed in place by ``advance`` and by nothing else.

    Attributes:
        output: JSON text once SUCCEEDED.
        error, cause: once FAILED or ABORTED, as far as known.
        map_runs: every one so far, by ARN.
        tasks, timers: what is under way, by id.
    """

    context: ExecutionContext
    status: ExecutionStatus = ExecutionStatus.RUNNING
    output: bytes | None = None
    error: str | None = None
    cause: str | None = None
    redrive_count: int = 0
    frame: Frame | None = None
    map_runs: dict[str, MapRun] = {}
    tasks: dict[int, Frame] = {}
    timers: dict[int, Timer] = {}
    next_task_id: int = 1
    next_timer_id: int = 1

    @classmethod
    def new(cls, context: ExecutionContext) -> "Execution":
        """An execution that has not begun; ``ExecutionStarted`` begins it."""
        return cls(context)

    @property
    def event_count(self) -> int:
        """History events so far, also where no history is asked for."""
        return self.frame.tally.count if self.frame is not None else 0

    @property
    def pending_tasks(self) -> list[ScheduleTask]:
        """Tasks whose outcome is awaited, oldest first."""
        return [frame.attempt.command for frame in self.tasks.values() if frame.attempt is not None]

    @property
    def pending_timers(self) -> list[StartTimer]:
        """Timers that are running, oldest first."""
        return [timer.command for timer in self.timers.values()]

    @property
    def active_states(self) -> list[ActiveState]:
        """States under way, outer ones before inner ones."""
        return list(_active(self.frame, ())) if self.frame is not None else []


def _active(frame: Frame, path: tuple[str | int, ...]) -> Iterator[ActiveState]:
    if frame.phase is not Phase.RUNNING:
        return
    here = (*path, frame.state.name)
    task_id = frame.attempt.command.task_id if frame.attempt is not None else None
    yield ActiveState(here, frame.state.type, frame.entered_at, task_id, frame.retry_count)
    for child in frame.running_children:
        yield from _active(child, (*here, child.index))
