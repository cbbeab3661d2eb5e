"""Functions, versions and aliases on a real store."""

import asyncio
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from expeditor.clock import ManualClock
from expeditor.functions import Alias, FunctionCode, FunctionConfiguration, FunctionVersion, refusals
from expeditor.functions.aliases import AliasCatalogue
from expeditor.functions.artifacts import Artifacts
from expeditor.functions.catalogue import Surroundings
from expeditor.functions.publishing import VersionCatalogue
from expeditor.ids import SeededIds
from expeditor.store import Database

pytestmark = pytest.mark.anyio

CONFIGURATION = FunctionConfiguration("app.handler", environment={"COLOUR": "blue"})


class Both(VersionCatalogue, AliasCatalogue):
    """The catalogue without processes."""


@pytest.fixture
async def catalogue(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Both]:
    """An empty catalogue; ``changes`` lists the functions it told of."""
    database = Database.open(tmp_path / "node.db", "expeditor.store.migrations")
    ids = SeededIds(1)
    changes: list[str] = []
    opened = Both(
        Surroundings(database, Artifacts(tmp_path / "artifacts", ids), ManualClock(1000.0), ids), changes.append
    )
    opened.changes = changes  # type: ignore[attr-defined]
    yield opened
    await database.close()


def code(tmp_path: Path, text: str = "one") -> FunctionCode:
    """A package of one file."""
    folder = tmp_path / "source"
    folder.mkdir(exist_ok=True)
    (folder / "app.py").write_text(f"def handler(event, context):\n    return {text!r}\n")
    return FunctionCode.from_directory(folder)


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def created(catalogue: Both, tmp_path: Path, **how: Any) -> FunctionVersion:
    return await catalogue.create_function("fn", CONFIGURATION, code(tmp_path), **how)


async def recoloured(catalogue: Both, colour: str) -> FunctionVersion:
    """Publishes ``fn`` with another environment."""
    await catalogue.update_configuration("fn", lambda was: replace(was, environment={"COLOUR": colour}))
    return await catalogue.publish_version("fn")


async def test_created_function_is_found_by_every_qualifier(catalogue: Both, tmp_path: Path) -> None:
    published = await created(catalogue, tmp_path, publish=True)
    await catalogue.create_alias("fn", "prod", "1")

    latest = catalogue.get_function("fn")
    assert (latest.version, published.version) == ("$LATEST", "1")
    assert latest.digest == published.digest
    assert catalogue.get_function("fn", "1") == catalogue.get_function("fn", "prod") == published
    assert published.configuration == CONFIGURATION
    assert published.modified_at == 1000.0
    assert [version.version for version in catalogue.list_versions("fn")] == ["$LATEST", "1"]
    assert catalogue.list_functions() == [latest]
    assert set(catalogue.changes) == {"fn"}  # type: ignore[attr-defined]


async def test_name_is_taken_once(catalogue: Both, tmp_path: Path) -> None:
    await created(catalogue, tmp_path)

    with pytest.raises(refusals.ResourceConflictError, match="Function already exist: fn"):
        await created(catalogue, tmp_path)


async def test_refused_creation_leaves_nothing(catalogue: Both, tmp_path: Path) -> None:
    with pytest.raises(refusals.InvalidParameterValueError):
        await catalogue.create_function("fn", replace(CONFIGURATION, memory_mb=1), code(tmp_path))
    with pytest.raises(refusals.InvalidRequestError):
        await catalogue.create_function("not a name", CONFIGURATION, code(tmp_path))

    assert catalogue.list_functions() == []


async def test_unchanged_content_is_published_once(catalogue: Both, tmp_path: Path) -> None:
    first = await created(catalogue, tmp_path, publish=True)

    assert await catalogue.publish_version("fn") == first
    assert await catalogue.update_code("fn", code(tmp_path), publish=True) == first
    assert (await catalogue.update_configuration("fn", lambda was: was)).version == "$LATEST"
    assert await catalogue.publish_version("fn") == first
    assert (await recoloured(catalogue, "green")).version == "2"
    assert (await catalogue.update_code("fn", code(tmp_path, "two"), publish=True)).version == "3"


async def test_published_version_never_changes(catalogue: Both, tmp_path: Path) -> None:
    first = await created(catalogue, tmp_path, publish=True)
    await recoloured(catalogue, "green")
    await catalogue.update_code("fn", code(tmp_path, "two"))

    assert catalogue.get_function("fn", "1") == first
    with pytest.raises(apsw.ConstraintError, match="a published version never changes"):
        await catalogue._database.submit(
            lambda connection: connection.execute("UPDATE function_versions SET digest = 'x' WHERE version = '1'")
        )


async def test_version_number_is_never_used_again(catalogue: Both, tmp_path: Path) -> None:
    await created(catalogue, tmp_path, publish=True)
    await recoloured(catalogue, "green")
    await catalogue.delete_function("fn", "2")
    assert (await catalogue.publish_version("fn")).version == "3"

    await catalogue.delete_function("fn")
    assert (await created(catalogue, tmp_path, publish=True)).version == "4"


async def test_changes_are_refused_under_an_old_revision(catalogue: Both, tmp_path: Path) -> None:
    old = (await created(catalogue, tmp_path)).revision_id
    await recoloured(catalogue, "green")

    with pytest.raises(refusals.PreconditionFailedError):
        await catalogue.update_code("fn", code(tmp_path, "two"), revision_id=old)
    with pytest.raises(refusals.PreconditionFailedError):
        await catalogue.update_configuration("fn", lambda was: was, revision_id=old)
    with pytest.raises(refusals.PreconditionFailedError):
        await catalogue.publish_version("fn", revision_id=old)
    with pytest.raises(refusals.InvalidParameterValueError, match="CodeSHA256"):
        await catalogue.publish_version("fn", code_sha256="other")


