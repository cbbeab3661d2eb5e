"""Choice: the first rule that matches names the next state."""

from collections.abc import Callable

from expeditor.asl.choices import compile_rule
from expeditor.asl.dataflow import Dataflow, JSONataFlow, PathFlow
from expeditor.asl.execution import Frame
from expeditor.asl.expressions import compiled, jsonata, template
from expeditor.asl.fields import Fields
from expeditor.asl.model import Choice, ChoiceState, Language
from expeditor.asl.moves import enter_again, leave
from expeditor.asl.retries import RUNTIME
from expeditor.asl.scope import EvaluationError, Scope
from expeditor.asl.states.flows import assign, plain_flow
from expeditor.asl.states.reading import basics
from expeditor.asl.turn import Behaviour, Turn


def compile_choice(name: str, fields: Fields) -> ChoiceState:
    """The compiled state."""
    fields.require("Choices")
    flow = plain_flow(fields)
    if fields.raw.get("Choices") == []:
        fields.find("Value cannot be empty", "Choices")
    choices = tuple(_choice(one, flow) for one in fields.sequence("Choices"))
    default = fields.text("Default")
    return ChoiceState(**basics(name, "Choice", fields, flow, moves=False), choices=choices, default=default)


def _choice(fields: Fields, flow: Dataflow) -> Choice:
    fields.require("Next")
    if fields.language is Language.JSONATA:
        fields.require("Condition")
        fields.take("Comment")
    matches = _condition(fields) if fields.language is Language.JSONATA else _rule(fields)
    choice = Choice(matches, fields.text("Next") or "", _own_flow(fields, flow))
    if fields.language is Language.JSONATA:
        fields.end()
    return choice


def _own_flow(fields: Fields, flow: Dataflow) -> Dataflow:
    """The rule's own ``Assign`` and ``Output``; where it lacks them, the state's."""
    assigned = assign(fields)
    if isinstance(flow, PathFlow):
        return PathFlow(output_path=flow.output_path, assign=assigned or flow.assign)
    assert isinstance(flow, JSONataFlow)
    return JSONataFlow(output=template(fields, "Output") or flow.output, assign=assigned or flow.assign)


def _condition(fields: Fields) -> Callable[[Scope], bool]:
    if isinstance(fields.raw.get("Condition"), bool):
        value = bool(fields.take("Condition"))
        return lambda _scope: value
    condition = jsonata(fields, "Condition", "boolean")
    return lambda scope: condition is not None and bool(condition(scope))


def _rule(fields: Fields) -> Callable[[Scope], bool]:
    rule = {name: value for name, value in fields.raw.items() if name not in ("Next", "Assign", "Comment")}
    matches = compiled(fields, "", lambda: compile_rule(rule))
    return matches or (lambda _scope: False)


def run_choice(turn: Turn, frame: Frame) -> None:
    """Leaves at once."""
    state = frame.state
    assert isinstance(state, ChoiceState)
    scope = turn.scope(frame)
    effective = scope.input = state.flow.take(scope)
    for choice in state.choices:
        if choice.matches(scope):
            assigned, output = choice.flow.hand_on(scope, effective)
            leave(turn, frame, output, assigned, choice.next)
            return
    _default(turn, frame, state, scope)


def _default(turn: Turn, frame: Frame, state: ChoiceState, scope: Scope) -> None:
    if state.default is None:
        raise EvaluationError(
            RUNTIME, "Failed to transition out of the state. The state does not point to a next state."
        )
    assigned, output = state.flow.hand_on(scope, scope.input)
    leave(turn, frame, output, assigned, state.default)


BEHAVIOUR = Behaviour(run=run_choice, resume=enter_again)
