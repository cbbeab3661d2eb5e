"""Invocations that share a process: they wait side by side; what befalls one befalls the others as little as can be."""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from expeditor.functions import PoolSettings, refusals

from .conftest import SETTINGS, Region, close_region, open_region
from .test_pools import until

pytestmark = pytest.mark.anyio

TOGETHER = {"EXPEDITOR_MAX_CONCURRENCY": "4"}


@pytest.fixture
async def roomy(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Region]:
    """A region whose functions get a worker for each call at once."""
    pool = PoolSettings(workers_max=2, patience_seconds=0.0, idle_seconds=60.0)
    opened = open_region(tmp_path, replace(SETTINGS, pool=pool))
    yield opened
    await close_region(opened)


async def deploy(region: Region, handler: str, **configuration: Any) -> None:
    await region.deploy(f"sharing.{handler}", environment=TOGETHER, **configuration)


async def test_invocations_that_wait_are_in_one_process_at_the_same_time(roomy: Region) -> None:
    await deploy(roomy, "meet")

    pids = await asyncio.gather(*(roomy.result(4) for _ in range(4)))

    assert len(set(pids)) == 1


async def test_invocations_that_find_no_room_get_another_process(roomy: Region) -> None:
    await deploy(roomy, "meet")

    pids = await asyncio.gather(*(roomy.result(4) for _ in range(8)))

    assert sorted(pids.count(pid) for pid in set(pids)) == [4, 4]


async def test_each_invocation_has_what_it_printed_in_its_own_log(roomy: Region) -> None:
    await deploy(roomy, "report")

    invocations = await asyncio.gather(*(roomy.invoke(number) for number in range(4)))

    assert len({invocation.payload for invocation in invocations}) == 1
    for number, invocation in enumerate(invocations):
        log = invocation.log_tail.decode()
        assert [line for line in log.splitlines() if f" of {number}" in line] == [
            f"print of {number}",
            f"stderr of {number}",
            next(line for line in log.splitlines() if line.endswith(f"{invocation.request_id}\tlog of {number}")),
        ]
        assert log.count(" of ") == 3


async def test_call_that_waits_too_long_leaves_its_process_to_the_others_and_never_goes_on(
    roomy: Region, tmp_path: Path
) -> None:
    await deploy(roomy, "wait", timeout_seconds=1)
    os.mkfifo(tmp_path / "pipe")
    event = {"pipe": str(tmp_path / "pipe"), "went_on": str(tmp_path / "went_on")}
    waiting = asyncio.ensure_future(roomy.error(event))
    pids = set()
    while not waiting.done():
        pids.add(await roomy.result())

    error = await waiting
    pipe = os.open(event["pipe"], os.O_RDWR)
    os.write(pipe, b"x")

    assert error["errorType"] == "Sandbox.Timedout"
    assert "before the wait" in error["log"]
    assert "Task timed out after 1.00 seconds" in error["log"]
    assert pids == {await roomy.result()}
    assert not (tmp_path / "went_on").exists()
    os.close(pipe)


async def test_call_that_waited_too_long_does_not_go_on_when_its_process_ends(roomy: Region, tmp_path: Path) -> None:
    await deploy(roomy, "wait", timeout_seconds=1)
    os.mkfifo(tmp_path / "pipe")
    error = await roomy.error({"pipe": str(tmp_path / "pipe"), "went_on": str(tmp_path / "went_on")})
    [pid] = re.findall(r"before the wait of process (\d+)", error["log"])

    await until(lambda: not Path(f"/proc/{pid}").exists())

    assert not (tmp_path / "went_on").exists()


async def test_wait_ends_when_something_arrives(roomy: Region, tmp_path: Path) -> None:
    await deploy(roomy, "wait", timeout_seconds=60)
    os.mkfifo(tmp_path / "pipe")
    pipe = os.open(tmp_path / "pipe", os.O_RDWR)
    event = {"pipe": str(tmp_path / "pipe"), "went_on": str(tmp_path / "went_on")}
    waiting = asyncio.ensure_future(roomy.result(event))
    await roomy.result()

    os.write(pipe, b"x")

    assert await waiting is True
    os.close(pipe)


async def test_wait_ends_when_its_time_is_up(roomy: Region, tmp_path: Path) -> None:
    await deploy(roomy, "wait", timeout_seconds=60)
    os.mkfifo(tmp_path / "pipe")

    arrived = await roomy.result(
        {"pipe": str(tmp_path / "pipe"), "went_on": str(tmp_path / "went_on"), "seconds": 0.001}
    )

    assert arrived is False


async def test_wait_to_write_ends_when_there_is_room(roomy: Region) -> None:
    await deploy(roomy, "write", timeout_seconds=60)

    assert await roomy.result() == [False, True]


