"""Parallel: all branches run on the same input; the first failure ends the others."""

from collections.abc import Iterator

from expeditor.asl.execution import Failure, Fork, Frame, Phase
from expeditor.asl.fields import Fields
from expeditor.asl.model import Flow, ParallelState
from expeditor.asl.moves import fail, is_current, leave, resume_frame
from expeditor.asl.states.flows import result_flow
from expeditor.asl.states.reading import basics, catchers, retriers
from expeditor.asl.turn import Behaviour, Turn
from expeditor.payloads import JSONValue


def compile_parallel(name: str, fields: Fields) -> ParallelState:
    """The compiled state."""
    fields.require("Branches")
    flow = result_flow(fields)
    if fields.raw.get("Branches") == []:
        fields.find("Value cannot be empty", "Branches")
    branches = tuple(_branches(fields))
    return ParallelState(
        **basics(name, "Parallel", fields, flow),
        branches=branches,
        retriers=retriers(fields),
        catchers=catchers(fields),
    )


def _branches(fields: Fields) -> Iterator[Flow]:
    for branch in fields.sequence("Branches"):
        branch.take("Comment")
        yield fields.compile_flow(branch)
        branch.end()


def run_parallel(turn: Turn, frame: Frame) -> None:
    """Begins one try: starts every branch."""
    state = frame.state
    assert isinstance(state, ParallelState)
    effective = state.flow.take(turn.scope(frame))
    turn.note(frame, "ParallelStateStarted")
    count = len(state.branches)
    children = [_branch(frame, index, effective) for index in range(count)]
    frame.fork = Fork(list(children), iter(()), unfinished=count, running=count)
    turn.ready.extend(children)


def _branch(frame: Frame, index: int, effective: JSONValue) -> Frame:
    state = frame.state
    assert isinstance(state, ParallelState)
    flow = state.branches[index]
    return Frame(
        flow,
        flow.states[flow.start_at],
        effective,
        frame.root,
        frame.tally,
        parent=frame,
        index=index,
        variables=frame.variables,
        item=frame.item,
        last_id=frame.last_id,
    )


def child_succeeded(turn: Turn, frame: Frame, child: Frame) -> None:
    """One branch is through; the last one ends the state."""
    fork = frame.fork
    assert fork is not None
    fork.unfinished -= 1
    frame.last_id = child.last_id
    if fork.unfinished == 0:
        turn.note(frame, "ParallelStateSucceeded", link=False)
        result: JSONValue = [one.output for one in fork.children if one is not None]
        assigned, output = frame.state.flow.give(turn.scope(frame), frame.input, result)
        leave(turn, frame, output, assigned)


def child_failed(turn: Turn, frame: Frame, child: Frame, failure: Failure) -> None:
    """One branch failed, and so does the state."""
    frame.last_id = child.last_id
    fail(turn, frame, failure)


def resume(turn: Turn, frame: Frame) -> None:
    """Goes on with the branches that did not succeed, or begins anew if there are none."""
    fork = frame.fork
    if fork is None:
        turn.ready.append(frame)
        return
    for child in fork.children:
        if not is_current(frame, fork):
            return
        if child is not None and child.phase is not Phase.SUCCEEDED:
            resume_frame(turn, child)


BEHAVIOUR = Behaviour(
    run=run_parallel,
    resume=resume,
    child_succeeded=child_succeeded,
    child_failed=child_failed,
    failed="ParallelStateFailed",
)
