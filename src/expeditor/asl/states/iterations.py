"""Map states under way: iterations start, end and start others, inline or as child executions."""

from functools import partial
from typing import NoReturn

from expeditor.asl import history as details_of
from expeditor.asl.datasets import DatasetError, read_items
from expeditor.asl.events import MapRunUpdated, TaskFailed, TaskSucceeded
from expeditor.asl.execution import Failure, Fork, Frame, MapRun, Phase
from expeditor.asl.model import Distribution, MapState
from expeditor.asl.moves import abort_branch, fail, is_current, leave, resume_frame
from expeditor.asl.retries import RUNTIME
from expeditor.asl.scope import Scope
from expeditor.asl.states import distributed, objects
from expeditor.asl.turn import StateFailedError, Turn
from expeditor.payloads import JSONValue

INLINE_RUNNING_MAX = 40
"""Iterations of an inline map that run at once. Source: Step Functions developer guide, "Inline mode"."""


def _state_of(frame: Frame) -> MapState:
    assert isinstance(frame.state, MapState)
    return frame.state


def _fork_of(frame: Frame) -> Fork:
    assert frame.fork is not None
    return frame.fork


def run_map(turn: Turn, frame: Frame) -> None:
    """Begins one try: gets the items and starts as many iterations as may run at once."""
    state = _state_of(frame)
    scope = turn.scope(frame)
    effective = scope.input = state.flow.take(scope)
    fork = Fork([], iter(()), 0, running_max=_width(state, scope), effective=effective)
    reads = state.distribution is not None and state.distribution.reading is not None
    found = None if reads else state.items(scope)
    length = len(found) if isinstance(found, list) else 0
    turn.note(frame, "MapStateStarted", details=lambda: details_of.map_started(length))
    if state.distribution is not None:
        fork.run = distributed.begin(turn, frame, state.distribution, scope)
        fork.run.running_max = fork.running_max
    frame.fork = fork
    if isinstance(found, list):
        _fill(turn, frame, fork, found)
    else:
        _read(turn, frame)


def _width(state: MapState, scope: Scope) -> int:
    width = distributed.count(state.width, scope) or 0
    most = INLINE_RUNNING_MAX if state.distribution is None else distributed.RUNNING_MAX
    return min(int(width) or most, most)


def _read(turn: Turn, frame: Frame) -> None:
    """Asks for the object with the items."""
    distribution = _state_of(frame).distribution
    assert distribution is not None
    assert distribution.reading is not None
    scope = turn.scope(frame)
    scope.input = _fork_of(frame).effective
    parameters = distribution.reading.arguments(scope)
    objects.call(turn, frame, distribution.reading.resource, parameters, wants_body=True)


def _fill(turn: Turn, frame: Frame, fork: Fork, found: list[JSONValue]) -> None:
    """Starts the iterations over the items."""
    fork.items = _batched(turn, frame, found)
    total = fork.unfinished = len(fork.items)
    fork.children = [None] * total
    fork.queue = iter(range(total))
    if fork.run is not None:
        fork.run.total, fork.run.items = total, len(found)
    start_more(turn, frame)


def _batched(turn: Turn, frame: Frame, found: list[JSONValue]) -> list[JSONValue]:
    """*found*, or batches of what ``ItemSelector`` makes of them."""
    distribution = _state_of(frame).distribution
    if distribution is None or distribution.batching is None:
        return found
    chosen = [_selected(turn, frame, index, value) for index, value in enumerate(found)]
    scope = turn.scope(frame)
    scope.input = _fork_of(frame).effective
    return distributed.batches(distribution.batching, chosen, scope)


def start_more(turn: Turn, frame: Frame) -> None:
    """Starts iterations until enough run, and ends the state if there is nothing left to do."""
    fork = _fork_of(frame)
    while is_current(frame, fork) and fork.running < fork.running_max:
        index = next(fork.queue, None)
        if index is None:
            break
        fork.running += 1
        if fork.run is not None:
            fork.run.running_items += distributed.item_count(frame, fork, index)
        child = fork.children[index]
        if child is None:
            fork.children[index] = child = _child(turn, frame, fork, index)
            turn.ready.append(child)
        else:
            resume_frame(turn, child)
    if fork.run is not None:
        fork.run.running = fork.running
    if is_current(frame, fork) and fork.unfinished == 0 and not fork.writes:
        _end(turn, frame, fork)


