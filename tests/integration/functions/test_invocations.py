"""Handlers in real processes: what they get, what they return, and what their errors look like."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from expeditor.functions import FunctionCode, FunctionConfiguration, refusals

pytestmark = pytest.mark.anyio


async def test_result_is_json_text_of_what_the_handler_returned(region: Any) -> None:
    await region.deploy("handlers.echo")

    invocation = await region.invoke({"order_id": "o-1", "cities": ["Chicago", "Zürich"]})

    assert json.loads(invocation.payload) == {"order_id": "o-1", "cities": ["Chicago", "Zürich"]}
    assert (invocation.function_error, invocation.executed_version) == (None, "$LATEST")


async def test_bytes_are_the_result_as_they_are(region: Any) -> None:
    await region.deploy("handlers.text_bytes")

    assert (await region.invoke()).payload == b'{"already": "JSON"}'


async def test_empty_payload_is_an_empty_object(region: Any) -> None:
    await region.deploy("handlers.echo")

    assert (await region.functions.invoke("fn", b"")).payload == b"{}"


async def test_article_arn_of_another_account_finds_the_local_version(region: Any) -> None:
    await region.deploy("handlers.describe", "fraud-scan")
    await region.functions.update_configuration("fraud-scan", lambda was: replace(was, timeout_seconds=7))
    await region.functions.publish_version("fraud-scan")

    described = await region.result(None, "arn:aws:lambda:us-east-1:1234567890:function:fraud-scan:2")

    assert described["version"] == "2"
    assert described["arn"] == "arn:aws:lambda:us-east-1:000000000000:function:fraud-scan:2"


async def test_context_has_lambdas_attributes(region: Any) -> None:
    await region.deploy("handlers.describe", memory_mb=256, timeout_seconds=9)

    invocation = await region.invoke(name="fn:1", client_context=b'{"custom": {"a": 1}}')

    described = json.loads(invocation.payload)
    assert described.pop("log_stream").startswith("20")
    assert 8000 < described.pop("remaining_ms") <= 9000
    assert described == {
        "request_id": invocation.request_id,
        "name": "fn",
        "version": "1",
        "arn": "arn:aws:lambda:us-east-1:000000000000:function:fn:1",
        "memory": "256",
        "log_group": "/aws/lambda/fn",
        "custom": {"a": 1},
        "cognito": None,
    }


async def test_environment_is_exactly_the_allowed_one(region: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_SECRET", "never seen")
    await region.deploy("handlers.environment", environment={"COLOUR": "blue"})

    variables = await region.result()

    assert set(variables) == {
        *("AWS_ACCESS_KEY_ID", "AWS_CONFIG_FILE", "AWS_DEFAULT_REGION", "AWS_EC2_METADATA_DISABLED"),
        *("AWS_ENDPOINT_URL", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME"),
        *("AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME"),
        *("AWS_LAMBDA_LOG_STREAM_NAME", "AWS_REGION", "AWS_SHARED_CREDENTIALS_FILE", "COLOUR", "LAMBDA_TASK_ROOT"),
        *("LANG", "PATH", "TZ", "_HANDLER"),
    }
    assert variables["COLOUR"] == "blue"


async def test_no_descriptor_is_inherited(region: Any) -> None:
    await region.deploy("handlers.descriptors")

    found = await region.result()

    assert found.pop("0") == "/dev/null"
    assert found.pop("1") == found.pop("2") == "/memfd:output (deleted)"
    assert found.pop("3").startswith("socket:")
    assert found == {}


async def test_handler_sees_its_artifact_and_nothing_of_the_node(region: Any) -> None:
    version = await region.deploy("handlers.place")

    place = await region.result()

    assert place["path"] == place["folder"] == str(region.home / "artifacts" / version.artifact)
    assert not [module for module in place["modules"] if module.split(".")[0] in ("expeditor", "asyncio", "apsw")]


async def test_worker_is_kept_and_forked_from_a_loaded_template(region: Any) -> None:
    await region.deploy("handlers.process")

    first, second = await region.result(1), await region.result(2)

    assert first["pid"] == second["pid"]
    assert second["calls"] == 2
    assert first["loaded_by"] == first["parent"] != first["pid"]


async def test_module_that_opens_files_is_imported_by_each_worker(region: Any) -> None:
    await region.deploy("opens_file.handler")

    loaded = await region.result()

    assert loaded["loaded_by"] == loaded["pid"]


async def test_exception_is_an_error_object_with_lambdas_stack_trace(region: Any) -> None:
    await region.deploy("handlers.raise_error")

    error = await region.error()

    assert (error["errorType"], error["errorMessage"]) == ("NoGoodError", "the card was declined")
    assert error["requestId"] == error["id"]
    assert len(error["stackTrace"]) == 1
    assert error["stackTrace"][0].startswith('  File "/var/task/handlers.py", line ')
    assert ", in raise_error\n    raise NoGoodError" in error["stackTrace"][0]
    assert "about to fail\n[ERROR] NoGoodError: the card was declined\nTraceback" in error["log"]


async def test_timeout_kills_the_worker_and_keeps_what_it_printed(region: Any) -> None:
    await region.deploy("handlers.hang", timeout_seconds=1)

    error = await region.error()

    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"] == f"RequestId: {error['id']} Error: Task timed out after 1.00 seconds"
    assert "before the hang\n" in error["log"]
    assert f"Z {error['id']} Task timed out after 1.00 seconds\n" in error["log"]
    assert "Status: timeout" in error["log"]


@pytest.mark.parametrize(
    ("handler", "event", "reason"),
    [
        ("exit_at_once", 1, "Runtime exited with error: exit status 1"),
        ("exit_at_once", 0, "Runtime exited without providing a reason"),
        ("exit_politely", 5, "Runtime exited with error: exit status 5"),
        ("segfault", None, "Runtime exited with error: signal: segmentation fault"),
        ("kill_itself", 9, "Runtime exited with error: signal: killed"),
        ("kill_itself", 40, "Runtime exited with error: signal: signal 40"),
        ("write_frames", None, "Runtime exited with error: signal: killed"),
    ],
)
async def test_crash_costs_one_invocation(region: Any, handler: str, event: Any, reason: str) -> None:
    await region.deploy(f"handlers.{handler}")
    await region.deploy("handlers.echo", "other")

    error = await region.error(event)

    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"] == f"RequestId: {error['id']} Error: {reason}"
    assert (await region.error(event))["errorType"] == "Runtime.ExitError"
    assert await region.result(1, "other") == 1


async def test_crash_is_seen_whatever_a_module_does_to_signals(region: Any) -> None:
    await region.deploy("ignores_children.handler")

    assert (await region.error(3))["errorMessage"].endswith("Runtime exited with error: exit status 3")


async def test_output_of_a_crashed_worker_is_in_the_log(region: Any) -> None:
    await region.deploy("handlers.exit_at_once")

    assert "last words\n" in (await region.error(1))["log"]


@pytest.mark.parametrize("concurrency", ["1", "4"])
async def test_reason_of_a_worker_that_ends_itself_is_in_the_log(region: Any, concurrency: str) -> None:
    await region.deploy("handlers.exit_politely", environment={"EXPEDITOR_MAX_CONCURRENCY": concurrency})

    error = await region.error("no stock")

    assert "no stock\n" in error["log"]
    assert error["errorMessage"].endswith("Runtime exited with error: exit status 1")


async def test_memory_above_the_limit_is_out_of_memory_and_replaces_the_worker(region: Any) -> None:
    await region.deploy("handlers.eat_memory", memory_mb=128)

    assert await region.result(64) == 64
    error = await region.error(400)
    assert error["errorType"] == "Runtime.OutOfMemory"
    assert error["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert await region.result(64) == 64


async def test_result_whose_text_takes_more_memory_than_there_is_is_out_of_memory(region: Any) -> None:
    await region.deploy("handlers.return_often", memory_mb=128, timeout_seconds=20)

    assert (await region.error(400_000))["errorType"] == "Runtime.OutOfMemory"
    assert await region.result(1) == ["x" * 1000]


async def test_endless_recursion_is_an_error_of_the_handler(region: Any) -> None:
    await region.deploy("handlers.recurse")

    assert (await region.error())["errorType"] == "RecursionError"


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        ("return_set", "Unable to marshal response: Object of type set is not JSON serializable"),
        ("return_nan", "Unable to marshal response: Out of range float values are not JSON compliant"),
        ("return_decimal", "Unable to marshal response: Object of type Decimal is not JSON serializable"),
        ("return_surrogate", "Unable to marshal response: 'utf-8' codec can't encode character"),
    ],
)
async def test_result_that_is_no_json_is_a_marshal_error(region: Any, handler: str, message: str) -> None:
    await region.deploy(f"handlers.{handler}")

    error = await region.error()

    assert error["errorType"] == "Runtime.MarshalError"
    assert error["errorMessage"].startswith(message)


async def test_error_message_that_is_no_unicode_text_is_still_json(region: Any) -> None:
    await region.deploy("handlers.raise_surrogate")

    assert (await region.error())["errorMessage"] == "?"


async def test_payload_that_is_no_json_is_an_unmarshal_error(region: Any) -> None:
    await region.deploy("handlers.echo")

    invocation = await region.functions.invoke("fn", b'{"a": ')

    assert json.loads(invocation.payload)["errorType"] == "Runtime.UnmarshalError"


async def test_result_may_have_six_megabytes_and_no_more(region: Any) -> None:
    await region.deploy("handlers.return_much", timeout_seconds=20)

    assert len(await region.result(6_000_000)) == 6_000_000
    error = await region.error(6_300_000)
    assert error["errorType"] == "Function.ResponseSizeTooLarge"


async def test_event_above_six_megabytes_is_refused(region: Any) -> None:
    await region.deploy("handlers.echo")

    with pytest.raises(refusals.RequestTooLargeError):
        await region.functions.invoke("fn", b" " * 7_000_000)


async def test_large_event_arrives_whole(region: Any) -> None:
    await region.deploy("handlers.echo", timeout_seconds=20)
    event = {"items": ["x" * 100] * 30_000}

    assert await region.result(event) == event


@pytest.mark.parametrize(
    ("handler", "error_type", "message"),
    [
        ("handlers.nothing", "Runtime.HandlerNotFound", "Handler 'nothing' missing on module 'handlers'"),
        ("absent.handler", "Runtime.ImportModuleError", "Unable to import module 'absent': No module named 'absent'"),
        (
            "needs_module.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'needs_module': No module named 'module_that_is_not_there'",
        ),
        ("sys.exit", "Runtime.BuiltInModuleConflict", "Cannot use built-in module sys as a handler module"),
        (
            "handler",
            "Runtime.MalformedHandlerName",
            "Bad handler 'handler': not enough values to unpack (expected 2, got 1)",
        ),
        ("raises.handler", "ValueError", "not today"),
    ],
)
async def test_handler_that_cannot_be_loaded(region: Any, handler: str, error_type: str, message: str) -> None:
    await region.deploy(handler)

    error = await region.error()

    assert (error["errorType"], error["errorMessage"], error["requestId"]) == (error_type, message, error["id"])


async def test_error_of_any_length_while_loading_is_reported(region: Any) -> None:
    await region.deploy("raises_much.handler")

    error = await region.error()

    assert (error["errorType"], error["requestId"]) == ("RuntimeError", error["id"])
    assert error["errorMessage"].startswith("ööö")
    assert ", in innermost\n" in error["stackTrace"][-1]


async def test_module_that_ends_its_process_is_an_exit_error(region: Any) -> None:
    await region.deploy("exits.handler")

    error = await region.error()

    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith("Runtime exited with error: exit status 7")


async def test_syntax_error_names_file_and_line(region: Any, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "app.py").write_text("def handler(event, context)\n    return 1\n")
    code = FunctionCode.from_directory(folder)
    await region.functions.create_function("broken", FunctionConfiguration("app.handler"), code)

    error = await region.error(name="broken")

    assert error["errorType"] == "Runtime.UserCodeSyntaxError"
    assert error["errorMessage"].startswith("Syntax error in module 'app': expected ':'")
    assert error["stackTrace"][0].startswith('  File "/var/task/app.py" Line 1')


async def test_import_that_fails_is_not_tried_again_at_once(region: Any) -> None:
    await region.deploy("raises.handler")

    errors = [await region.error() for _ in range(5)]

    loads = [record for record in region.functions.logs("fn") if "while loading" in record.text]
    assert len(loads) == 1
    assert len({error["requestId"] for error in errors}) == 5


async def test_log_has_lambdas_lines_and_everything_printed(region: Any) -> None:
    await region.deploy("handlers.talk")

    invocation = await region.invoke()

    lines = invocation.log_tail.decode().splitlines()
    request_id = invocation.request_id
    assert lines[0] == f"START RequestId: {request_id} Version: $LATEST"
    assert lines[1:3] == ["printed ö", "to stderr"]
    assert "from a subprocess" in lines
    logged = next(line for line in lines if "logged 1" in line)
    assert logged.split("\t")[-2:] == [request_id, "logged 1"]
    assert "[WARNING]\t20" in logged
    assert not [line for line in lines if "too quiet" in line]
    assert lines[-2] == f"END RequestId: {request_id}"
    assert lines[-1].startswith(f"REPORT RequestId: {request_id}\tDuration: ")
    assert "\tMemory Size: 128 MB\tMax Memory Used: " in lines[-1]


async def test_output_of_any_size_does_not_stop_the_handler(region: Any) -> None:
    await region.deploy("handlers.talk_much", timeout_seconds=20)

    assert await region.result(5000) == "done"
    [record] = region.functions.logs("fn")
    assert len(record.text) < 1_100_000
    assert "\n4999 yyy" in record.text


async def test_threads_that_print_much_at_once_all_find_room(region: Any) -> None:
    await region.deploy("handlers.talk_in_threads", timeout_seconds=20)

    assert await region.result(1000) == []


@pytest.mark.parametrize("what", ["stream", "name", "descriptor"])
async def test_handler_without_its_standard_output_is_answered_as_any_other(region: Any, what: str) -> None:
    await region.deploy("handlers.lose_output")

    assert await region.result({"lose": what}) == "done"
    assert (await region.error({"lose": what, "fail": True}))["errorType"] == "NoGoodError"


async def test_error_is_logged_whatever_sys_stdout_is(region: Any) -> None:
    await region.deploy("handlers.lose_output")

    error = await region.error({"lose": "stream", "fail": True})

    assert "before\nunfinished line[ERROR] NoGoodError: the card was declined\n" in error["log"]


async def test_logs_are_found_by_request_id(region: Any) -> None:
    await region.deploy("handlers.echo")
    wanted = (await region.invoke(1)).request_id
    await region.invoke(2)

    [record] = region.functions.logs("fn", request_id=wanted)

    assert (record.request_id, record.version, record.failed) == (wanted, "$LATEST", False)
    assert record.text.startswith(f"START RequestId: {wanted}")


async def test_log_line_that_was_cut_off_does_not_spoil_the_next(region: Any) -> None:
    await region.deploy("handlers.talk")
    first = await region.invoke()
    assert region.functions.logs("fn", request_id=first.request_id)
    with (region.home / "logs" / "fn" / "$LATEST.log").open("ab") as file:
        file.write(b'[1700000000.0,false,["cut o')

    second = await region.invoke()

    found = region.functions.logs("fn")
    assert [record.request_id for record in found] == [first.request_id, second.request_id]


async def test_child_that_a_crashed_handler_left_is_killed(region: Any) -> None:
    await region.deploy("handlers.leave_child")
    await region.deploy("handlers.process", "other")
    worker = await region.result("stay")
    assert Path(f"/proc/{worker}").exists()

    await region.functions.close()

    assert not Path(f"/proc/{worker}").exists()


async def test_child_that_returns_from_the_handler_answers_nobody(region: Any, tmp_path: Path) -> None:
    await region.deploy("handlers.fork")
    gate = tmp_path / "gate"
    os.mkfifo(gate)

    assert await region.result({"child_waits_at": str(gate)}) == "parent"
    assert await region.result({"open": str(gate)}) == "next"


async def test_children_that_print_much_at_once_do_not_end_the_worker(region: Any) -> None:
    await region.deploy("handlers.talk_in_children", timeout_seconds=20)

    assert await region.result(100) == [0, 0, 0, 0]


async def test_paused_function_throttles_until_it_is_resumed(region: Any) -> None:
    await region.deploy("handlers.echo")
    await region.invoke()

    await region.functions.pauses.pause("fn")

    with pytest.raises(refusals.TooManyRequestsError, match="paused"):
        await region.invoke()
    await region.functions.pauses.resume("fn")
    assert (await region.invoke()).function_error is None


async def test_unknown_function_is_not_paused(region: Any) -> None:
    with pytest.raises(refusals.ResourceNotFoundError):
        await region.functions.pauses.pause("nobody")


async def test_pause_ends_with_its_function(region: Any) -> None:
    await region.deploy("handlers.echo")
    await region.functions.pauses.pause("fn")

    await region.functions.delete_function("fn")

    assert not region.functions.pauses.is_paused("fn")


async def test_logs_that_cannot_be_written_hold_no_invocation_up(region: Any, caplog: pytest.LogCaptureFixture) -> None:
    in_the_way = region.home / "logs" / "fn"
    in_the_way.parent.mkdir(exist_ok=True)
    in_the_way.touch()
    await region.deploy("handlers.print_much")

    for _ in range(2):
        assert await region.result(300_000) == 300_000
    in_the_way.unlink()
    assert await region.result(1) == 1

    [record] = region.functions.logs("fn")
    assert "REPORT RequestId" in record.text
    told = [each.getMessage() for each in caplog.records if each.name == "expeditor.functions.logs"]
    assert [each.partition(" (")[0].partition(";")[0] for each in told] == [
        "logs of functions cannot be written and are left out",
        "logs of functions are written again",
    ]
    assert told[1].endswith("those of 2 invocations are missing")
