"""What an execution did, state by state, read off its history."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from expeditor.console.graph import Mark, Trail

_ATTEMPT_BEGINS = ("LambdaFunctionScheduled", "TaskScheduled", "ActivityScheduled")
_ATTEMPT_FAILS = ("Failed", "TimedOut", "ScheduleFailed", "StartFailed", "SubmitFailed")
_END_OF_SCOPE = ("Succeeded", "Started")
_SCOPE_BEGINS = ("ParallelStateStarted", "MapStateStarted")
_SCOPE_ENDS = ("ParallelStateSucceeded", "ParallelStateFailed", "MapStateSucceeded", "MapStateFailed")
_PREVAILING = ("failed", "running")
"""What a state of a Parallel or Map is shown as when it was entered several times and this befell one of them."""


class Event(Protocol):
    """A history event as the engine gives it."""

    @property
    def id(self) -> int:
        """1 for the first."""
        ...

    @property
    def previous_event_id(self) -> int:
        """0 for the first."""
        ...

    @property
    def at(self) -> float:
        """Instant."""
        ...

    @property
    def type(self) -> str:
        """AWS's event type."""
        ...

    @property
    def details(self) -> dict[str, Any]:
        """AWS's details, by AWS's key."""
        ...


@dataclass(slots=True)
class Attempt:
    """One try of a task."""

    began_at: float
    ended_at: float | None = None
    error: str | None = None
    cause: str | None = None


@dataclass(slots=True)
class Visit:
    """One stay in a state.

    Attributes:
        input, output: JSON text.
        error: why it failed, when it did, even if a catcher took over.
        scope: the stay in the Parallel or Map that it is part of.
        failed_inside: whether a state within it failed; a Fail state has no error in its history.
    """

    name: str
    kind: str
    entered_at: float
    input: str
    exited_at: float | None = None
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    attempts: list[Attempt] = field(default_factory=list)
    scope: "Visit | None" = None
    failed_inside: bool = False

    @property
    def is_dealt_with(self) -> bool:
        """Whether what it is part of has gone on without it."""
        return self.scope is not None and (self.scope.exited_at is not None or self.scope.is_dealt_with)

    @property
    def milliseconds(self) -> float | None:
        """How long it took; None while it lasts."""
        return None if self.exited_at is None else round((self.exited_at - self.entered_at) * 1000, 1)


def visits(events: Sequence[Event]) -> list[Visit]:
    """Every stay in a state, in the order they began."""
    return _read(events)[0]


def failed_visit(stays: Sequence[Visit]) -> int | None:
    """The number, from 1, of the stay in which a failed execution ended; errors that were dealt with do not count."""
    ended = [
        number
        for number, visit in enumerate(stays, 1)
        if visit.exited_at is None and not visit.is_dealt_with and (visit.error or visit.kind == "Fail")
    ]
    return ended[-1] if ended else None


def open_visit(stays: Sequence[Visit]) -> int | None:
    """The number, from 1, of the last stay that was not left, as in an execution that was stopped."""
    open_ones = [number for number, visit in enumerate(stays, 1) if visit.exited_at is None and not visit.is_dealt_with]
    return open_ones[-1] if open_ones else None


def trail(events: Sequence[Event], is_running: bool) -> Trail:
    """What to highlight in the machine's picture."""
    stays, taken = _read(events)
    marks: dict[str, Mark] = {}
    latest: dict[str, Visit] = {}
    for visit in stays:
        state, before, earlier = _state_of(visit, is_running), marks.get(visit.name), latest.get(visit.name)
        if before is not None and earlier is not None and visit.scope is not None and visit.scope is earlier.scope:
            state = next((each for each in _PREVAILING if each in (before.state, state)), state)
        marks[visit.name] = Mark(state, before.visits + 1 if before else 1)
        latest[visit.name] = visit
    return Trail(marks, frozenset(taken))


def _state_of(visit: Visit, is_running: bool) -> str:
    if visit.exited_at is not None:
        return "caught" if visit.failed_inside or (visit.error and _last_attempt_failed(visit)) else "succeeded"
    if visit.error or visit.failed_inside or visit.kind == "Fail":
        return "failed"
    return "running" if is_running else "cancelled"


def _last_attempt_failed(visit: Visit) -> bool:
    return not visit.attempts or visit.attempts[-1].error is not None


def _read(events: Sequence[Event]) -> tuple[list[Visit], set[tuple[str | None, str | None]]]:
    stays: list[Visit] = []
    owner: dict[int, Visit | None] = {0: None}
    scope: dict[int, Visit | None] = {0: None}
    left_from: dict[int, str | None] = {0: None}
    taken: set[tuple[str | None, str | None]] = set()
    for event in events:
        visit = owner.get(event.previous_event_id)
        within = scope.get(event.previous_event_id)
        source = left_from.get(event.previous_event_id)
        if event.type.endswith("StateEntered"):
            visit = _entered(event, within)
            stays.append(visit)
            taken.add((source, visit.name))
        elif event.type.endswith("StateExited"):
            source = event.details["stateExitedEventDetails"]["name"]
            visit = _exited(event, source, visit, stays)
            within = visit.scope if visit is not None else None
            left_from[event.id] = source
        else:
            if source is not None and event.type.endswith(_END_OF_SCOPE):
                taken.add((source, None))
            if event.type in _SCOPE_BEGINS:
                within = visit
            elif event.type in _SCOPE_ENDS and within is not None:
                visit, within = _left(event, within, visit), within.scope
            elif visit is not None:
                _task_event(event, visit)
        owner[event.id] = visit
        scope[event.id] = within
    return stays, taken


def _left(event: Event, scope: Visit, inner: Visit | None) -> Visit:
    """The Parallel or Map that ends here; its error is that of the state inside in which it arose."""
    scope.failed_inside = event.type.endswith("Failed")
    if scope.failed_inside and inner is not None:
        scope.error, scope.cause = inner.error, inner.cause
    return scope


def _entered(event: Event, scope: Visit | None) -> Visit:
    details = event.details["stateEnteredEventDetails"]
    kind = event.type.removesuffix("StateEntered")
    return Visit(details["name"], kind, event.at, details.get("input", ""), scope=scope)


def _exited(event: Event, name: str, visit: Visit | None, stays: Sequence[Visit]) -> Visit | None:
    """Closes the stay that ends here: the one this event follows, or for a scope the last open one of that name."""
    if visit is None or visit.name != name:
        visit = next((each for each in reversed(stays) if each.name == name and each.exited_at is None), visit)
    if visit is not None:
        visit.exited_at = event.at
        visit.output = event.details["stateExitedEventDetails"].get("output")
    return visit


def _task_event(event: Event, visit: Visit) -> None:
    if event.type in _ATTEMPT_BEGINS:
        visit.attempts.append(Attempt(event.at))
        return
    ends_badly = event.type.endswith(_ATTEMPT_FAILS) and not event.type.startswith("MapIteration")
    if visit.attempts and (ends_badly or event.type.endswith("Succeeded")) and visit.attempts[-1].ended_at is None:
        visit.attempts[-1].ended_at = event.at
    if ends_badly:
        every = (each for key, each in event.details.items() if key.endswith("EventDetails"))
        details: dict[str, Any] = next(every, {})
        visit.error, visit.cause = details.get("error"), details.get("cause")
        if visit.attempts:
            visit.attempts[-1].error, visit.attempts[-1].cause = visit.error, visit.cause