def _child(turn: Turn, frame: Frame, fork: Fork, index: int) -> Frame:
    state, distribution = _state_of(frame), _state_of(frame).distribution
    value = fork.items[index]
    if distribution is None or distribution.batching is None:
        value = _selected(turn, frame, index, value)
    if distribution is not None:
        return distributed.child_execution(turn, frame, value, index)
    started_id = turn.note(
        frame,
        "MapIterationStarted",
        link=False,
        details=partial(details_of.iteration, "mapIterationStartedEventDetails", state.name, index),
    )
    return Frame(
        state.processor,
        state.processor.states[state.processor.start_at],
        value,
        frame.root,
        frame.tally,
        parent=frame,
        index=index,
        variables=frame.variables,
        item=_item(index, fork.items[index]),
        last_id=started_id,
    )


def _item(index: int, value: JSONValue) -> JSONValue:
    """``Map`` of the context object."""
    return {"Item": {"Index": index, "Value": value}}


def _selected(turn: Turn, frame: Frame, index: int, value: JSONValue) -> JSONValue:
    """What ``ItemSelector`` makes of one item."""
    selector = _state_of(frame).selector
    if selector is None:
        return value
    scope = turn.scope(frame)
    scope.input = _fork_of(frame).effective
    scope.context = {**turn.context(frame), "Map": _item(index, value)}
    return selector(scope)


def child_succeeded(turn: Turn, frame: Frame, child: Frame) -> None:
    """One iteration is through; the last one ends the state."""
    fork = _fork_of(frame)
    fork.running -= 1
    fork.unfinished -= 1
    if fork.run is not None:
        distributed.count_end(turn, frame, child, None)
    else:
        frame.last_id = child.last_id
        succeeded_id = _note_iteration(turn, frame, child, "Succeeded")
        if fork.unfinished == 0:
            frame.last_id = succeeded_id
    start_more(turn, frame)


def _note_iteration(turn: Turn, frame: Frame, child: Frame, outcome: str) -> int:
    key = f"mapIteration{outcome}EventDetails"
    details = partial(details_of.iteration, key, frame.state.name, child.index)
    return turn.note(frame, f"MapIteration{outcome}", link=False, details=details)


def child_failed(turn: Turn, frame: Frame, child: Frame, failure: Failure) -> None:
    """One iteration failed, and so does the state, unless it tolerates that."""
    fork = _fork_of(frame)
    fork.running -= 1
    fork.unfinished -= 1
    if fork.run is not None:
        distributed.count_end(turn, frame, child, failure)
        _bear(turn, frame, fork.run)
        return
    frame.last_id = child.last_id
    if failure.error != RUNTIME:
        _note_iteration(turn, frame, child, "Failed")
        for other in list(frame.running_children):
            abort_branch(turn, other)
            _note_iteration(turn, frame, other, "Aborted")
    fail(turn, frame, failure)


def _bear(turn: Turn, frame: Frame, run: MapRun) -> None:
    if not run.is_beyond_tolerance:
        start_more(turn, frame)
        return
    _fail_run(turn, frame, distributed.TOO_MANY_FAILED)


def _fail_run(turn: Turn, frame: Frame, failure: Failure) -> NoReturn:
    run = _fork_of(frame).run
    assert run is not None
    distributed.fail(turn, frame, run, failure)
    raise StateFailedError(failure)


def _end(turn: Turn, frame: Frame, fork: Fork) -> None:
    """Ends the state, or has its results written first."""
    distribution = _state_of(frame).distribution
    if fork.run is None or distribution is None:
        _leave(turn, frame, [child.output for child in fork.children if child is not None])
    elif distribution.writing is None:
        _leave(turn, frame, objects.transformed(fork, "COMPACT"))
    elif distribution.writing.resource is None:
        _leave(turn, frame, objects.transformed(fork, distribution.writing.transformation))
    else:
        _plan_writes(turn, frame, fork, distribution)


