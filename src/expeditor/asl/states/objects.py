"""ItemReader and ResultWriter: how a distributed map reads its items from objects and writes its results into some."""

from collections.abc import Iterator

from expeditor.asl.commands import ScheduleTask
from expeditor.asl.datasets import DELIMITERS, INPUT_TYPES, Format
from expeditor.asl.execution import Attempt, Failure, Fork, Frame
from expeditor.asl.expressions import constant, numeric, template
from expeditor.asl.fields import Fields
from expeditor.asl.model import Language, Reading, Writing
from expeditor.asl.scope import Expression
from expeditor.asl.turn import Turn, iso
from expeditor.payloads import JSONValue, encode

TRANSFORMATIONS = ("NONE", "COMPACT", "FLATTEN")

READER_FAILED = "States.ItemReaderFailed"
WRITER_FAILED = "States.ResultWriterFailed"


def reading(fields: Fields) -> Reading | None:
    """``ItemReader``, if it is there."""
    inner = fields.mapping("ItemReader")
    if inner is None:
        return None
    inner.require("Resource")
    config = inner.mapping("ReaderConfig") or inner.inner("ReaderConfig", {})
    form, items_max = _format(config), numeric(config, "MaxItems")
    config.end()
    reader = Reading(inner.text("Resource") or "", _arguments(inner), form, items_max)
    inner.end()
    return reader


def _arguments(fields: Fields) -> Expression:
    name = "Arguments" if fields.language is Language.JSONATA else "Parameters"
    return template(fields, name) or constant({})


def _format(config: Fields) -> Format:
    input_type = config.one_of("InputType", INPUT_TYPES) or "JSON"
    location = config.one_of("CSVHeaderLocation", ("FIRST_ROW", "GIVEN"))
    delimiter = config.one_of("CSVDelimiter", DELIMITERS) or "COMMA"
    headers = config.take("CSVHeaders")
    pointer = config.text("ItemsPointer") or ""
    if location == "GIVEN" and not isinstance(headers, list):
        config.find("The field 'CSVHeaders' is required when 'CSVHeaderLocation' is 'GIVEN'")
    given = tuple(str(name) for name in headers) if location == "GIVEN" and isinstance(headers, list) else None
    steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])
    return Format(input_type, given, DELIMITERS[delimiter], steps)


def writing(fields: Fields) -> Writing | None:
    """``ResultWriter``, if it is there."""
    inner = fields.mapping("ResultWriter")
    if inner is None:
        return None
    if not inner.has("Resource") and not inner.has("WriterConfig"):
        inner.find("'Resource' or 'WriterConfig' is required")
    config = inner.mapping("WriterConfig") or inner.inner("WriterConfig", {})
    resource = inner.text("Resource")
    default = "NONE" if resource is not None else "COMPACT"
    transformation = config.one_of("Transformation", TRANSFORMATIONS) or default
    lines = config.one_of("OutputType", ("JSON", "JSONL")) == "JSONL"
    writer = Writing(resource, _arguments(inner), transformation, lines)
    config.end()
    inner.end()
    return writer


def call(turn: Turn, frame: Frame, resource: str, parameters: JSONValue, *, wants_body: bool = False) -> None:
    """Asks for one call on behalf of a map run."""
    task_id = turn.execution.next_task_id
    turn.execution.next_task_id = task_id + 1
    command = ScheduleTask(task_id, resource, parameters, wants_body=wants_body)
    frame.attempt = Attempt(command)
    turn.execution.tasks[task_id] = frame
    turn.commands.append(command)


def transformed(fork: Fork, transformation: str) -> list[JSONValue]:
    """The results of the children that succeeded, as ``WriterConfig`` wants them."""
    if transformation == "NONE":
        return [record(fork, child) for child in _ended(fork, well=True)]
    outputs = [child.output for child in _ended(fork, well=True)]
    if transformation == "FLATTEN":
        return [one for output in outputs for one in (output if isinstance(output, list) else [output])]
    return outputs


def _ended(fork: Fork, *, well: bool) -> Iterator[Frame]:
    for index, (_, failure) in sorted(fork.ends.items()):
        child = fork.children[index]
        if child is not None and (failure is None) is well:
            yield child


def record(fork: Fork, child: Frame) -> JSONValue:
    """What is written about one child execution."""
    at, failure = fork.ends[child.index]
    execution, machine = child.root["Execution"], child.root["StateMachine"]
    assert isinstance(execution, dict)
    assert isinstance(machine, dict)
    status = "SUCCEEDED" if failure is None else "FAILED"
    body: dict[str, JSONValue] = {
        "ExecutionArn": execution["Id"],
        "Input": encode(execution["Input"]).decode(),
        "InputDetails": {"Included": True},
        "Name": execution["Name"],
        "RedriveCount": 0,
        "StartDate": execution["StartTime"],
        "StateMachineArn": machine["Id"],
        "Status": status,
        "StopDate": iso(at),
        **_outcome(child, failure),
    }
    return body


def _outcome(child: Frame, failure: Failure | None) -> dict[str, JSONValue]:
    if failure is None:
        return {
            "Output": encode(child.output).decode(),
            "OutputDetails": {"Included": True},
            "RedriveStatus": "NOT_REDRIVABLE",
            "RedriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
        }
    return {"Error": failure.error, "Cause": failure.cause, "RedriveStatus": "REDRIVABLE"}


def plan_writes(fork: Fork, writer: Writing, arguments: dict[str, JSONValue], run_arn: str) -> JSONValue:
    """Puts what is to be written into the fork and answers the state's result: where the manifest will be."""
    bucket, prefix = arguments.get("Bucket"), str(arguments.get("Prefix", "")).rstrip("/")
    folder = "/".join(part for part in (prefix, run_arn.rsplit(":", 1)[1]) if part)
    files = {
        "SUCCEEDED": transformed(fork, writer.transformation),
        "FAILED": [record(fork, child) for child in _ended(fork, well=False)],
    }
    listing: dict[str, JSONValue] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    for status, records in files.items():
        if records:
            key, text = f"{folder}/{status}_0.{'jsonl' if writer.lines else 'json'}", _written(records, writer)
            listing[status] = [{"Key": key, "Size": len(text)}]
            fork.writes.append({"Bucket": bucket, "Key": key, "Body": text.decode()})
    manifest: JSONValue = {"DestinationBucket": bucket, "MapRunArn": run_arn, "ResultFiles": listing}
    key = f"{folder}/manifest.json"
    fork.writes.append({"Bucket": bucket, "Key": key, "Body": encode(manifest).decode()})
    return {"MapRunArn": run_arn, "ResultWriterDetails": {"Bucket": bucket, "Key": key}}


def _written(records: list[JSONValue], writer: Writing) -> bytes:
    return b"\n".join(encode(one) for one in records) if writer.lines else encode(records)
