"""Map: one run of the item processor for each item; inline, or as child executions."""

from expeditor.asl.events import TaskFailed, TaskSucceeded
from expeditor.asl.expressions import compiled, jsonata, numeric, template, typed
from expeditor.asl.fields import Fields
from expeditor.asl.model import Flow, Language, MapState
from expeditor.asl.paths import compile_path
from expeditor.asl.scope import EvaluationError, Expression, Scope
from expeditor.asl.states import distributed, iterations
from expeditor.asl.states.flows import result_flow
from expeditor.asl.states.reading import basics, catchers, retriers
from expeditor.asl.turn import Behaviour
from expeditor.payloads import JSONValue, encode

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


BEHAVIOUR = Behaviour(
    run=iterations.run_map,
    resume=iterations.resume,
    child_succeeded=iterations.child_succeeded,
    child_failed=iterations.child_failed,
    failed="MapStateFailed",
    on_task={TaskSucceeded: iterations.call_succeeded, TaskFailed: iterations.call_failed},
)
