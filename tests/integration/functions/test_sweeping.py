"""Artifacts that no version uses are deleted, whatever happens at the same moment; those in use never are."""

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from expeditor.functions import FunctionCode, FunctionConfiguration
from expeditor.functions.artifacts import Artifacts
from expeditor.ids import SeededIds
from expeditor.store import functions as functions_store

from .conftest import close_region, open_region

pytestmark = pytest.mark.anyio

CONFIGURATION = FunctionConfiguration("app.handler")
WAITING = """
import os, pathlib
def handler(event, context):
    while not pathlib.Path(event).exists():
        os.sched_yield()
    import late
    return late.WORD
"""


def package(folder: Path, **files: str) -> FunctionCode:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return FunctionCode.from_directory(folder)


def stored(home: Path) -> set[str]:
    return {path.name for path in (home / "artifacts").iterdir() if not path.name.startswith(".")}


def missing(region: Any) -> set[str]:
    """Artifacts that versions use and that are not there."""
    return functions_store.artifacts(region.database.reader) - stored(region.home)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


async def test_the_last_version_takes_its_code_along(region: Any, tmp_path: Path) -> None:
    functions = region.functions
    one = await functions.create_function("fn", CONFIGURATION, package(tmp_path / "one", app="ONE = 1"), publish=True)
    await functions.create_function("other", CONFIGURATION, package(tmp_path / "one"), publish=True)
    two = await functions.update_code("fn", package(tmp_path / "two", app="TWO = 2"), publish=True)

    await functions.delete_function("fn", "1")
    assert stored(tmp_path) == {one.artifact, two.artifact}, "the other function uses it as well"
    await functions.delete_function("other")
    assert stored(tmp_path) == {two.artifact}
    await until(lambda: [path.name for path in (tmp_path / "artifacts").iterdir()] == [two.artifact])


async def test_code_of_latest_that_was_never_published_goes_when_it_is_replaced(region: Any, tmp_path: Path) -> None:
    await region.functions.create_function("fn", CONFIGURATION, package(tmp_path / "one", app="ONE = 1"))
    two = await region.functions.update_code("fn", package(tmp_path / "two", app="TWO = 2"))

    assert stored(tmp_path) == {two.artifact}


async def test_code_that_an_invocation_still_runs_from_stays_until_it_has_ended(region: Any, tmp_path: Path) -> None:
    code = package(tmp_path / "code", app=WAITING, late="WORD = 'still here'")
    version = await region.functions.create_function("fn", CONFIGURATION, code, publish=True)
    signal = tmp_path / "signal"
    running = asyncio.ensure_future(region.result(str(signal), qualifier="1"))
    await until(lambda: any(pool.busy for pool in region.functions.pools()))

    await region.functions.delete_function("fn")
    assert stored(tmp_path) == {version.artifact}
    signal.touch()

    assert await running == "still here"
    await until(lambda: not region.functions._retired[0].status().processes)
    region.functions._sweeper.sweep()
    assert stored(tmp_path) == set()


async def test_orphans_of_a_crash_are_deleted_at_start_and_nothing_else(tmp_path: Path) -> None:
    before = open_region(tmp_path)
    version = await before.functions.create_function("fn", CONFIGURATION, package(tmp_path / "one", app="ONE = 1"))
    Artifacts(tmp_path / "artifacts", SeededIds()).put(package(tmp_path / "orphan", app="NOBODY = 0"))
    (tmp_path / "artifacts" / ".outgoing-1" / "sealed").mkdir(parents=True)
    (tmp_path / "artifacts" / ".outgoing-1" / "sealed").chmod(0o555)
    (tmp_path / "artifacts" / "notes").mkdir()
    await close_region(before)

    after = open_region(tmp_path)

    assert stored(tmp_path) == {version.artifact, "notes"}
    await close_region(after)


@pytest.mark.parametrize("seed", range(5))
async def test_publishing_and_deleting_the_same_code_at_once_never_leaves_a_version_without(
    region: Any, tmp_path: Path, seed: int
) -> None:
    draws = random.Random(seed)
    codes = [package(tmp_path / str(number), app=f"N = {number}") for number in range(2)]
    functions = region.functions

    async def live(name: str) -> None:
        for _ in range(6):
            await functions.create_function(name, CONFIGURATION, draws.choice(codes), publish=True)
            assert not missing(region)
            if draws.random() < 0.5:
                await functions.update_code(name, draws.choice(codes), publish=True)
                assert not missing(region)
            await functions.delete_function(name)
            assert not missing(region)

    await asyncio.gather(*(live(f"fn-{number}") for number in range(4)))

    assert stored(tmp_path) == set()


def test_a_package_that_many_functions_share_is_written_once(tmp_path: Path) -> None:
    ids = CountingIds()
    artifacts = Artifacts(tmp_path / "artifacts", ids)
    code = package(tmp_path / "shared", **{f"module_{number}": f"NUMBER = {number}" for number in range(20)})

    with ThreadPoolExecutor(6) as pool:
        names = set(pool.map(artifacts.put, [code] * 12))

    assert names == {code.sha256.hex()}
    assert ids.drawn == 1


class CountingIds(SeededIds):
    """Counts what was drawn: one id for each folder that is written."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = 0

    def uuid(self) -> str:
        self.drawn += 1
        return super().uuid()
