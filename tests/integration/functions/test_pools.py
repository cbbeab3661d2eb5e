"""Pools of workers: they grow, queue, refuse, shrink, follow ``$LATEST``, and outlive the loss of any process."""

import asyncio
import json
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from expeditor.functions import FunctionCode, FunctionConfiguration, PoolSettings, refusals

from .conftest import SETTINGS, close_region, open_region

pytestmark = pytest.mark.anyio


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Lets the event loop work until *condition* holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.to_thread(os.sched_yield)


async def test_pool_grows_to_its_limit_and_queues_beyond(region: Any) -> None:
    await region.deploy("handlers.process")

    results = await asyncio.gather(*(region.result(number) for number in range(7)))

    [status] = region.functions.pools()
    assert len({result["pid"] for result in results}) <= 3
    assert (status.processes, status.busy, status.waiting) == (3, 0, 0)


async def test_quick_calls_share_a_worker_instead_of_forking_more(tmp_path: Path) -> None:
    pool = PoolSettings(workers_max=3, patience_seconds=30.0)
    region = open_region(tmp_path, replace(SETTINGS, pool=pool))
    await region.deploy("handlers.process")

    results = await asyncio.gather(*(region.result(number) for number in range(7)))

    assert len({result["pid"] for result in results}) == 1
    await close_region(region)


async def test_calls_that_wait_too_long_get_workers_of_their_own(tmp_path: Path) -> None:
    pool = PoolSettings(workers_max=3, patience_seconds=0.01)
    region = open_region(tmp_path, replace(SETTINGS, pool=pool))
    await region.deploy("handlers.hang", timeout_seconds=1)

    running = [region.functions.invoke("fn", b"1") for _ in range(5)]
    await until(lambda: region.functions.pools()[0].busy == 3)

    assert region.functions.pools()[0].waiting == 2
    await asyncio.gather(*running)
    await close_region(region)


async def test_invocation_beyond_the_queue_is_throttled(region: Any) -> None:
    await region.deploy("handlers.hang", timeout_seconds=1)
    running = [region.functions.invoke("fn", b"1") for _ in range(3 + 4)]

    with pytest.raises(refusals.TooManyRequestsError):
        await region.functions.invoke("fn", b"1")

    answered = [await each for each in running]
    assert all(each.function_error for each in answered)


async def test_idle_workers_and_then_the_template_end(tmp_path: Path) -> None:
    region = open_region(tmp_path, replace(SETTINGS, pool=PoolSettings(workers_max=3, idle_seconds=0.02)))
    await region.deploy("handlers.process")
    first = await region.result()

    await until(lambda: region.functions.pools()[0].processes == 0)
    await until(lambda: not Path(f"/proc/{first['parent']}").exists())

    assert (await region.result())["parent"] != first["parent"]
    await close_region(region)


async def test_change_of_latest_replaces_its_pool_and_lets_calls_finish(region: Any) -> None:
    await region.deploy("handlers.variable", environment={"COLOUR": "blue"})
    before = region.functions.invoke("fn", b"1")

    await region.functions.update_configuration("fn", lambda was: replace(was, environment={"COLOUR": "green"}))

    assert json.loads((await before).payload) == "blue"
    assert await region.result() == "green"
    assert await region.result(name="fn:1") == "blue"


async def test_published_version_keeps_code_and_environment(region: Any, tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "app.py").write_text("def handler(event, context):\n    return 'one'\n")
    await region.functions.create_function(
        "app", FunctionConfiguration("app.handler"), FunctionCode.from_directory(folder), publish=True
    )

    (folder / "app.py").write_text("def handler(event, context):\n    return 'two'\n")
    await region.functions.update_code("app", FunctionCode.from_directory(folder), publish=True)

    assert [await region.result(name=name) for name in ("app:1", "app:2", "app")] == ["one", "two", "two"]


async def test_deleted_function_is_not_found_any_more(region: Any) -> None:
    await region.deploy("handlers.echo")
    assert await region.result(1) == 1

    await region.functions.delete_function("fn")

    with pytest.raises(refusals.ResourceNotFoundError, match="Function not found: arn:aws:lambda"):
        await region.invoke(1)


async def test_weighted_alias_sends_each_version_its_share(region: Any) -> None:
    await region.deploy("handlers.describe", environment={"COLOUR": "blue"})
    await region.functions.update_configuration("fn", lambda was: replace(was, environment={"COLOUR": "green"}))
    await region.functions.publish_version("fn")
    await region.functions.create_alias("fn", "prod", "1", additional_weights={"2": 0.3})

    executed = [(await region.invoke(name="fn:prod")).executed_version for _ in range(400)]

    assert 80 <= executed.count("2") <= 160
    assert executed.count("1") + executed.count("2") == 400


async def test_moved_alias_is_followed_at_once(region: Any) -> None:
    await region.deploy("handlers.variable", environment={"COLOUR": "blue"})
    await region.functions.update_configuration("fn", lambda was: replace(was, environment={"COLOUR": "green"}))
    await region.functions.publish_version("fn")
    await region.functions.create_alias("fn", "prod", "1")
    assert await region.result(name="fn:prod") == "blue"

    await region.functions.update_alias("fn", "prod", lambda was: replace(was, version="2"))
    assert await region.result(name="fn:prod") == "green"

    await region.functions.update_alias("fn", "prod", lambda was: replace(was, version="1"))
    assert await region.result(name="fn:prod") == "blue"


