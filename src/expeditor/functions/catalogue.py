"""What versions and aliases share: the room's surroundings, the way to write, and values from and to rows."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import apsw
import msgspec

from expeditor.clock import Clock
from expeditor.errors import ExpeditorError
from expeditor.functions import arns, refusals
from expeditor.functions.arns import LATEST
from expeditor.functions.artifacts import Artifacts
from expeditor.functions.versions import Alias, AliasMove, FunctionConfiguration, FunctionVersion
from expeditor.ids import Ids
from expeditor.store import Database
from expeditor.store import functions as functions_store
from expeditor.store.functions import AliasRow, MoveRow, VersionRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every part of the room works with."""

    database: Database
    artifacts: Artifacts
    clock: Clock
    ids: Ids


class Catalogue:
    """Reads answer at once with what is committed; writes with a future of the node's event loop.

    Refusals of a write come through its future. *changed* is called with a function's name after each write to it,
    before the write's future resolves.
    """

    def __init__(self, surroundings: Surroundings, changed: Callable[[str], None]) -> None:
        self._surroundings = surroundings
        self._database = surroundings.database
        self._changed = changed

    def _write(self, name: str, run: Callable[[apsw.Connection], T]) -> "asyncio.Future[T]":
        future = self._database.submit(run)
        future.add_done_callback(lambda _: self._changed(name))
        return future


def failed(error: ExpeditorError) -> "asyncio.Future[Any]":
    """A future that gives *error*, so that every refusal comes the same way."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    return future


def existing_latest(connection: apsw.Connection, name: str, revision_id: str | None = None) -> VersionRow:
    """Row of ``$LATEST``; raises ResourceNotFoundError, or PreconditionFailedError when *revision_id* is another."""
    row = functions_store.version(connection, name, LATEST)
    if row is None:
        raise refusals.function_not_found(arns.function_arn(name))
    _check_revision(row.revision_id, revision_id)
    return row


def existing_alias(connection: apsw.Connection, name: str, alias: str, revision_id: str | None = None) -> Alias:
    """The alias; raises ResourceNotFoundError, or PreconditionFailedError when *revision_id* is another."""
    row = functions_store.alias(connection, name, alias)
    if row is None:
        existing_latest(connection, name)
        raise refusals.alias_not_found(arns.function_arn(name, alias))
    _check_revision(row.revision_id, revision_id)
    return to_alias(row)


def _check_revision(actual: str, expected: str | None) -> None:
    if expected not in (None, actual):
        raise refusals.PreconditionFailedError(
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
            "retrieve the latest Revision Id"
        )


def encode_configuration(configuration: FunctionConfiguration) -> bytes:
    """JSON text, equal for equal configurations."""
    return msgspec.json.encode(asdict(configuration), order="sorted")


def to_configuration(row: VersionRow) -> FunctionConfiguration:
    """Configuration of a row."""
    return msgspec.json.decode(row.configuration, type=FunctionConfiguration)


def to_version(row: VersionRow) -> FunctionVersion:
    """Value of a row."""
    return FunctionVersion(
        row.name,
        row.version,
        to_configuration(row),
        row.digest,
        row.code_sha256,
        row.code_bytes,
        row.artifact,
        row.revision_id,
        row.modified_at,
    )


def _weights(text: bytes | None) -> dict[str, float]:
    return msgspec.json.decode(text, type=dict[str, float]) if text is not None else {}


def to_alias(row: AliasRow) -> Alias:
    """Value of a row."""
    return Alias(row.name, row.alias, row.version, _weights(row.weights), row.description, row.revision_id)


def to_move(row: MoveRow) -> AliasMove:
    """Value of a row."""
    return AliasMove(
        row.moved_at, row.version_before, _weights(row.weights_before), row.version_after, _weights(row.weights_after)
    )
