"""What a distributed map has beyond an inline one: child executions, batches, tolerated failures, a map run."""

import math
from collections.abc import Iterator

from expeditor.asl.execution import Failure, Fork, Frame, Tally
from expeditor.asl.expressions import numeric, template
from expeditor.asl.fields import Fields
from expeditor.asl.model import Batching, Distribution, MapState, Tolerance
from expeditor.asl.scope import EvaluationError, Expression, Scope
from expeditor.asl.turn import Turn, iso
from expeditor.payloads import JSONValue, encode

RUNNING_MAX = 10_000
"""Child executions that run at once. Source: Step Functions service quotas."""

LABEL_CHARACTERS_MAX = 40
LABEL_FORBIDDEN = frozenset(' ?*<>{}[]:;,\\|^~$#%&`"\r\n\t\0')

EXCEED_TOLERATED = "States.ExceedToleratedFailureThreshold"

CHILD_EVENTS_MAX = 25_000


def distribution(fields: Fields) -> Distribution | None:
    """What makes a Map distributed; None for an inline one."""
    processor = fields.raw.get("ItemProcessor", fields.raw.get("Iterator"))
    config = processor.get("ProcessorConfig") if isinstance(processor, dict) else None
    mode = config.get("Mode") if isinstance(config, dict) else None
    if mode not in (None, "INLINE", "DISTRIBUTED"):
        fields.find("The field 'Mode' should have one of these values: [INLINE, DISTRIBUTED]", "ItemProcessor")
    tolerance = Tolerance(numeric(fields, "ToleratedFailureCount"), numeric(fields, "ToleratedFailurePercentage"))
    label, batching = _label(fields), _batching(fields)
    if mode != "DISTRIBUTED" or not isinstance(config, dict):
        return None
    if fields.express:
        fields.find("Express state machine does not support Distributed Map", "ItemProcessor")
    express = config.get("ExecutionType") == "EXPRESS"
    return Distribution(label, express, tolerance, batching)


def _label(fields: Fields) -> str | None:
    label = fields.text("Label")
    if label is None:
        return None
    if not label:
        fields.find("Label cannot be empty", "Label")
    if len(label) > LABEL_CHARACTERS_MAX:
        fields.find(f"Label cannot exceed {LABEL_CHARACTERS_MAX} characters", "Label")
    for character in label:
        if character in LABEL_FORBIDDEN or not character.isprintable():
            fields.find(f"Label contains invalid character: {character!r}", "Label")
            break
    return label


def _batching(fields: Fields) -> Batching | None:
    inner = fields.mapping("ItemBatcher")
    if inner is None:
        return None
    inner.only_one("MaxItemsPerBatch", "MaxItemsPerBatchPath")
    batching = Batching(
        numeric(inner, "MaxItemsPerBatch"), numeric(inner, "MaxInputBytesPerBatch"), template(inner, "BatchInput")
    )
    inner.end()
    return batching


def _count(read: Expression | None, scope: Scope) -> float | None:
    value = None if read is None else read(scope)
    return value if isinstance(value, int | float) else None


def batches(distribution: Distribution, items: list[JSONValue], scope: Scope) -> list[JSONValue]:
    """The inputs of the child executions before ``ItemSelector``: the items, or batches of them."""
    batching = distribution.batching
    if batching is None:
        return items
    head = {} if batching.batch_input is None else {"BatchInput": batching.batch_input(scope)}
    items_max = _count(batching.items_max, scope) or math.inf
    bytes_max = _count(batching.bytes_max, scope) or math.inf
    return [{**head, "Items": batch} for batch in _cut(items, items_max, bytes_max)]


def _cut(items: list[JSONValue], items_max: float, bytes_max: float) -> Iterator[list[JSONValue]]:
    batch: list[JSONValue] = []
    size = 0
    for item in items:
        grown = size + len(encode(item)) + 1
        if batch and (len(batch) >= items_max or grown > bytes_max):
            yield batch
            batch, grown = [], grown - size
        batch.append(item)
        size = grown
    if batch:
        yield batch


def begin(turn: Turn, frame: Frame, fork: Fork, distribution: Distribution, scope: Scope) -> None:
    """Starts the map run."""
    count = _count(distribution.tolerance.count, scope)
    percentage = _count(distribution.tolerance.percentage, scope)
    if percentage is not None and not 0 <= percentage <= 100:
        raise EvaluationError("States.Runtime", "The ToleratedFailurePercentage must be between 0 and 100")
    allowed = [
        one for one in (count, None if percentage is None else len(fork.items) * percentage / 100) if one is not None
    ]
    fork.failed_max = min(allowed, default=0)
    fork.run_arn = run_arn = _run_arn(turn, frame, distribution)
    turn.note(frame, "MapRunStarted", details=lambda: {"mapRunStartedEventDetails": {"mapRunArn": run_arn}})


def _run_arn(turn: Turn, frame: Frame, distribution: Distribution) -> str:
    context = turn.execution.context
    machine = context.state_machine_arn.replace(":stateMachine:", ":mapRun:")
    return f"{machine}/{_map_name(frame, distribution)}:{turn.draws.uuid()}"


def _map_name(frame: Frame, distribution: Distribution) -> str:
    return distribution.label or frame.state.name


def child_execution(turn: Turn, frame: Frame, value: JSONValue, index: int) -> Frame:
    """The frame of one child execution: its own context object, variables and history."""
    state = frame.state
    assert isinstance(state, MapState)
    assert state.distribution is not None
    flow = state.processor
    root = _child_root(turn, frame, state.distribution, value)
    tally = Tally(CHILD_EVENTS_MAX - 1, child=True)
    return Frame(flow, flow.states[flow.start_at], value, root, tally, parent=frame, index=index)


def _child_root(turn: Turn, frame: Frame, distribution: Distribution, value: JSONValue) -> dict[str, JSONValue]:
    context, name = turn.execution.context, turn.draws.uuid()
    machine = f"{context.state_machine_name}/{_map_name(frame, distribution)}"
    machine_arn = f"{context.state_machine_arn}/{_map_name(frame, distribution)}"
    return {
        "Execution": {
            "Id": f"{machine_arn.replace(':stateMachine:', ':execution:')}:{name}",
            "Input": value,
            "StartTime": iso(turn.at),
            "Name": name,
            "RoleArn": context.role_arn,
            "RedriveCount": 0,
        },
        "StateMachine": {"Id": machine_arn, "Name": machine},
    }


def end(turn: Turn, frame: Frame) -> None:
    """Ends the map run well."""
    turn.note(frame, "MapRunSucceeded")


def fail(turn: Turn, frame: Frame) -> Failure:
    """Ends the map run because too many child executions failed."""
    failure = Failure(EXCEED_TOLERATED, "The specified tolerated failure threshold was exceeded")
    body: dict[str, JSONValue] = {"error": failure.error, "cause": failure.cause}
    turn.note(frame, "MapRunFailed", details=lambda: {"mapRunFailedEventDetails": body})
    return failure


def redriven(turn: Turn, frame: Frame, fork: Fork) -> None:
    """Notes that a map run goes on after its execution was redriven."""
    body: dict[str, JSONValue] = {"mapRunArn": fork.run_arn, "redriveCount": turn.execution.redrive_count}
    turn.note(frame, "MapRunRedriven", details=lambda: {"mapRunRedrivenEventDetails": body})
