"""Recorded executions through another release, in this process: every effect is answered from the recording."""

import hashlib
import heapq
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from expeditor.asl import (
    AnyEvent,
    Command,
    Execution,
    ExecutionContext,
    ExecutionStarted,
    ExecutionStatus,
    HistoryEvent,
    Machine,
    ScheduleTask,
    StartTimer,
    TaskFailed,
    TaskSucceeded,
    TimerFired,
    advance,
    compile_definition,
)
from expeditor.payloads import JSONValue, decode, encode
from expeditor.releases.catalogue import Release
from expeditor.releases.recording import Answer, Recording, called_by
from expeditor.rollout import WHOLE

TURNS_MAX = 10_000
DIFFERENCES_MAX = 20

Ask = Callable[[str, str], Answer]
"""Really asks a function version, given its ARN and its input as JSON text."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of one recording in the other release.

    Attributes:
        differences: a line each; of path, end, and every field of the output.
        unknown: the call the recording has no answer for, at which the replay stopped; "" if there was none.
        asked: functions that were really asked, without effects.
    """

    name: str
    path: tuple[str, ...]
    status: str
    differences: tuple[str, ...]
    unknown: str = ""
    asked: tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether it went as recorded."""
        return not self.differences and not self.unknown


class Replayer:
    """Replays recordings through one release.

    Args:
        ask: for the functions in *dry_run*, which answer ``{"dry_run": true}`` in their event without any effect.
        dry_run: names of those whose answers are wanted from the release rather than from the recording.
    """

    def __init__(self, release: Release, ask: Ask, dry_run: Sequence[str]) -> None:
        self._release = release
        self._machine: Machine = compile_definition(release.definition, express=release.manifest.type == "EXPRESS")
        self._ask = ask
        self._dry_run = frozenset(dry_run)

    def replay(self, recording: Recording) -> Replay:
        """Runs one recording; time stands still but for timers, and nothing outside is touched."""
        run = _Run(self._machine, _context(self._release, recording), recording)
        asked: list[str] = []
        unknown = ""
        while unknown == "" and (task := run.next_task()) is not None:
            answer = self._answer(run, task, asked)
            if answer is None:
                called = called_by(task.resource, task.parameters)
                unknown = f"{called} in state {run.path[-1]}"
            else:
                run.settle(task, answer)
        status = "UNKNOWN" if unknown else str(run.execution.status)
        found = () if unknown else tuple(_differences(recording, run))[:DIFFERENCES_MAX]
        return Replay(recording.name, tuple(run.path), status, found, unknown, tuple(asked))

    def _answer(self, run: "_Run", task: ScheduleTask, asked: list[str]) -> Answer | None:
        called = called_by(task.resource, task.parameters)
        if called in self._dry_run and isinstance(task.parameters, dict) and ":function:" in task.resource:
            asked.append(called)
            return self._ask(task.resource, encode({**task.parameters, "dry_run": True}).decode())
        return run.recorded(called)


@dataclass(slots=True)
class _Run:
    """One execution in the air; answers of a function are given in the order they were recorded."""

    machine: Machine
    context: ExecutionContext
    recording: Recording
    execution: Execution = field(init=False)
    history: list[HistoryEvent] = field(default_factory=list)
    tasks: deque[ScheduleTask] = field(default_factory=deque)
    timers: list[tuple[float, int]] = field(default_factory=list)
    answers: dict[str, deque[Answer]] = field(default_factory=dict)
    now: float = 0.0
    turns: int = 0

    def __post_init__(self) -> None:
        for call in self.recording.calls:
            if call.answer is not None:
                self.answers.setdefault(call.called, deque()).append(call.answer)
        self.execution = Execution.new(self.context)
        self._advance(ExecutionStarted(self.now, self._seed()))

    @property
    def path(self) -> list[str]:
        """States entered, in order."""
        details = (event.details.get("stateEnteredEventDetails") for event in self.history)
        return [str(each["name"]) for each in details if isinstance(each, dict)]

    def next_task(self) -> ScheduleTask | None:
        """The next call to answer, when all timers before it have fired; None at the end."""
        while self.execution.status is ExecutionStatus.RUNNING and self.turns < TURNS_MAX:
            if self.tasks:
                return self.tasks.popleft()
            if not self.timers:
                return None
            due_at, timer_id = heapq.heappop(self.timers)
            self.now = max(self.now, due_at)
            self._advance(TimerFired(self.now, self._seed(), timer_id))
        return None

    def recorded(self, called: str) -> Answer | None:
        """The next recorded answer of a function; None if there is none left."""
        waiting = self.answers.get(called)
        return waiting.popleft() if waiting else None

    def settle(self, task: ScheduleTask, answer: Answer) -> None:
        """Hands the answer of a call to the execution."""
        if answer.output is not None:
            self._advance(TaskSucceeded(self.now, self._seed(), task.task_id, answer.output.encode()))
        else:
            self._advance(TaskFailed(self.now, self._seed(), task.task_id, answer.error, answer.cause))

    def _advance(self, event: AnyEvent) -> None:
        self.turns += 1
        commands: Sequence[Command] = advance(self.machine, self.execution, event, self.history)
        for command in commands:
            if isinstance(command, ScheduleTask):
                self.tasks.append(command)
            elif isinstance(command, StartTimer):
                heapq.heappush(self.timers, (command.due_at, command.timer_id))

    def _seed(self) -> bytes:
        return hashlib.sha256(f"{self.recording.name}/{self.turns}".encode()).digest()[:16]


def _context(release: Release, recording: Recording) -> ExecutionContext:
    return ExecutionContext(
        execution_arn=f"{release.arn.replace(':stateMachine:', ':execution:')}:{recording.name}",
        execution_name=recording.name,
        role_arn=release.role_arn,
        started_at=0.0,
        state_machine_arn=release.arn,
        state_machine_name=str(release.name),
        input=recording.input.encode(),
        token_prefix="replay/",  # noqa: S106 - leads nowhere: nobody waits for a token of a replay
    )


def _differences(recording: Recording, run: _Run) -> Iterator[str]:
    before, after = recording.path, tuple(run.path)
    if before != after:
        yield f"path: {_path(before, after)} -> {_path(after, before)}"
    status = str(run.execution.status)
    if recording.status != status:
        yield f"end: {recording.status} -> {status}"
    output = run.execution.output
    yield from _value_differences("", _decoded(recording.output), _decoded(None if output is None else output.decode()))


def _path(path: tuple[str, ...], other: tuple[str, ...]) -> str:
    """*path* from the last state before it parts from *other*."""
    common = next((index for index, pair in enumerate(zip(path, other, strict=False)) if pair[0] != pair[1]), None)
    start = min(len(path), len(other)) if common is None else common
    return " ".join(path[max(0, start - 1) :])


def _value_differences(where: str, before: JSONValue, after: JSONValue) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys((*before, *after)):
            yield from _value_differences(f"{where}/{name}", before.get(name), after.get(name))
    elif before != after:
        yield f"output {where or '/'}: {_short(before)} -> {_short(after)}"


def _decoded(text: str | None) -> JSONValue:
    return None if text is None else decode(text)


def _short(value: JSONValue) -> str:
    if isinstance(value, dict | list):
        return "{...}" if isinstance(value, dict) else f"[{len(value)}]"
    text = "(absent)" if value is None else encode(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."


def summary(replays: Sequence[Replay]) -> Mapping[str, int | str]:
    """Counts over all replays."""
    same = sum(replay.is_same for replay in replays)
    share = same * WHOLE // len(replays) / 100 if replays else 0.0
    return {
        "replayed": len(replays),
        "same": same,
        "different": sum(bool(replay.differences) for replay in replays),
        "stopped_at_unknown_calls": sum(bool(replay.unknown) for replay in replays),
        "same_percent": f"{share:g}",
    }
