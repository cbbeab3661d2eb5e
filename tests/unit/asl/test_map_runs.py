"""Distributed maps that read their items from objects and write their results into some, and their runs."""

import json
from typing import Any

import pytest
from tests.unit.asl.driving import SEED, Driven, machine_of, task
from tests.unit.asl.test_maps import spread

from expeditor.asl import MapRunUpdated, TaskSucceeded
from expeditor.asl.datasets import DatasetError, Format, read_items

READER = {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key.$": "$.key"}}
WRITER = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "out", "Prefix": "jobs"}}
PASS = machine_of(A={"Type": "Pass", "End": True})


def read(run: Driven, body: bytes) -> Driven:
    return run.send(TaskSucceeded(run.now, SEED, run.execution.pending_tasks[0].task_id, body))


@pytest.mark.parametrize(
    ("body", "form", "items"),
    [
        (b"[1,2]", Format(), [1, 2]),
        (b'{"a":{"b":[1]}}', Format(pointer=("a", "b")), [1]),
        (b'{"n":1}\n\n{"n":2}\n', Format("JSONL"), [{"n": 1}, {"n": 2}]),
        (b'\xef\xbb\xbfid,name\n1,"a,b"\n2\n', Format("CSV"), [{"id": "1", "name": "a,b"}, {"id": "2", "name": ""}]),
        (b"1|x\r\n", Format("CSV", ("id", "name"), "|"), [{"id": "1", "name": "x"}]),
    ],
)
def test_objects_are_read_as_their_format_says(body: bytes, form: Format, items: list[Any]) -> None:
    assert read_items(body, form, None) == items
    assert read_items(body, form, 1) == items[:1]


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b"{", Format()),
        (b"{}", Format()),
        (b"[]", Format(pointer=("a",))),
        (b"1\n{", Format("JSONL")),
        (b"\xff\xfe", Format("CSV")),
    ],
)
def test_what_is_not_of_the_format_is_refused(body: bytes, form: Format) -> None:
    with pytest.raises(DatasetError):
        read_items(body, form, None)


