"""Aliases: names that point to a version, or in shares to two; every move is kept."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

import apsw
import msgspec

from expeditor.functions import arns, refusals
from expeditor.functions.arns import LATEST
from expeditor.functions.catalogue import Catalogue, existing_alias, existing_latest, to_alias, to_move
from expeditor.functions.versions import Alias, AliasMove
from expeditor.store import functions as functions_store
from expeditor.store.functions import AliasRow

MOVES_LISTED_MAX = 1000


class AliasCatalogue(Catalogue):
    """Aliases of functions."""

    def create_alias(
        self,
        name: str,
        alias: str,
        version: str,
        *,
        description: str = "",
        additional_weights: Mapping[str, float] | None = None,
    ) -> "asyncio.Future[Alias]":
        """Creates an alias that points to *version*, and for a share to each of *additional_weights*.

        Raises (through the future):
            ResourceNotFoundError, ResourceConflictError, InvalidParameterValueError, InvalidRequestError.
        """

        def create(connection: apsw.Connection) -> Alias:
            arns.check_alias(alias)
            existing_latest(connection, name)
            if functions_store.alias(connection, name, alias) is not None:
                raise refusals.ResourceConflictError(f"Alias already exists: {arns.function_arn(name, alias)}")
            made = Alias(name, alias, version, additional_weights or {}, description, self._surroundings.ids.uuid())
            return self._put_alias(connection, made)

        return self._write(name, create)

    def update_alias(
        self,
        name: str,
        alias: str,
        change: Callable[[Alias], Alias],
        *,
        revision_id: str | None = None,
    ) -> "asyncio.Future[Alias]":
        """Replaces an alias by what *change* makes of it: version, additional_weights or description.

        Raises (through the future):
            ResourceNotFoundError, InvalidParameterValueError, PreconditionFailedError.
        """

        def update(connection: apsw.Connection) -> Alias:
            current = existing_alias(connection, name, alias, revision_id)
            changed = replace(change(current), revision_id=self._surroundings.ids.uuid())
            assert (changed.function, changed.name) == (name, alias)
            return self._put_alias(connection, changed)

        return self._write(name, update)

    def delete_alias(self, name: str, alias: str) -> "asyncio.Future[None]":
        """Deletes an alias, if there is one; as Lambda, silent when there is none."""

        def delete(connection: apsw.Connection) -> None:
            existing_latest(connection, name)
            row = functions_store.alias(connection, name, alias)
            if row is not None:
                functions_store.delete_alias(connection, row, self._surroundings.clock.now())

        return self._write(name, delete)

    def get_alias(self, name: str, alias: str) -> Alias:
        """The alias.

        Raises:
            ResourceNotFoundError: no such alias.
        """
        return existing_alias(self._database.reader, name, alias)

    def list_aliases(self, name: str, version: str | None = None) -> list[Alias]:
        """All aliases by name; with *version* those that point there.

        Raises:
            ResourceNotFoundError: no such function.
        """
        existing_latest(self._database.reader, name)
        aliases = [to_alias(row) for row in functions_store.aliases(self._database.reader, name)]
        return [alias for alias in aliases if version in (None, alias.version, *alias.additional_weights)]

    def alias_moves(self, name: str, alias: str) -> list[AliasMove]:
        """The last moves of an alias, newest first; kept after the alias is deleted."""
        rows = functions_store.alias_moves(self._database.reader, name, alias, MOVES_LISTED_MAX)
        return [to_move(row) for row in rows]

    def _put_alias(self, connection: apsw.Connection, alias: Alias) -> Alias:
        _check_alias_targets(connection, alias)
        row = AliasRow(
            alias.function,
            alias.name,
            alias.version,
            msgspec.json.encode(dict(sorted(alias.additional_weights.items()))),
            alias.description,
            alias.revision_id,
        )
        functions_store.put_alias(connection, row, self._surroundings.clock.now())
        return alias


def _check_alias_targets(connection: apsw.Connection, alias: Alias) -> None:
    for version in (alias.version, *alias.additional_weights):
        if functions_store.version(connection, alias.function, version) is None:
            raise refusals.function_not_found(arns.function_arn(alias.function, version))
    weights = alias.additional_weights
    if not weights:
        return
    if len(weights) > 1:
        raise refusals.InvalidParameterValueError(f"An alias routes to one additional version, got {len(weights)}")
    if LATEST in (alias.version, *weights):
        raise refusals.InvalidParameterValueError(
            "$LATEST is not supported for an alias pointing to more than 1 version"
        )
    if alias.version in weights:
        raise refusals.InvalidParameterValueError(
            f"Invalid function version {alias.version}. Function version {alias.version} is already included in "
            "routing configuration."
        )
    if not all(0.0 <= weight <= 1.0 for weight in weights.values()):
        raise refusals.InvalidParameterValueError("The weight of an additional version must be from 0.0 to 1.0")
