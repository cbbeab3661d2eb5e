"""Map: one run of the item processor for each item; inline, or as child executions."""

from functools import partial

from expeditor.asl import history as details_of
from expeditor.asl.execution import Failure, Fork, Frame, Phase
from expeditor.asl.expressions import compiled, jsonata, numeric, template, typed
from expeditor.asl.fields import Fields
from expeditor.asl.model import Flow, Language, MapState
from expeditor.asl.moves import fail, leave, resume_frame
from expeditor.asl.paths import compile_path
from expeditor.asl.scope import EvaluationError, Expression, Scope
from expeditor.asl.states import distributed
from expeditor.asl.states.flows import result_flow
from expeditor.asl.states.reading import basics, catchers, retriers
from expeditor.asl.turn import Behaviour, Turn
from expeditor.payloads import JSONValue, encode

INLINE_RUNNING_MAX = 40
"""Iterations of an inline map that run at once. Source: Step Functions developer guide, "Inline mode"."""

MAP_FIELDS = ("ItemProcessor", "Iterator")


def compile_map(name: str, fields: Fields) -> MapState:
    """The compiled state."""
    fields.only_one(*MAP_FIELDS, required=True)
    parameters = "Parameters" if fields.has("Parameters") else "ItemSelector"
    selector = template(fields, parameters)
    flow = result_flow(fields, selects=True)
    return MapState(
        **basics(name, "Map", fields, flow),
        items=_items(fields),
        selector=selector,
        width=numeric(fields, "MaxConcurrency"),
        distribution=distributed.distribution(fields),
        processor=_processor(fields),
        retriers=retriers(fields),
        catchers=catchers(fields),
    )


def _processor(fields: Fields) -> Flow:
    inner = fields.mapping("ItemProcessor" if fields.has("ItemProcessor") else "Iterator")
    if inner is None:
        return Flow("", {})
    inner.take("ProcessorConfig")
    inner.take("Comment")
    flow = fields.compile_flow(inner)
    inner.end()
    return flow


def _items(fields: Fields) -> Expression:
    """The array: ``Items`` in JSONata, ``ItemsPath`` in JSONPath."""
    if fields.language is Language.JSONATA:
        return _jsonata_items(fields)
    text = fields.text("ItemsPath") or "$"
    read = compiled(fields, "ItemsPath", lambda: compile_path(text, field="ItemsPath"))

    def items(scope: Scope) -> JSONValue:
        found = scope.input if read is None else read(scope)
        if not isinstance(found, list):
            raise EvaluationError("States.Runtime", f'Reference path "{text}" must point to array.')
        return found

    return items


def _jsonata_items(fields: Fields) -> Expression:
    value = fields.raw.get("Items")
    if isinstance(value, str):
        found = jsonata(fields, "Items", "array")
        return found or _input_items
    if value is None:
        return _input_items
    items = template(fields, "Items")
    return _input_items if items is None else typed(items, "Items", "{%%}", "array")


def _input_items(scope: Scope) -> JSONValue:
    if not isinstance(scope.input, list):
        shown = encode(scope.input).decode()
        raise EvaluationError("States.QueryEvaluationError", f"Map state input must be an array but was: {shown}")
    return scope.input


def run_map(turn: Turn, frame: Frame) -> None:
    """Begins one try: reads the items and starts as many iterations as may run at once."""
    state = frame.state
    assert isinstance(state, MapState)
    scope = turn.scope(frame)
    effective = scope.input = state.flow.take(scope)
    found = state.items(scope)
    assert isinstance(found, list)
    width = _width(state, scope)
    items = found if state.distribution is None else distributed.batches(state.distribution, found, scope)
    turn.note(frame, "MapStateStarted", details=lambda: details_of.map_started(len(found)))
    count = len(items)
    fork = Fork([None] * count, iter(range(count)), count, running_max=width, items=items, effective=effective)
    if state.distribution is not None:
        distributed.begin(turn, frame, fork, state.distribution, scope)
    frame.fork = fork
    _start_more(turn, frame, fork)
    _end_if_done(turn, frame, fork)


def _width(state: MapState, scope: Scope) -> int:
    width = 0 if state.width is None else state.width(scope)
    most = INLINE_RUNNING_MAX if state.distribution is None else distributed.RUNNING_MAX
    return min(int(width) or most, most) if isinstance(width, int | float) else most


def _start_more(turn: Turn, frame: Frame, fork: Fork) -> None:
    while fork.running < fork.running_max:
        index = next(fork.queue, None)
        if index is None:
            return
        fork.running += 1
        child = fork.children[index]
        if child is None:
            fork.children[index] = child = _child(turn, frame, fork, index)
            turn.ready.append(child)
        else:
            resume_frame(turn, child)