async def test_what_is_not_there_is_not_found(catalogue: Both, tmp_path: Path) -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:function:fn"
    with pytest.raises(refusals.ResourceNotFoundError, match=f"Function not found: {arn}$"):
        catalogue.get_function("fn")
    with pytest.raises(refusals.ResourceNotFoundError):
        catalogue.list_versions("fn")
    with pytest.raises(refusals.ResourceNotFoundError):
        await catalogue.delete_function("fn")
    await created(catalogue, tmp_path)
    with pytest.raises(refusals.ResourceNotFoundError, match=f"Function not found: {arn}:7$"):
        catalogue.get_function("fn", "7")
    with pytest.raises(refusals.ResourceNotFoundError, match=f"Cannot find alias arn: {arn}:prod"):
        catalogue.get_function("fn", "prod")
    with pytest.raises(refusals.ResourceNotFoundError):
        await catalogue.create_alias("fn", "prod", "7")


async def test_every_move_of_an_alias_is_kept(catalogue: Both, tmp_path: Path) -> None:
    await created(catalogue, tmp_path, publish=True)
    await recoloured(catalogue, "green")
    await catalogue.create_alias("fn", "prod", "1", description="what customers see")
    await catalogue.update_alias("fn", "prod", lambda was: replace(was, additional_weights={"2": 0.1}))
    await catalogue.update_alias("fn", "prod", lambda was: replace(was, version="2", additional_weights={}))
    await catalogue.update_alias("fn", "prod", lambda was: replace(was, description="no move"))
    moves = catalogue.alias_moves("fn", "prod")
    assert [(move.version_before, move.version_after) for move in moves] == [
        ("1", "2"),
        ("1", "1"),
        (None, "1"),
    ]
    await catalogue.delete_alias("fn", "prod")
    assert catalogue.alias_moves("fn", "prod")[0].version_after is None


@pytest.mark.parametrize(
    ("version", "weights", "message"),
    [
        ("1", {"2": 0.5, "3": 0.1}, "one additional version, got 2"),
        ("1", {"1": 0.5}, "already included"),
        ("$LATEST", {"1": 0.5}, "LATEST is not supported"),
        ("1", {"2": 1.5}, "from 0.0 to 1.0"),
        ("1", {"2": float("nan")}, "from 0.0 to 1.0"),
    ],
)
async def test_routing_that_lambda_has_not_is_refused(
    catalogue: Both, tmp_path: Path, version: str, weights: dict[str, float], message: str
) -> None:
    await created(catalogue, tmp_path, publish=True)
    for colour in ("green", "red"):
        await recoloured(catalogue, colour)

    with pytest.raises(refusals.InvalidParameterValueError, match=message):
        await catalogue.create_alias("fn", "prod", version, additional_weights=weights)


async def test_aliases_are_listed_by_where_they_point(catalogue: Both, tmp_path: Path) -> None:
    await created(catalogue, tmp_path, publish=True)
    await recoloured(catalogue, "green")
    blue: Alias = await catalogue.create_alias("fn", "blue", "1")
    mixed = await catalogue.create_alias("fn", "mixed", "1", additional_weights={"2": 0.5})

    assert catalogue.list_aliases("fn") == [blue, mixed]
    assert catalogue.list_aliases("fn", "2") == [mixed]
    with pytest.raises(refusals.ResourceConflictError, match="Alias already exists: arn"):
        await catalogue.create_alias("fn", "blue", "1")
    with pytest.raises(refusals.PreconditionFailedError):
        await catalogue.update_alias("fn", "blue", lambda was: was, revision_id="old")


async def test_version_in_use_or_latest_is_not_deleted(catalogue: Both, tmp_path: Path) -> None:
    await created(catalogue, tmp_path, publish=True)
    await recoloured(catalogue, "green")
    await catalogue.create_alias("fn", "prod", "1", additional_weights={"2": 0.5})

    for version in ("1", "2"):
        with pytest.raises(refusals.ResourceConflictError, match="in use by alias prod"):
            await catalogue.delete_function("fn", version)
    with pytest.raises(refusals.InvalidParameterValueError, match="LATEST version cannot be deleted"):
        await catalogue.delete_function("fn", "$LATEST")


async def test_artifact_is_named_by_content_complete_and_read_only(catalogue: Both, tmp_path: Path) -> None:
    version = await created(catalogue, tmp_path)
    folder = tmp_path / "artifacts" / version.artifact

    assert version.artifact == code(tmp_path).sha256.hex()
    assert (folder / "app.py").read_text() == "def handler(event, context):\n    return 'one'\n"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o555
    assert stat.S_IMODE((folder / "app.py").stat().st_mode) == 0o444
    assert list((folder / "__pycache__").iterdir())
    assert names(tmp_path / "artifacts") == [version.artifact]


async def test_equal_packages_put_at_once_are_one_artifact(catalogue: Both, tmp_path: Path) -> None:
    package = code(tmp_path)

    made = await asyncio.gather(
        *(catalogue.create_function(f"fn-{number}", CONFIGURATION, package) for number in range(4))
    )

    assert names(tmp_path / "artifacts") == [made[0].artifact]


async def test_code_that_cannot_be_kept_is_refused_with_the_folder(catalogue: Both, tmp_path: Path) -> None:
    (tmp_path / "artifacts").rmdir()

    with pytest.raises(refusals.ServiceUnavailableError, match=r"kept in .*artifacts \(No such file .*; make room"):
        await created(catalogue, tmp_path)


async def test_half_an_artifact_of_a_crash_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "artifacts" / ".incoming-1" / "sub").mkdir(parents=True)

    Artifacts(tmp_path / "artifacts", SeededIds())

    assert names(tmp_path / "artifacts") == []
