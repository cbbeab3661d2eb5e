"""Events of InvocationType=Event, on real workers."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from expeditor.functions import EventSettings, refusals
from expeditor.store.functions import postpone_event

from .conftest import SETTINGS, close_region, open_region
from .test_pools import until

pytestmark = pytest.mark.anyio


async def test_accepted_event_is_run_under_its_request_id(region: Any) -> None:
    await region.deploy("handlers.talk")

    request_id = await region.functions.invoke_later("fn", b'{"a": 1}', qualifier="1")
    await until(lambda: bool(region.functions.logs("fn", request_id=request_id)))

    [record] = region.functions.logs("fn", "1")
    assert "printed" in record.text


async def test_failing_event_is_run_three_times_and_kept(region: Any) -> None:
    await region.deploy("handlers.raise_error")

    request_id = await region.functions.invoke_later("fn", b'{"order_id": "o-1"}')
    await until(lambda: bool(region.functions.failed_events("fn")))

    [event] = region.functions.failed_events("fn")
    assert (event.event_id, event.payload, event.attempts) == (request_id, b'{"order_id": "o-1"}', 3)
    assert json.loads(event.error)["errorType"] == "NoGoodError"
    assert len(region.functions.logs("fn", request_id=request_id)) == 3


async def test_event_of_a_node_that_ended_is_run_by_the_next(tmp_path: Path) -> None:
    settings = replace(SETTINGS, events=EventSettings(running_max=0))
    stopped = open_region(tmp_path, settings)
    await stopped.deploy("handlers.talk")
    request_id = await stopped.functions.invoke_later("fn", b"1")
    await close_region(stopped)

    started = open_region(tmp_path)
    await until(lambda: bool(started.functions.logs("fn", request_id=request_id)))
    await close_region(started)


async def test_events_of_a_function_that_hangs_hold_up_no_other(tmp_path: Path) -> None:
    region = open_region(tmp_path, replace(SETTINGS, events=EventSettings(running_max=1)))
    await region.deploy("handlers.hang", "stuck", timeout_seconds=60)
    await region.deploy("handlers.talk")

    for _ in range(3):
        await region.functions.invoke_later("stuck", b"1")
    request_id = await region.functions.invoke_later("fn", b"1")
    await until(lambda: bool(region.functions.logs("fn", request_id=request_id)))

    stuck = next(pool for pool in region.functions.pools() if pool.name == "stuck")
    assert (stuck.busy, stuck.waiting) == (1, 0)
    await close_region(region)


async def test_events_of_one_function_are_run_in_the_order_they_were_accepted(tmp_path: Path) -> None:
    region = open_region(tmp_path, replace(SETTINGS, events=EventSettings(running_max=1)))
    await region.deploy("handlers.talk")

    accepted = [await region.functions.invoke_later("fn", b"1") for _ in range(5)]
    await until(lambda: len(region.functions.logs("fn")) == 5)

    assert [record.request_id for record in region.functions.logs("fn")] == accepted
    await close_region(region)


async def test_events_of_several_functions_are_run_after_a_restart(tmp_path: Path) -> None:
    stopped = open_region(tmp_path, replace(SETTINGS, events=EventSettings(running_max=0)))
    accepted = {}
    for name in ("one", "two"):
        await stopped.deploy("handlers.talk", name)
        accepted[name] = [await stopped.functions.invoke_later(name, b"1") for _ in range(3)]
    await close_region(stopped)

    started = open_region(tmp_path, replace(SETTINGS, events=EventSettings(running_max=1)))
    await until(lambda: all(len(started.functions.logs(name)) == 3 for name in accepted))

    for name, ids in accepted.items():
        assert [record.request_id for record in started.functions.logs(name)] == ids
    await close_region(started)


async def test_event_of_a_time_before_the_clock_was_put_back_is_run(tmp_path: Path) -> None:
    stopped = open_region(tmp_path, replace(SETTINGS, events=EventSettings(running_max=0)))
    await stopped.deploy("handlers.talk")
    request_id = await stopped.functions.invoke_later("fn", b"1")
    await stopped.database.submit(lambda connection: postpone_event(connection, request_id, 0, 32_503_680_000.0))
    await close_region(stopped)

    started = open_region(tmp_path)
    await until(lambda: bool(started.functions.logs("fn", request_id=request_id)))
    await close_region(started)


async def test_throttled_event_waits_and_is_run(tmp_path: Path) -> None:
    pool = replace(SETTINGS.pool, workers_max=1, waiting_max=1)
    region = open_region(tmp_path, replace(SETTINGS, pool=pool))
    await region.deploy("handlers.talk")

    ids = await asyncio.gather(*(region.functions.invoke_later("fn", b"1") for _ in range(6)))
    await until(lambda: len(region.functions.logs("fn")) == 6)

    assert {record.request_id for record in region.functions.logs("fn")} == set(ids)
    await close_region(region)


async def test_event_for_nothing_or_too_large_is_refused(region: Any) -> None:
    with pytest.raises(refusals.ResourceNotFoundError):
        await region.functions.invoke_later("nothing", b"1")
    await region.deploy("handlers.echo")
    with pytest.raises(refusals.RequestTooLargeError):
        await region.functions.invoke_later("fn", b" " * 1_048_577)


async def test_event_of_a_deleted_function_is_forgotten(tmp_path: Path) -> None:
    region = open_region(tmp_path, replace(SETTINGS, events=EventSettings(running_max=0)))
    await region.deploy("handlers.echo")
    await region.functions.invoke_later("fn", b"1")

    await region.functions.delete_function("fn")

    assert region.functions.failed_events("fn") == []
    assert region.functions.logs("fn") == []
    await close_region(region)