def _plan_writes(turn: Turn, frame: Frame, fork: Fork, distribution: Distribution) -> None:
    assert distribution.writing is not None
    assert fork.run is not None
    scope = turn.scope(frame)
    scope.input = fork.effective
    arguments = distribution.writing.arguments(scope)
    given = arguments if isinstance(arguments, dict) else {}
    fork.writes.clear()
    fork.result = objects.plan_writes(fork, distribution.writing, given, fork.run.arn)
    _write(turn, frame, fork)


def _write(turn: Turn, frame: Frame, fork: Fork) -> None:
    distribution = _state_of(frame).distribution
    assert distribution is not None
    assert distribution.writing is not None
    assert distribution.writing.resource is not None
    objects.call(turn, frame, distribution.writing.resource, fork.writes[0])


def call_succeeded(turn: Turn, frame: Frame, event: TaskSucceeded) -> None:
    """The dataset was read, or a part of the results is written."""
    turn.end_attempt(frame, cancel=False)
    fork = _fork_of(frame)
    if not fork.writes:
        _fill(turn, frame, fork, _items_of(turn, frame, event.output))
        return
    fork.writes.pop(0)
    if fork.writes:
        _write(turn, frame, fork)
    else:
        if fork.run is not None:
            fork.run.results_written = fork.run.succeeded_items + fork.run.failed_items
        _leave(turn, frame, fork.result)


def _items_of(turn: Turn, frame: Frame, body: bytes) -> list[JSONValue]:
    distribution = _state_of(frame).distribution
    assert distribution is not None
    assert distribution.reading is not None
    scope = turn.scope(frame)
    scope.input = _fork_of(frame).effective
    most = distributed.count(distribution.reading.items_max, scope)
    try:
        return read_items(body, distribution.reading.form, int(most) if most else None)
    except DatasetError as error:
        _fail_run(turn, frame, Failure(objects.READER_FAILED, str(error)))


def call_failed(turn: Turn, frame: Frame, event: TaskFailed) -> None:
    """The dataset cannot be read, or the results cannot be written."""
    turn.end_attempt(frame, cancel=False)
    name = objects.WRITER_FAILED if _fork_of(frame).writes else objects.READER_FAILED
    _fail_run(turn, frame, Failure(name, event.cause or event.error))


def _leave(turn: Turn, frame: Frame, result: JSONValue) -> None:
    run, flow = _fork_of(frame).run, frame.state.flow
    if run is not None:
        distributed.end(turn, frame, run)
    turn.note(frame, "MapStateSucceeded", link=False)
    assigned, output = flow.give(turn.scope(frame), frame.input, result)
    leave(turn, frame, output, assigned)


def resume(turn: Turn, frame: Frame) -> None:
    """Goes on with the iterations that did not succeed, or begins anew if there are none."""
    fork = frame.fork
    if fork is None:
        turn.ready.append(frame)
        return
    left = [index for index, child in enumerate(fork.children) if child is None or child.phase is not Phase.SUCCEEDED]
    fork.queue, fork.running, fork.unfinished = iter(left), 0, len(left)
    fork.writes.clear()
    if fork.run is not None:
        distributed.redriven(turn, frame, fork.run)
    if fork.run is not None and not fork.items and _reads(frame):
        _read(turn, frame)
    else:
        start_more(turn, frame)


def update_run(turn: Turn, frame: Frame, event: MapRunUpdated) -> None:
    """Changes how many children may run at once, and how many may fail; while items are read, none are there yet."""
    fork = _fork_of(frame)
    assert fork.run is not None
    if event.running_max is not None:
        fork.run.running_max = fork.running_max = min(
            event.running_max or distributed.RUNNING_MAX, distributed.RUNNING_MAX
        )
    if event.failed_max is not None:
        fork.run.failed_max = event.failed_max
    if event.failed_percentage_max is not None:
        fork.run.failed_percentage_max = event.failed_percentage_max
    is_reading = frame.attempt is not None and not fork.writes
    if not is_reading:
        _bear(turn, frame, fork.run)


def _reads(frame: Frame) -> bool:
    distribution = _state_of(frame).distribution
    return distribution is not None and distribution.reading is not None
