"""Wait: until a while has passed, or until an instant."""

import re
from collections.abc import Callable
from datetime import datetime

from expeditor.asl.execution import Frame, Purpose
from expeditor.asl.expressions import jsonata, path, template
from expeditor.asl.fields import Fields
from expeditor.asl.model import Language, WaitState
from expeditor.asl.moves import enter_again, leave
from expeditor.asl.scope import EvaluationError, Expression, Scope
from expeditor.asl.states.flows import plain_flow
from expeditor.asl.states.reading import basics
from expeditor.asl.turn import Behaviour, Turn
from expeditor.payloads import JSONValue, encode

DueAt = Callable[[Scope, float], float]

SECONDS_MAX = 99_999_999
FORMS = ("Seconds", "SecondsPath", "Timestamp", "TimestampPath")

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)")


def compile_wait(name: str, fields: Fields) -> WaitState:
    """The compiled state."""
    flow = plain_flow(fields)
    fields.only_one(*FORMS, required=True)
    form = next((one for one in FORMS if fields.has(one)), "Seconds")
    due_at = COMPILE[form](fields) or (lambda _scope, at: at)
    return WaitState(**basics(name, "Wait", fields, flow), due_at=due_at)


def _seconds(fields: Fields) -> DueAt | None:
    if fields.language is Language.JSONATA and isinstance(fields.raw["Seconds"], str):
        return _seconds_from(fields, jsonata(fields, "Seconds", "number"), "Seconds")
    seconds = fields.number("Seconds", 0, SECONDS_MAX, 0.0)
    return lambda _scope, at: at + seconds


def _seconds_path(fields: Fields) -> DueAt | None:
    return _seconds_from(fields, path(fields, "SecondsPath"), "SecondsPath")


def _seconds_from(fields: Fields, read: Expression | None, name: str) -> DueAt | None:
    text = fields.raw[name]

    def due_at(scope: Scope, at: float) -> float:
        value = scope.input if read is None else read(scope)
        if isinstance(value, bool) or not isinstance(value, int):
            raise _unfit(f"The {name} parameter cannot be parsed as a long value: {text} == {_shown(value)}")
        if value < 0:
            raise _unfit(f"The {name} parameter references a negative value: {text} == {value}")
        if value > SECONDS_MAX:
            raise _unfit(f"The {name} parameter is beyond {SECONDS_MAX}: {text} == {value}")
        return at + value

    return due_at


def _timestamp(fields: Fields) -> DueAt | None:
    if fields.language is Language.JSONATA:
        return _timestamp_from(fields, template(fields, "Timestamp"), "Timestamp")
    text = fields.text("Timestamp")
    instant = None if text is None else instant_of(text)
    if text is not None and instant is None:
        fields.find("String does not match RFC3339 timestamp", "Timestamp")
    return lambda _scope, at: instant or at


def _timestamp_path(fields: Fields) -> DueAt | None:
    return _timestamp_from(fields, path(fields, "TimestampPath"), "TimestampPath")


def _timestamp_from(fields: Fields, read: Expression | None, name: str) -> DueAt | None:
    text = fields.raw[name]

    def due_at(scope: Scope, _at: float) -> float:
        value = scope.input if read is None else read(scope)
        instant = instant_of(value) if isinstance(value, str) else None
        if instant is None:
            raise _unfit(
                f"The {name} parameter does not reference a valid ISO-8601 extended offset date-time format string: "
                f"{text} == {_shown(value)}"
            )
        return instant

    return due_at


COMPILE: dict[str, Callable[[Fields], DueAt | None]] = {
    "Seconds": _seconds,
    "SecondsPath": _seconds_path,
    "Timestamp": _timestamp,
    "TimestampPath": _timestamp_path,
}


def instant_of(text: str) -> float | None:
    """Seconds since the epoch of an RFC 3339 timestamp with time zone; None if *text* is not one."""
    if _TIMESTAMP.fullmatch(text) is None:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _unfit(cause: str) -> EvaluationError:
    return EvaluationError("States.Runtime", cause)


def _shown(value: JSONValue) -> str:
    return value if isinstance(value, str) else encode(value).decode()


def run_wait(turn: Turn, frame: Frame) -> None:
    """Starts the timer, or leaves at once if the instant is past."""
    state = frame.state
    assert isinstance(state, WaitState)
    scope = turn.scope(frame)
    scope.input = state.flow.take(scope)
    due_at = state.due_at(scope, turn.at)
    if due_at > turn.at:
        frame.timer_id = turn.start_timer(frame, Purpose.WAIT, due_at)
    else:
        wait_is_over(turn, frame)


def wait_is_over(turn: Turn, frame: Frame) -> None:
    """Leaves the state."""
    frame.timer_id = None
    flow = frame.state.flow
    scope = turn.scope(frame)
    assigned, output = flow.hand_on(scope, flow.take(scope))
    leave(turn, frame, output, assigned)


BEHAVIOUR = Behaviour(run=run_wait, resume=enter_again)
