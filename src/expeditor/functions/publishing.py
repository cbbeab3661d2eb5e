"""Functions and their versions: create, change ``$LATEST``, publish, list, delete."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import apsw

from expeditor.functions import arns, refusals
from expeditor.functions.arns import LATEST
from expeditor.functions.catalogue import (
    Catalogue,
    encode_configuration,
    existing_alias,
    existing_latest,
    to_alias,
    to_configuration,
    to_version,
)
from expeditor.functions.code import FunctionCode
from expeditor.functions.versions import (
    FunctionConfiguration,
    FunctionVersion,
    check_configuration,
    content_digest,
)
from expeditor.store import functions as functions_store
from expeditor.store.functions import VersionRow


class VersionCatalogue(Catalogue):
    """Functions and versions. A published version never changes, and its number is never used again."""

    def create_function(
        self, name: str, configuration: FunctionConfiguration, code: FunctionCode, *, publish: bool = False
    ) -> "asyncio.Future[FunctionVersion]":
        """Creates ``$LATEST``, and version 1 when *publish*; gives the last one made.

        Raises (through the future):
            ResourceConflictError: it exists already.
            InvalidParameterValueError, InvalidRequestError: name, configuration or code cannot be used.
        """
        return asyncio.ensure_future(self._create_function(name, configuration, code, publish))

    async def _create_function(
        self, name: str, configuration: FunctionConfiguration, code: FunctionCode, publish: bool
    ) -> FunctionVersion:
        arns.check_name(name)
        check_configuration(configuration)

        def create(connection: apsw.Connection, artifact: str) -> VersionRow:
            if functions_store.version(connection, name, LATEST) is not None:
                raise refusals.ResourceConflictError(f"Function already exist: {name}")
            row = self._latest_row(name, configuration, code, artifact)
            functions_store.insert_version(connection, row)
            return self._publish(connection, row, None) if publish else row

        return await self._write_with(name, code, create)

    def update_code(
        self, name: str, code: FunctionCode, *, revision_id: str | None = None, publish: bool = False
    ) -> "asyncio.Future[FunctionVersion]":
        """Replaces the code of ``$LATEST``, and publishes when *publish*.

        Raises (through the future):
            ResourceNotFoundError, InvalidParameterValueError, PreconditionFailedError.
        """
        return asyncio.ensure_future(self._update_code(name, code, revision_id, publish))

    async def _update_code(
        self, name: str, code: FunctionCode, revision_id: str | None, publish: bool
    ) -> FunctionVersion:
        def update(connection: apsw.Connection, artifact: str) -> VersionRow:
            latest = existing_latest(connection, name, revision_id)
            row = self._latest_row(name, to_configuration(latest), code, artifact)
            row = self._replace(connection, latest, row)
            return self._publish(connection, row, None) if publish else row

        return await self._write_with(name, code, update)

    def update_configuration(
        self,
        name: str,
        change: Callable[[FunctionConfiguration], FunctionConfiguration],
        *,
        revision_id: str | None = None,
    ) -> "asyncio.Future[FunctionVersion]":
        """Replaces the configuration of ``$LATEST`` by what *change* makes of it.

        Raises (through the future):
            ResourceNotFoundError, InvalidParameterValueError, PreconditionFailedError.
        """

        def update(connection: apsw.Connection) -> FunctionVersion:
            latest = existing_latest(connection, name, revision_id)
            configuration = check_configuration(change(to_configuration(latest)))
            row = latest._replace(
                configuration=encode_configuration(configuration),
                digest=content_digest(configuration, latest.code_sha256),
            )
            return to_version(self._replace(connection, latest, row))

        return self._write(name, update)

    def publish_version(
        self,
        name: str,
        *,
        description: str | None = None,
        code_sha256: str | None = None,
        revision_id: str | None = None,
    ) -> "asyncio.Future[FunctionVersion]":
        """Freezes ``$LATEST`` under the next number; unchanged content gives the version published last.

        Args:
            description: of the version; None keeps the function's.
            code_sha256: publish only if the code is this.

        Raises (through the future):
            ResourceNotFoundError, InvalidParameterValueError, PreconditionFailedError.
        """

        def publish(connection: apsw.Connection) -> FunctionVersion:
            latest = existing_latest(connection, name, revision_id)
            if code_sha256 is not None and code_sha256 != latest.code_sha256:
                raise refusals.InvalidParameterValueError(
                    f"CodeSHA256 ({code_sha256}) is different from current CodeSHA256 in $LATEST "
                    f"({latest.code_sha256}). Please try again with the CodeSHA256 in $LATEST."
                )
            return to_version(self._publish(connection, latest, description))

        return self._write(name, publish)

    def delete_function(self, name: str, version: str | None = None) -> "asyncio.Future[None]":
        """Deletes one version, or all of the function with its aliases when *version* is None.

        Raises (through the future):
            ResourceNotFoundError: no such function.
            ResourceConflictError: an alias points to the version.
            InvalidParameterValueError: ``$LATEST`` goes only with the function; an alias is no version.
        """

        def delete(connection: apsw.Connection) -> None:
            existing_latest(connection, name)
            if version is None:
                functions_store.delete_function(connection, name)
            else:
                _check_deletable(connection, name, version)
                functions_store.delete_version(connection, name, version)

        return self._write(name, delete)

    def get_function(self, name: str, qualifier: str | None = None) -> FunctionVersion:
        """The version that *qualifier* (None: ``$LATEST``) names; for an alias the version it points to.

        Raises:
            ResourceNotFoundError: no such function, version or alias.
        """
        version = qualifier or LATEST
        if not arns.is_version(version):
            version = existing_alias(self._database.reader, name, version).version
        row = functions_store.version(self._database.reader, name, version)
        if row is None:
            raise refusals.function_not_found(arns.function_arn(name, qualifier))
        return to_version(row)

    def list_functions(self) -> list[FunctionVersion]:
        """``$LATEST`` of every function, by name."""
        return [to_version(row) for row in functions_store.functions(self._database.reader)]

    def list_versions(self, name: str) -> list[FunctionVersion]:
        """All versions, ``$LATEST`` first, then by number.

        Raises:
            ResourceNotFoundError: no such function.
        """
        rows = functions_store.versions(self._database.reader, name)
        if not rows:
            raise refusals.function_not_found(arns.function_arn(name))
        return [to_version(row) for row in rows]

    async def _write_with(
        self, name: str, code: FunctionCode, run: Callable[[apsw.Connection, str], VersionRow]
    ) -> FunctionVersion:
        """Writes a version that uses *code*, whose artifact is there before and stays."""
        artifacts = self._surroundings.artifacts
        with artifacts.held(code):
            artifact = await asyncio.get_running_loop().run_in_executor(None, artifacts.put, code)
            return to_version(await self._write(name, lambda connection: run(connection, artifact)))

    def _latest_row(
        self, name: str, configuration: FunctionConfiguration, code: FunctionCode, artifact: str
    ) -> VersionRow:
        return VersionRow(
            name=name,
            version=LATEST,
            number=0,
            digest=content_digest(configuration, code.base64_sha256),
            code_sha256=code.base64_sha256,
            code_bytes=code.size,
            artifact=artifact,
            configuration=encode_configuration(configuration),
            revision_id=self._surroundings.ids.uuid(),
            modified_at=self._surroundings.clock.now(),
        )

    def _replace(self, connection: apsw.Connection, before: VersionRow, row: VersionRow) -> VersionRow:
        """Stores *row* as ``$LATEST``; content equal to *before* changes nothing, not even the revision."""
        if (row.digest, row.configuration, row.artifact) == (before.digest, before.configuration, before.artifact):
            return before
        surroundings = self._surroundings
        row = row._replace(revision_id=surroundings.ids.uuid(), modified_at=surroundings.clock.now())
        functions_store.replace_latest(connection, row)
        return row

    def _publish(self, connection: apsw.Connection, latest: VersionRow, description: str | None) -> VersionRow:
        last = functions_store.last_published(connection, latest.name)
        if last is not None and last.digest == latest.digest:
            return last
        configuration = to_configuration(latest)
        if description is not None:
            configuration = check_configuration(replace(configuration, description=description))
        number = functions_store.next_number(connection, latest.name)
        row = latest._replace(
            version=str(number),
            number=number,
            configuration=encode_configuration(configuration),
            revision_id=self._surroundings.ids.uuid(),
            modified_at=self._surroundings.clock.now(),
        )
        functions_store.insert_version(connection, row)
        return row


def _check_deletable(connection: apsw.Connection, name: str, version: str) -> None:
    if version == LATEST:
        raise refusals.InvalidParameterValueError("$LATEST version cannot be deleted without deleting the function.")
    if not arns.is_version(version):
        raise refusals.InvalidParameterValueError(
            f"Deletion of aliases is not currently supported. Call DeleteAlias for {version}"
        )
    for alias in map(to_alias, functions_store.aliases(connection, name)):
        if version in (alias.version, *alias.additional_weights):
            raise refusals.ResourceConflictError(
                f"Version {version} of {name} is in use by alias {alias.name}; move the alias first"
            )
