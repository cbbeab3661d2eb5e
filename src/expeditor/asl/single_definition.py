"""The definition of one state: of one inside a machine, or of one alone."""

import msgspec

from expeditor.asl.definition import compile_definition
from expeditor.asl.model import Flow, MapState, ParallelState, State
from expeditor.payloads import JSONValue, decode, encode

STATE_NAME = "StateName"
"""What AWS calls a state whose definition comes without a name."""


def compile_single_state(definition: str, name: str | None = None) -> State:
    """The state called *name* of a whole machine, however deep inside; without *name*, *definition* is of one state.

    Raises:
        DefinitionError: with every finding.
        KeyError: there is no such state.
    """
    if name is not None:
        return _found(compile_definition(definition).flow, name)
    try:
        raw = decode(definition)
    except msgspec.DecodeError:
        raw = None
    if isinstance(raw, dict):
        states: dict[str, JSONValue] = {STATE_NAME: raw}
        ends: dict[str, JSONValue] = {target: {"Type": "Succeed"} for target in _targets(raw) if target != STATE_NAME}
        definition = encode({"StartAt": STATE_NAME, "States": states | ends}).decode()
    return compile_definition(definition).states[STATE_NAME]


def _targets(raw: dict[str, JSONValue]) -> list[str]:
    """Where the state may go: states that a definition of one state lacks."""
    lists = [raw.get("Catch"), raw.get("Choices")]
    inner = [one for each in lists if isinstance(each, list) for one in each if isinstance(one, dict)]
    names = [one.get("Next") for one in (raw, *inner)] + [raw.get("Default")]
    return [name for name in names if isinstance(name, str)]


def _found(flow: Flow, name: str) -> State:
    pending = [flow]
    while pending:
        one = pending.pop(0)
        if name in one.states:
            return one.states[name]
        for state in one.states.values():
            if isinstance(state, ParallelState):
                pending.extend(state.branches)
            elif isinstance(state, MapState):
                pending.append(state.processor)
    raise KeyError(name)
