"""What a distributed map has beyond an inline one: child executions, batches, tolerated failures, a map run."""

import math
from collections.abc import Iterator

from expeditor.asl.commands import ExecutionStatus
from expeditor.asl.execution import HISTORY_EVENTS_MAX, Failure, Fork, Frame, MapRun, Tally
from expeditor.asl.expressions import numeric, template
from expeditor.asl.fields import Fields
from expeditor.asl.model import Batching, Distribution, MapState, Tolerance
from expeditor.asl.scope import EvaluationError, Expression, Scope
from expeditor.asl.states import objects
from expeditor.asl.turn import Turn, iso
from expeditor.payloads import JSONValue, encode

RUNNING_MAX = 10_000
"""Child executions that run at once. Source: Step Functions service quotas."""

LABEL_CHARACTERS_MAX = 40
LABEL_FORBIDDEN = frozenset(' ?*<>{}[]:;,\\|^~$#%&`"\r\n\t\0')

TOO_MANY_FAILED = Failure(
    "States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded"
)


def distribution(fields: Fields) -> Distribution | None:
    """What makes a Map distributed; None for an inline one."""
    processor = fields.raw.get("ItemProcessor", fields.raw.get("Iterator"))
    config = processor.get("ProcessorConfig") if isinstance(processor, dict) else None
    mode = config.get("Mode") if isinstance(config, dict) else None
    if mode not in (None, "INLINE", "DISTRIBUTED"):
        fields.find("The field 'Mode' should have one of these values: [INLINE, DISTRIBUTED]", "ItemProcessor")
    found = Distribution(
        label=_label(fields),
        tolerance=Tolerance(
            numeric(fields, "ToleratedFailureCount"), numeric(fields, "ToleratedFailurePercentage", whole=False)
        ),
        batching=_batching(fields),
        reading=objects.reading(fields),
        writing=objects.writing(fields),
    )
    if mode != "DISTRIBUTED":
        return None
    if fields.express:
        fields.find("Express state machine does not support Distributed Map", "ItemProcessor")
    return found


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


def count(read: Expression | None, scope: Scope) -> float | None:
    """The number that *read* gives, None without it."""
    value = None if read is None else read(scope)
    return value if isinstance(value, int | float) else None


def batches(batching: Batching, items: list[JSONValue], scope: Scope) -> list[JSONValue]:
    """The inputs of the child executions: *items* in batches."""
    head = {} if batching.batch_input is None else {"BatchInput": batching.batch_input(scope)}
    items_max = count(batching.items_max, scope) or math.inf
    bytes_max = count(batching.bytes_max, scope) or math.inf
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


def begin(turn: Turn, frame: Frame, distribution: Distribution, scope: Scope) -> MapRun:
    """Starts the map run."""
    percentage = count(distribution.tolerance.percentage, scope)
    if percentage is not None and not 0 <= percentage <= 100:
        raise EvaluationError("States.Runtime", "The ToleratedFailurePercentage must be between 0 and 100")
    run = MapRun(
        arn=_run_arn(turn, frame, distribution),
        started_at=turn.at,
        running_max=0,
        failed_max=count(distribution.tolerance.count, scope),
        failed_percentage_max=percentage,
    )
    turn.execution.map_runs[run.arn] = run
    turn.note(frame, "MapRunStarted", details=lambda: {"mapRunStartedEventDetails": {"mapRunArn": run.arn}})
    return run


def _run_arn(turn: Turn, frame: Frame, distribution: Distribution) -> str:
    machine = turn.execution.context.state_machine_arn.replace(":stateMachine:", ":mapRun:")
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
    tally = Tally(HISTORY_EVENTS_MAX - 1, child=True)
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


def item_count(frame: Frame, fork: Fork, index: int) -> int:
    """Items that one child execution works on: those of its batch, or one."""
    state, value = frame.state, fork.items[index]
    assert isinstance(state, MapState)
    if state.distribution is None or state.distribution.batching is None or not isinstance(value, dict):
        return 1
    batch = value["Items"]
    return len(batch) if isinstance(batch, list) else 1


def count_end(turn: Turn, frame: Frame, child: Frame, failure: Failure | None) -> None:
    """Counts one child that ended."""
    fork = frame.fork
    assert fork is not None
    run, items = fork.run, item_count(frame, fork, child.index)
    assert run is not None
    fork.ends[child.index] = (turn.at, failure)
    run.running -= 1
    run.running_items -= items
    if failure is None:
        run.succeeded += 1
        run.succeeded_items += items
    else:
        run.failed += 1
        run.failed_items += items


def end(turn: Turn, frame: Frame, run: MapRun) -> None:
    """Ends the map run well."""
    run.stop(ExecutionStatus.SUCCEEDED, turn.at)
    turn.note(frame, "MapRunSucceeded")


def fail(turn: Turn, frame: Frame, run: MapRun, failure: Failure) -> None:
    """Ends the map run badly."""
    run.stop(ExecutionStatus.FAILED, turn.at)
    body: dict[str, JSONValue] = {"error": failure.error, "cause": failure.cause}
    turn.note(frame, "MapRunFailed", details=lambda: {"mapRunFailedEventDetails": body})


def redriven(turn: Turn, frame: Frame, run: MapRun) -> None:
    """Goes on with a map run whose execution was redriven."""
    run.status, run.stopped_at, run.redriven_at = ExecutionStatus.RUNNING, None, turn.at
    run.redrive_count += 1
    run.failed = run.failed_items = 0
    body: dict[str, JSONValue] = {"mapRunArn": run.arn, "redriveCount": run.redrive_count}
    turn.note(frame, "MapRunRedriven", details=lambda: {"mapRunRedrivenEventDetails": body})