def _child(turn: Turn, frame: Frame, fork: Fork, index: int) -> Frame:
    state = frame.state
    assert isinstance(state, MapState)
    item: dict[str, JSONValue] = {"Item": {"Index": index, "Value": fork.items[index]}}
    value = fork.items[index] if state.selector is None else _selected(turn, frame, fork, item)
    if state.distribution is not None:
        return distributed.child_execution(turn, frame, value, index)
    started_id = turn.note(
        frame,
        "MapIterationStarted",
        link=False,
        details=lambda: details_of.iteration("mapIterationStartedEventDetails", state.name, index),
    )
    start = state.processor.states[state.processor.start_at]
    return Frame(
        state.processor,
        start,
        value,
        frame.root,
        frame.tally,
        parent=frame,
        index=index,
        variables=frame.variables,
        item=item,
        last_id=started_id,
    )


def _selected(turn: Turn, frame: Frame, fork: Fork, item: dict[str, JSONValue]) -> JSONValue:
    state = frame.state
    assert isinstance(state, MapState)
    assert state.selector is not None
    scope = turn.scope(frame)
    scope.input = fork.effective
    scope.context = {**turn.context(frame), "Map": item}
    return state.selector(scope)


def child_succeeded(turn: Turn, frame: Frame, child: Frame) -> None:
    """One iteration is through; the last one ends the state."""
    fork, state = frame.fork, frame.state
    assert fork is not None
    assert isinstance(state, MapState)
    fork.running -= 1
    fork.unfinished -= 1
    if state.distribution is None:
        frame.last_id = child.last_id
        succeeded_id = turn.note(
            frame,
            "MapIterationSucceeded",
            link=False,
            details=lambda: details_of.iteration("mapIterationSucceededEventDetails", state.name, child.index),
        )
        if fork.unfinished == 0:
            frame.last_id = succeeded_id
    _start_more(turn, frame, fork)
    _end_if_done(turn, frame, fork)


def _end_if_done(turn: Turn, frame: Frame, fork: Fork) -> None:
    if fork.unfinished:
        return
    state = frame.state
    assert isinstance(state, MapState)
    if state.distribution is not None:
        distributed.end(turn, frame)
    turn.note(frame, "MapStateSucceeded", link=False)
    result: JSONValue = [
        child.output for child in fork.children if child is not None and child.phase is Phase.SUCCEEDED
    ]
    assigned, output = state.flow.give(turn.scope(frame), frame.input, result)
    leave(turn, frame, output, assigned)


def child_failed(turn: Turn, frame: Frame, child: Frame, failure: Failure) -> None:
    """One iteration failed, and so does the state, unless it tolerates that."""
    fork, state = frame.fork, frame.state
    assert fork is not None
    assert isinstance(state, MapState)
    fork.running -= 1
    if state.distribution is not None:
        _bear(turn, frame, fork)
        return
    frame.last_id = child.last_id
    turn.note(
        frame,
        "MapIterationFailed",
        link=False,
        details=lambda: details_of.iteration("mapIterationFailedEventDetails", state.name, child.index),
    )
    _abort_others(turn, frame)
    fail(turn, frame, failure)


def _abort_others(turn: Turn, frame: Frame) -> None:
    for other in list(frame.running_children):
        turn.abort(other)
        details = partial(details_of.iteration, "mapIterationAbortedEventDetails", frame.state.name, other.index)
        turn.note(other, "MapIterationAborted", details=details)


def _bear(turn: Turn, frame: Frame, fork: Fork) -> None:
    fork.failed += 1
    fork.unfinished -= 1
    if fork.failed > fork.failed_max:
        for other in list(frame.running_children):
            turn.abort(other)
        fail(turn, frame, distributed.fail(turn, frame))
        return
    _start_more(turn, frame, fork)
    _end_if_done(turn, frame, fork)


def resume(turn: Turn, frame: Frame) -> None:
    """Goes on with the iterations that did not succeed, or begins anew if there are none."""
    fork = frame.fork
    if fork is None:
        turn.ready.append(frame)
        return
    left = [index for index, child in enumerate(fork.children) if child is None or child.phase is not Phase.SUCCEEDED]
    fork.queue = iter(left)
    fork.running = 0
    fork.failed = 0
    fork.unfinished = len(left)
    if fork.run_arn is not None:
        distributed.redriven(turn, frame, fork)
    _start_more(turn, frame, fork)


BEHAVIOUR = Behaviour(
    run=run_map,
    resume=resume,
    child_succeeded=child_succeeded,
    child_failed=child_failed,
    failed="MapStateFailed",
)