@pytest.mark.parametrize(
    ("event", "error_type", "words"),
    [
        ("compute", "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
        ("crash", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("hoard", "Runtime.OutOfMemory", "Runtime exited with error: signal: killed"),
    ],
)
async def test_call_that_costs_the_process_costs_the_neighbours_and_no_more(
    roomy: Region, event: str, error_type: str, words: str
) -> None:
    await deploy(roomy, "compute_or_wait", timeout_seconds=1)

    culprit, neighbour = await asyncio.gather(roomy.error(event), roomy.error("wait"))

    assert culprit["errorType"] == error_type
    assert words in culprit["errorMessage"]
    assert neighbour["errorType"] in ("Runtime.ExitError", "Sandbox.Timedout")
    again = await asyncio.gather(*(roomy.error("crash") for _ in range(2)))
    assert {error["errorType"] for error in again} == {"Runtime.ExitError"}


async def test_child_that_a_handler_forks_runs_nothing_of_the_neighbours(roomy: Region, tmp_path: Path) -> None:
    await deploy(roomy, "fork", timeout_seconds=60)
    os.mkfifo(tmp_path / "pipe")
    pipe = os.open(tmp_path / "pipe", os.O_RDWR)
    child = await roomy.result(str(tmp_path / "pipe"))

    answered_by = {await roomy.result() for _ in range(30)}
    os.write(pipe, b"x")
    await until(lambda: not Path(f"/proc/{child}/stat").exists() or " Z " in Path(f"/proc/{child}/stat").read_text())

    assert len(answered_by) == 1
    assert child not in answered_by
    os.close(pipe)


async def test_child_whose_greenlet_ends_does_not_go_on_with_the_neighbours(roomy: Region, tmp_path: Path) -> None:
    await deploy(roomy, "leave_greenlet", timeout_seconds=5)
    notes = tmp_path / "notes"

    await asyncio.gather(*(roomy.result({"neighbour": each, "notes": str(notes)}) for each in (True, False)))

    assert notes.read_bytes() == b"x"


@pytest.mark.parametrize(
    ("event", "error_type"),
    [
        ("a word", "TypeError"),
        ("a closed descriptor", "OSError"),
        ("the descriptor of the process", "ValueError"),
        ("what is no descriptor", "TypeError"),
        ("what is no number", "ValueError"),
        ("a file", "PermissionError"),
    ],
)
async def test_what_cannot_be_waited_for_is_the_error_of_who_asked(roomy: Region, event: str, error_type: str) -> None:
    await deploy(roomy, "ask", timeout_seconds=5)

    error, _ = await asyncio.gather(roomy.error(event), roomy.result("wait"))

    assert error["errorType"] == error_type
    assert any("in ask" in line for line in error["stackTrace"])


async def test_wait_may_be_longer_than_the_system_can_count(roomy: Region) -> None:
    await deploy(roomy, "wait_long", timeout_seconds=5)

    assert await roomy.result() is True


@pytest.mark.parametrize("workers_of_a_process", [1, 2])
async def test_process_that_cannot_be_started_costs_only_the_call_that_it_was_for(
    roomy: Region, tmp_path: Path, workers_of_a_process: int
) -> None:
    environment = {"EXPEDITOR_MAX_CONCURRENCY": str(workers_of_a_process)}
    await roomy.deploy("short.wait", environment=environment, timeout_seconds=60)
    os.mkfifo(tmp_path / "pipe")
    pipe = os.open(tmp_path / "pipe", os.O_RDWR)
    running = [asyncio.ensure_future(roomy.result(str(tmp_path / "pipe"))) for _ in range(workers_of_a_process)]
    await until(lambda: [pool.busy for pool in roomy.functions.pools()] == [workers_of_a_process])

    error = await roomy.error(str(tmp_path / "pipe"))
    os.write(pipe, b"xx")

    assert error["errorType"] == "Runtime.ExitError"
    assert "No process can be started for the function" in error["log"]
    assert await asyncio.gather(*running) == ["x"] * workers_of_a_process
    os.close(pipe)


async def test_thread_of_a_handler_waits_by_itself(roomy: Region) -> None:
    await deploy(roomy, "outside")

    assert await roomy.result() == [None]


async def test_program_that_a_handler_runs_has_no_socket_of_its_neighbours(roomy: Region) -> None:
    await deploy(roomy, "inheritable")

    assert await roomy.result() == []


async def test_process_that_closes_its_socket_ends_at_once(roomy: Region) -> None:
    await deploy(roomy, "deafen", timeout_seconds=3)

    errors = await asyncio.gather(roomy.error("close"), roomy.error("wait"))

    assert {error["errorType"] for error in errors} == {"Runtime.ExitError"}


async def test_log_of_a_call_that_ends_the_process_says_where(roomy: Region) -> None:
    await deploy(roomy, "compute_or_wait", timeout_seconds=60)

    culprit, neighbour = await asyncio.gather(roomy.error("interrupt"), roomy.error("wait"))

    assert "in compute_or_wait" in culprit["log"]
    assert "KeyboardInterrupt" in culprit["log"]
    assert "KeyboardInterrupt" not in neighbour["log"]


async def test_process_ends_with_its_last_worker(tmp_path: Path) -> None:
    pool = PoolSettings(workers_max=2, patience_seconds=0.0, idle_seconds=0.02)
    region = open_region(tmp_path, replace(SETTINGS, pool=pool))
    await deploy(region, "meet")
    [pid, _] = await asyncio.gather(region.result(2), region.result(2))

    await until(lambda: not Path(f"/proc/{pid}").exists())

    assert json.loads((await region.invoke(1)).payload) != pid
    await close_region(region)


async def test_processes_end_with_the_node(tmp_path: Path) -> None:
    region = open_region(tmp_path)
    await deploy(region, "meet")
    pid = await region.result(1)

    await close_region(region)

    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("text", ["0", "65", "many", "-1", "1.5", "9" * 5000])
async def test_number_that_is_out_of_bounds_is_refused(region: Region, text: str) -> None:
    with pytest.raises(refusals.InvalidParameterValueError, match="must be a number from 1 to 64"):
        await region.deploy("sharing.meet", environment={"EXPEDITOR_MAX_CONCURRENCY": text})