def test_the_items_are_read_from_an_object() -> None:
    reader = {**READER, "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "MaxItems": 2}}
    run = Driven(machine_of(Each=spread(PASS, ItemReader=reader)), {"key": "k"})
    assert (run.scheduled[0].resource, run.scheduled[0].wants_body) == ("arn:aws:states:::s3:getObject", True)
    assert run.scheduled[0].parameters == {"Bucket": "b", "Key": "k"}

    read(run, b"n\n1\n2\n3\n")

    assert run.output == [{"n": "1"}, {"n": "2"}]


def test_an_object_that_cannot_be_read_fails_the_map_run() -> None:
    catch = [{"ErrorEquals": ["States.ItemReaderFailed"], "Next": "Sorry"}]
    state = spread(PASS, ItemReader=READER, Catch=catch)
    run = Driven(machine_of(Each=state, Sorry={"Type": "Succeed"}), {"key": "k"})

    run.fail("S3.NoSuchKey", "no such key")

    assert run.output == {"Error": "States.ItemReaderFailed", "Cause": "no such key"}
    assert run.types[4:7] == ["MapRunFailed", "MapStateFailed", "MapStateExited"]
    assert [one.status for one in run.execution.map_runs.values()] == ["FAILED"]


def test_a_redrive_reads_again_what_could_not_be_read() -> None:
    run = Driven(machine_of(Each=spread(PASS, ItemReader=READER)), {"key": "k"})
    read(run, b"nonsense")
    assert run.execution.error == "States.ItemReaderFailed"

    assert run.redrive().scheduled[0].wants_body
    assert read(run, b"[1]").output == [1]


def test_results_are_written_with_a_manifest() -> None:
    state = spread(machine_of(A=task()), ResultWriter=WRITER, ToleratedFailureCount=1)
    run = Driven(machine_of(Each=state), [1, 2])
    run.succeed("one", task_id=1).fail("E", "why", task_id=2)

    written: dict[str, Any] = {}
    while run.scheduled:
        parameters = run.scheduled[0].parameters
        assert isinstance(parameters, dict)
        written[str(parameters["Key"]).rpartition("/")[2]] = json.loads(str(parameters["Body"]))
        run.succeed({"ETag": "x"})

    (map_run,) = run.execution.map_runs.values()
    folder = f"jobs/{map_run.arn.rpartition(':')[2]}"
    assert run.output == {
        "MapRunArn": map_run.arn,
        "ResultWriterDetails": {"Bucket": "out", "Key": f"{folder}/manifest.json"},
    }
    assert list(written) == ["SUCCEEDED_0.json", "FAILED_0.json", "manifest.json"]
    assert (written["SUCCEEDED_0.json"][0]["Input"], written["SUCCEEDED_0.json"][0]["Output"]) == ("1", '"one"')
    assert (written["FAILED_0.json"][0]["Status"], written["FAILED_0.json"][0]["Error"]) == ("FAILED", "E")
    assert written["manifest.json"]["ResultFiles"]["FAILED"][0]["Key"] == f"{folder}/FAILED_0.json"


def test_a_failed_write_fails_the_state_and_a_redrive_writes_again() -> None:
    run = Driven(machine_of(Each=spread(PASS, ResultWriter=WRITER)), [1])
    run.fail("S3.NoSuchBucket")
    assert run.execution.error == "States.ResultWriterFailed"

    assert run.redrive().scheduled
    run.succeed({}).succeed({})
    assert run.status == "SUCCEEDED"


@pytest.mark.parametrize(("transformation", "expected"), [("FLATTEN", [1, 2, 3]), ("COMPACT", [[1, 2], 3])])
def test_results_are_transformed_without_being_written(transformation: str, expected: list[Any]) -> None:
    writer = {"WriterConfig": {"Transformation": transformation, "OutputType": "JSON"}}

    assert Driven(machine_of(Each=spread(PASS, ResultWriter=writer)), [[1, 2], 3]).output == expected


def test_a_map_run_counts_its_children() -> None:
    run = Driven(machine_of(Each=spread(machine_of(A=task()), MaxConcurrency=2, ToleratedFailureCount=5)), [1, 2, 3, 4])
    run.succeed(0, task_id=1).fail("E", task_id=2)

    (map_run,) = run.execution.map_runs.values()
    assert (map_run.total, map_run.running, map_run.succeeded, map_run.failed) == (4, 2, 1, 1)
    run.abort()
    assert (map_run.status, map_run.running) == ("ABORTED", 0)


def test_a_map_run_can_be_updated_while_it_runs() -> None:
    run = Driven(machine_of(Each=spread(machine_of(A=task()), MaxConcurrency=1)), [1, 2, 3])
    (arn,) = run.execution.map_runs

    run.send(MapRunUpdated(run.now, SEED, arn, running_max=3, failed_max=3))

    assert len(run.scheduled) == 2
    for _ in range(3):
        run.fail("E")
    assert run.output == []


def test_a_map_run_can_be_updated_while_its_items_are_read() -> None:
    run = Driven(machine_of(Each=spread(PASS, ItemReader=READER)), {"key": "k"})
    (arn,) = run.execution.map_runs

    run.send(MapRunUpdated(run.now, SEED, arn, running_max=1))

    assert (run.status, run.execution.map_runs[arn].running_max) == ("RUNNING", 1)
    assert read(run, b"[1,2]").output == [1, 2]


def test_a_map_run_can_be_updated_while_its_results_are_written() -> None:
    run = Driven(machine_of(Each=spread(PASS, ResultWriter=WRITER)), [1, 2])
    (arn,) = run.execution.map_runs

    run.send(MapRunUpdated(run.now, SEED, arn, failed_max=1))

    assert (run.status, run.scheduled) == ("RUNNING", [])
    run.succeed({})
    assert "ResultWriterDetails" in run.succeed({}).output


def test_a_selector_that_fails_stops_what_was_started() -> None:
    state = {"Type": "Map", "ItemProcessor": machine_of(A=task()), "ItemSelector": {"v.$": "$[1].v"}, "End": True}
    selector = {"v.$": "$$.Map.Item.Value.v"}
    run = Driven(machine_of(Each={**state, "ItemSelector": selector, "MaxConcurrency": 2}), [{"v": 1}, {"v": 2}, {}])
    assert len(run.scheduled) == 2

    run.succeed({})

    assert (run.status, run.execution.pending_tasks) == ("FAILED", [])


def test_items_are_counted_apart_from_the_child_executions_that_get_them() -> None:
    batched = spread(machine_of(A=task()), ItemBatcher={"MaxItemsPerBatch": 2}, ToleratedFailureCount=2)
    run = Driven(machine_of(Each=batched), [1, 2, 3, 4, 5])
    [counted] = run.execution.map_runs.values()
    assert (counted.total, counted.items, counted.running, counted.running_items) == (3, 5, 3, 5)

    run.succeed("a", task_id=1).fail("E", task_id=2)
    assert (counted.succeeded_items, counted.failed_items, counted.running_items) == (2, 2, 1)

    run.succeed("c", task_id=3)
    assert (counted.status, counted.succeeded_items, counted.running_items) == ("SUCCEEDED", 3, 0)
    assert counted.results_written == 0
