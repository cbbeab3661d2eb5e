"""Pass: hands its input on, or its ``Result``."""

from expeditor.asl.execution import Frame
from expeditor.asl.fields import Fields
from expeditor.asl.model import PassState
from expeditor.asl.moves import enter_again, leave
from expeditor.asl.scope import MISSING
from expeditor.asl.states.flows import result_flow
from expeditor.asl.states.reading import basics
from expeditor.asl.turn import Behaviour, Turn


def compile_pass(name: str, fields: Fields) -> PassState:
    """The compiled state."""
    result = fields.take("Result") if fields.has("Result") else MISSING
    return PassState(**basics(name, "Pass", fields, result_flow(fields)), result=result)


def run_pass(turn: Turn, frame: Frame) -> None:
    """Leaves at once."""
    state = frame.state
    assert isinstance(state, PassState)
    scope = turn.scope(frame)
    effective = state.flow.take(scope)
    result = effective if state.result is MISSING else state.result
    assigned, output = state.flow.give(scope, frame.input, result)
    leave(turn, frame, output, assigned)


BEHAVIOUR = Behaviour(run=run_pass, resume=enter_again)
