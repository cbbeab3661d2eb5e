"""A definition that begins in the middle: what is left of a release from one state on."""

import re
from collections.abc import Iterator
from typing import Any

from expeditor.errors import ExpeditorError
from expeditor.payloads import decode, encode

_STARTING_INPUT = re.compile(r"\$\$\.Execution\.Input|\$states\.context\.Execution\.Input")


class ResumeError(ExpeditorError):
    """An execution cannot go on from this state in this release."""


def resumed_definition(definition: str, state: str, note: str) -> str:
    """*definition* starting at *state*, with the states that can be reached from there and nothing else.

    Steps Functions starts executions at ``StartAt`` only, so going on in the middle takes a machine of its own.

    Args:
        note: becomes part of its Comment.

    Raises:
        ResumeError: there is no such state at the top level; or what follows needs what a new start does not have: the
            first input, or variables that states before it assign.
    """
    document: Any = decode(definition)
    states = document["States"]
    if state not in states:
        raise ResumeError(f"the release has no state {state}; it has {', '.join(states)}")
    reached = _reachable(states, state)
    left_out = [name for name in states if name not in reached]
    kept = {name: each for name, each in states.items() if name in reached}
    if _STARTING_INPUT.search(encode(kept).decode()):
        raise ResumeError(
            f"what follows {state} reads the input of the execution, which a start at {state} does not have"
        )
    assigning = [name for name in left_out if _assigns(states[name])]
    if assigning:
        raise ResumeError(f"{', '.join(assigning)} assign variables, which a start at {state} would not have")
    comment = f"{document.get('Comment', '')} ({note})".strip()
    return encode({**document, "Comment": comment, "StartAt": state, "States": kept}).decode()


def _reachable(states: dict[str, Any], start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in found and name in states:
            found.add(name)
            waiting += _successors(states[name])
    return found


def _successors(state: dict[str, Any]) -> Iterator[str]:
    followers = (state, *state.get("Choices", ()), *state.get("Catch", ()))
    for follower in followers:
        if "Next" in follower:
            yield follower["Next"]
    if "Default" in state:
        yield state["Default"]


def _assigns(state: dict[str, Any]) -> bool:
    return any("Assign" in part for part in (state, *state.get("Choices", ()), *state.get("Catch", ())))
