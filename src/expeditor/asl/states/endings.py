"""Succeed and Fail: the ends of a flow."""

from expeditor.asl.execution import Failure, Frame
from expeditor.asl.expressions import constant, path_or_intrinsic, template
from expeditor.asl.fields import Fields
from expeditor.asl.model import FailState, Language, SucceedState
from expeditor.asl.moves import enter_again, fail, leave
from expeditor.asl.scope import EvaluationError, Expression, Scope
from expeditor.asl.states.flows import plain_flow
from expeditor.asl.states.reading import basics
from expeditor.asl.turn import Behaviour, Turn


def compile_succeed(name: str, fields: Fields) -> SucceedState:
    """The compiled state."""
    return SucceedState(**basics(name, "Succeed", fields, plain_flow(fields), moves=False))


def run_succeed(turn: Turn, frame: Frame) -> None:
    """Ends the flow well."""
    scope = turn.scope(frame)
    flow = frame.state.flow
    assigned, output = flow.hand_on(scope, flow.take(scope))
    leave(turn, frame, output, assigned)


def compile_fail(name: str, fields: Fields) -> FailState:
    """The compiled state."""
    flow = plain_flow(fields)
    return FailState(
        **basics(name, "Fail", fields, flow, moves=False), error=_text(fields, "Error"), cause=_text(fields, "Cause")
    )


def _text(fields: Fields, name: str) -> Expression | None:
    fields.only_one(name, f"{name}Path")
    if fields.language is Language.JSONATA:
        return template(fields, name)
    if fields.has(f"{name}Path"):
        return path_or_intrinsic(fields, f"{name}Path")
    value = fields.text(name)
    return None if value is None else constant(value)


def run_fail(turn: Turn, frame: Frame) -> None:
    """Ends the flow badly."""
    state = frame.state
    assert isinstance(state, FailState)
    scope = turn.scope(frame)
    error, cause = _string(scope, state.error, "Error"), _string(scope, state.cause, "Cause")
    fail(turn, frame, Failure(error, cause))


def _string(scope: Scope, read: Expression | None, name: str) -> str | None:
    value = None if read is None else read(scope)
    if value is not None and not isinstance(value, str):
        raise EvaluationError("States.Runtime", f"The value of the field '{name}' must be a string")
    return value


SUCCEED = Behaviour(run=run_succeed, resume=enter_again)
FAIL = Behaviour(run=run_fail, resume=enter_again)