async def test_killed_worker_is_replaced(region: Any) -> None:
    await region.deploy("handlers.process")
    first = await region.result()

    os.kill(first["pid"], signal.SIGKILL)
    await until(lambda: region.functions.pools()[0].processes == 0)

    assert (await region.result())["pid"] != first["pid"]


async def test_killed_template_is_loaded_again(region: Any) -> None:
    await region.deploy("handlers.process")
    first = await region.result()

    os.kill(first["parent"], signal.SIGKILL)
    await until(lambda: region.functions.pools()[0].processes == 0)

    assert (await region.result())["parent"] != first["parent"]


async def test_killed_zygote_fails_what_runs_and_is_started_again(region: Any) -> None:
    await region.deploy("handlers.hang", "hanging", timeout_seconds=60)
    await region.deploy("handlers.process")
    first = await region.result()
    running = region.functions.invoke("hanging", b"1")
    await until(lambda: region.functions.pools()[0].processes == 1 or region.functions.pools()[1].processes == 1)
    zygote = int(Path(f"/proc/{first['parent']}/stat").read_text().rpartition(")")[2].split()[1])

    os.kill(zygote, signal.SIGKILL)

    error = json.loads((await running).payload)
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith("signal: killed")
    assert (await region.result())["pid"] != first["pid"]


async def test_stopped_template_does_not_keep_a_call_for_ever(region: Any) -> None:
    await region.deploy("handlers.process", timeout_seconds=1)
    first = await region.result()
    os.kill(first["pid"], signal.SIGSTOP)
    os.kill(first["parent"], signal.SIGSTOP)

    assert (await region.error())["errorType"] == "Sandbox.Timedout"
    assert (await region.result())["parent"] != first["parent"]


async def test_reply_after_the_timeout_is_too_late(region: Any) -> None:
    await region.deploy("handlers.overrun", timeout_seconds=1)
    first = await region.result(0)
    os.kill(first["parent"], signal.SIGSTOP)

    assert (await region.error(1.2))["errorType"] == "Sandbox.Timedout"
    assert (await region.result(0))["pid"] != first["pid"]


@pytest.mark.parametrize("end", ["deleted", "killed"])
async def test_process_that_a_handler_detached_ends_with_its_version(region: Any, end: str) -> None:
    await region.deploy("handlers.leave_daemon")
    await region.deploy("handlers.leave_daemon", "other")
    left, others = await region.result(), await region.result(name="other")

    if end == "deleted":
        await region.functions.delete_function("fn")
    else:
        os.kill(left["template"], signal.SIGKILL)

    await until(lambda: not Path(f"/proc/{left['daemon']}").exists())
    assert Path(f"/proc/{others['daemon']}").exists()


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Whatever wants another file descriptor is refused by the system."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


async def test_call_that_no_process_can_be_started_for_is_refused_and_never_run(region: Any) -> None:
    await region.deploy("handlers.process")

    with no_descriptor_left(), pytest.raises(refusals.ServiceUnavailableError, match="Too many open files"):
        await region.functions.invoke("fn", b"1")

    assert (await region.result(1))["calls"] == 1


async def test_calls_wait_for_the_workers_there_are_when_no_other_can_be_started(tmp_path: Path) -> None:
    region = open_region(tmp_path, replace(SETTINGS, pool=PoolSettings(workers_max=3, patience_seconds=0.001)))
    await region.deploy("handlers.overrun")
    first = await region.result(0)

    with no_descriptor_left():
        results = await asyncio.gather(*(region.result(0.05) for _ in range(3)))

    assert {result["pid"] for result in results} == {first["pid"]}
    await close_region(region)


async def test_calls_are_refused_when_the_only_worker_ends_and_no_other_can_be_started(region: Any) -> None:
    await region.deploy("handlers.exit_at_once")
    await region.error(1)
    running = [region.functions.invoke("fn", b"1") for _ in range(3 + 4)]

    with no_descriptor_left():
        answers = await asyncio.gather(*running, return_exceptions=True)

    assert sum(isinstance(answer, refusals.ServiceUnavailableError) for answer in answers) == 4


async def test_version_is_loaded_before_its_first_call(region: Any) -> None:
    await region.deploy("handlers.echo")

    region.functions.warm("fn", "1")
    await until(lambda: region.functions.pools()[0].processes == 1)

    assert await region.result(5, "fn:1") == 5


async def test_close_ends_all_and_answers_what_runs(tmp_path: Path) -> None:
    region = open_region(tmp_path)
    await region.deploy("handlers.hang", timeout_seconds=60)
    running = [region.functions.invoke("fn", b"1") for _ in range(5)]
    await until(lambda: region.functions.pools()[0].processes == 3)

    await close_region(region)

    for each in running:
        with pytest.raises(refusals.ServiceUnavailableError):
            await each
    with pytest.raises(refusals.ServiceUnavailableError):
        await region.functions.invoke("fn", b"1")
