"""Fields that several types of state have: transitions, retriers, catchers."""

from collections.abc import Callable
from typing import TypedDict

from expeditor.asl.dataflow import Dataflow
from expeditor.asl.diagnostics import Code
from expeditor.asl.expressions import reads_context
from expeditor.asl.fields import Fields, strings
from expeditor.asl.model import Language, State
from expeditor.asl.retries import Catcher, Retrier
from expeditor.asl.states.flows import check_language, error_flow

Compile = Callable[[str, Fields], State]
"""From a state's name and fields to the compiled state."""

ATTEMPTS_MAX = 99_999_999
DELAY_SECONDS_MAX = 31_622_400


class Basics(TypedDict):
    """The arguments that every state's class takes."""

    name: str
    type: str
    next: str | None
    flow: Dataflow
    language: Language
    reads_context: bool
    entered: str
    exited: str


def basics(name: str, kind: str, fields: Fields, flow: Dataflow, *, moves: bool = True) -> Basics:
    """What every state has; *moves* tells whether it must have ``Next`` or ``End``."""
    return Basics(
        name=name,
        type=kind,
        next=transition(fields) if moves else None,
        flow=flow,
        language=fields.language,
        reads_context=reads_context(fields.raw),
        entered=f"{kind}StateEntered",
        exited=f"{kind}StateExited",
    )


def transition(fields: Fields) -> str | None:
    """``Next``, or None for ``End``."""
    target, is_end = fields.text("Next"), fields.flag("End")
    if target is None and not is_end:
        fields.find("State must have either a 'Next' or an 'End' field", code=Code.MISSING_TARGET)
    if target is not None and is_end:
        fields.find("'Next' and 'End' cannot be used together")
    return target


def retriers(fields: Fields) -> tuple[Retrier, ...]:
    """``Retry``."""
    return tuple(_retrier(one) for one in fields.sequence("Retry"))


def _retrier(fields: Fields) -> Retrier:
    fields.require("ErrorEquals")
    fields.take("Comment")
    retrier = Retrier(
        error_equals=strings(fields, "ErrorEquals"),
        interval_seconds=fields.number("IntervalSeconds", 1, ATTEMPTS_MAX, 1.0),
        max_attempts=int(fields.number("MaxAttempts", 0, ATTEMPTS_MAX, 3)),
        backoff_rate=fields.number("BackoffRate", 1.0, 1e9, 2.0),
        max_delay_seconds=fields.number("MaxDelaySeconds", 1, DELAY_SECONDS_MAX, None),
        full_jitter=fields.one_of("JitterStrategy", ("FULL", "NONE")) == "FULL",
    )
    fields.end()
    return retrier


def catchers(fields: Fields) -> tuple[Catcher, ...]:
    """``Catch``."""
    return tuple(_catcher(one) for one in fields.sequence("Catch"))


def _catcher(fields: Fields) -> Catcher:
    fields.require("ErrorEquals", "Next")
    check_language(fields)
    fields.take("Comment")
    catcher = Catcher(strings(fields, "ErrorEquals"), fields.text("Next") or "", error_flow(fields))
    fields.end()
    return catcher
