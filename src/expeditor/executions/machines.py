"""State machines: create, update, describe, list, delete, tag."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from math import inf
from typing import TypeVar

import apsw

from expeditor.asl import Machine, compile_definition
from expeditor.clock import Clock
from expeditor.errors import ServiceError
from expeditor.executions import arns
from expeditor.executions.addressing import Routed, Startable, active, addressed, existing
from expeditor.executions.aliases import Aliases
from expeditor.executions.errors import (
    TAGS_MAX,
    InvalidArnError,
    MissingParameterError,
    ResourceNotFoundError,
    StateMachineAlreadyExistsError,
    StateMachineDeletingError,
    StateMachineDoesNotExistError,
    TooManyTagsError,
)
from expeditor.executions.history_logs import LogWriter
from expeditor.executions.versions import Versions, publish
from expeditor.ids import Ids
from expeditor.store import Database, executions, state_machine_versions, state_machines
from expeditor.store.executions import ExecutionRow
from expeditor.store.state_machine_versions import VersionRow
from expeditor.store.state_machines import MachineRow, NewRevision

DEFINITION_BYTES_MAX = 1_048_576
DEFAULT_LOGGING = '{"level":"OFF","includeExecutionData":false}'
DEFAULT_TRACING = '{"enabled":false}'

EXPRESS_SECONDS_MAX = 300
"""Longest life of an Express execution. Source: Step Functions service quotas."""

_COMPILED_MAX = 512

T = TypeVar("T")


class MachineType(StrEnum):
    """AWS's names of the kinds of state machines."""

    STANDARD = "STANDARD"
    EXPRESS = "EXPRESS"


@dataclass(frozen=True, slots=True)
class StateMachine:
    """A state machine as one of its revisions describes it.

    Attributes:
        status: ``ACTIVE`` or ``DELETING``.
        definition: ASL as it was given.
        revision_id: None until the first update.
        logging, tracing: configurations as JSON text in AWS's spelling.
        created_at, updated_at: seconds since the epoch.
        version: the number that was published with it, if it was asked for.
        description: of the version that was asked for.
    """

    arn: str
    name: str
    type: MachineType
    status: str
    definition: str
    role_arn: str
    revision_id: str | None
    logging: str
    tracing: str
    created_at: float
    updated_at: float
    version: int | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class StateMachineSummary:
    """What a list shows of one state machine."""

    arn: str
    name: str
    type: MachineType
    created_at: float


@dataclass(frozen=True, slots=True)
class CreateStateMachine:
    """A state machine to be; the configurations are JSON text in AWS's spelling.

    Attributes:
        publish: whether to make a version of it at once, with *version_description*.
    """

    name: str
    definition: str
    role_arn: str
    type: MachineType = MachineType.STANDARD
    logging: str = DEFAULT_LOGGING
    tracing: str = DEFAULT_TRACING
    tags: Mapping[str, str] | None = None
    publish: bool = False
    version_description: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateStateMachine:
    """What to change; None leaves it as it is.

    Attributes:
        publish: whether to make a version of the outcome, with *version_description*.
    """

    arn: str
    definition: str | None = None
    role_arn: str | None = None
    logging: str | None = None
    tracing: str | None = None
    publish: bool = False
    version_description: str | None = None


class StateMachines:
    """The node's state machines.

    Everything that writes answers with a future that resolves when the change is on disk, and refuses with a
    ServiceError, at once or through the future.

    Attributes:
        versions, aliases: of the state machines.
        logs: where executions may be logged; None where they cannot be.
        compiled: the machine of a definition, by its id and whether it is for Express.
    """

    def __init__(self, database: Database, clock: Clock, ids: Ids, logs: LogWriter | None = None) -> None:
        self.logs = logs
        self.versions = Versions(database, clock, self._change)
        self.aliases = Aliases(database, clock, self._change)
        self._database = database
        self._clock = clock
        self._ids = ids
        self._startable: dict[str, Startable | Routed] = {}
        self.compiled = lru_cache(_COMPILED_MAX)(self._compile)

    def create(self, wanted: CreateStateMachine) -> "asyncio.Future[StateMachine]":
        """Creates a state machine; asking again for the same one gives the first.

        Raises:
            DefinitionError, InvalidNameError, StateMachineAlreadyExistsError, StateMachineDeletingError,
            TooManyTagsError.
        """
        arns.check_name(wanted.name)
        _check_definition(wanted.definition, wanted.type)
        arn = arns.state_machine_arn(wanted.name)
        if wanted.tags is not None and len(wanted.tags) > TAGS_MAX:
            raise TooManyTagsError(arn)
        now = self._clock.now()

        def run(connection: apsw.Connection) -> StateMachine:
            row = _create(connection, arn, wanted, now)
            return _published(connection, row, wanted, now)

        return self._change(run)

    def update(self, wanted: UpdateStateMachine) -> "asyncio.Future[StateMachine]":
        """Makes a new revision, unless nothing changes; running executions stay on theirs.

        Raises:
            DefinitionError, MissingParameterError, StateMachineDoesNotExistError, StateMachineDeletingError.
        """
        if all(value is None for value in (wanted.definition, wanted.role_arn, wanted.logging, wanted.tracing)):
            raise MissingParameterError
        if wanted.definition is not None:
            _check_definition(wanted.definition, existing(self._database.reader, wanted.arn).type)
        label, now = self._ids.uuid(), self._clock.now()

        def run(connection: apsw.Connection) -> StateMachine:
            row = _update(connection, wanted, label, now)
            return _published(connection, row, wanted, now)

        return self._change(run)

    def delete(self, arn: str) -> "asyncio.Future[None]":
        """Deletes a state machine, at once or when its last execution ends; unknown ones are ignored, as AWS does.

        Raises:
            InvalidArnError
        """
        if ":stateMachine:" not in arn:
            raise InvalidArnError(arn)

        def run(connection: apsw.Connection) -> None:
            row = state_machines.by_arn(connection, arn)
            if row is not None and row.status == "ACTIVE":
                state_machines.set_status(connection, row.id, "DELETING")
                state_machines.remove_tags(connection, arn)
                state_machines.finish_deletions(connection)

        return self._change(run)

    def describe(self, arn: str) -> StateMachine:
        """One state machine, or one version of it. Raises StateMachineDoesNotExistError."""
        reader = self._database.reader
        found = addressed(reader, arn)
        if found.version is not None:
            return _described_version(reader, found.version)
        if found.alias is not None:
            raise StateMachineDoesNotExistError(arn)
        return _described(reader, found.row)

    def type_of(self, arn: str) -> MachineType:
        """The type of the state machine, version or alias. Raises StateMachineDoesNotExistError."""
        return MachineType(addressed(self._database.reader, arn).row.type)

    def describe_for_execution(self, execution_arn: str) -> StateMachine:
        """The state machine as it was when that execution started. Raises StateMachineDoesNotExistError."""
        machine_arn, name = arns.split_execution_arn(execution_arn)
        execution = executions.by_name(self._database.reader, machine_arn, name)
        if execution is None:
            raise StateMachineDoesNotExistError(machine_arn)
        row = state_machines.by_revision(self._database.reader, execution.revision_id)
        return _described(self._database.reader, row)

    def list(self, after_name: str = "", limit: int = 100) -> "list[StateMachineSummary]":
        """State machines by name, those after *after_name*; at most 1000."""
        rows = state_machines.page(self._database.reader, after_name, limit)
        return [StateMachineSummary(row.arn, row.name, MachineType(row.type), row.created_at) for row in rows]

    def tags(self, arn: str) -> dict[str, str]:
        """Tags by key. Raises ResourceNotFoundError."""
        _check_taggable(self._database.reader, arn)
        return state_machines.tags(self._database.reader, arn)

    def tag(self, arn: str, given: Mapping[str, str]) -> "asyncio.Future[None]":
        """Adds tags, or changes their values. Raises ResourceNotFoundError, TooManyTagsError."""

        def run(connection: apsw.Connection) -> None:
            _check_taggable(connection, arn)
            if len(state_machines.tags(connection, arn).keys() | given.keys()) > TAGS_MAX:
                raise TooManyTagsError(arn)
            state_machines.put_tags(connection, arn, given)

        return self._database.submit(run)

    def untag(self, arn: str, keys: Sequence[str]) -> "asyncio.Future[None]":
        """Removes tags; absent ones are ignored. Raises ResourceNotFoundError."""

        def run(connection: apsw.Connection) -> None:
            _check_taggable(connection, arn)
            state_machines.remove_tags(connection, arn, keys)

        return self._database.submit(run)

    def startable(self, arn: str) -> Startable:
        """What *arn* names, compiled: the newest revision, a version, or the version an alias leads to this time.

        Raises:
            StateMachineDeletingError, StateMachineDoesNotExistError.
        """
        known = self._startable.get(arn)
        if known is None:
            known = self._startable[arn] = self._find_startable(arn)
        return known if isinstance(known, Startable) else known.choose(self._ids.draw())

    def _find_startable(self, arn: str) -> Startable | Routed:
        found = addressed(self._database.reader, arn)
        if found.row.status == "DELETING":
            raise StateMachineDeletingError(arn)
        if found.alias is not None:
            alias, machine_arn = found.alias, found.row.arn
            return Routed(
                tuple(
                    (replace(self._startable_version(machine_arn, number), alias=alias.name), weight)
                    for number, weight in alias.routing
                )
            )
        if found.version is not None:
            return self._startable_version(found.row.arn, found.version.number)
        return self._startable_row(found.row)

    def _startable_version(self, machine_arn: str, number: int) -> Startable:
        reader = self._database.reader
        version = addressed(reader, f"{machine_arn}:{number}").version
        assert version is not None
        row = state_machines.by_revision(reader, version.revision_id)
        return replace(self._startable_row(row), version=number)

    def _startable_row(self, row: MachineRow) -> Startable:
        return Startable(row, self.compiled(row.definition_id, row.type == MachineType.EXPRESS))

    def _change(self, run: Callable[[apsw.Connection], T]) -> "asyncio.Future[T]":
        """Runs a change of state machines; what was known of them is read anew afterwards."""
        future = self._database.submit(run)
        future.add_done_callback(lambda _: self._startable.clear())
        return future

    def compiled_for(self, execution: ExecutionRow) -> Machine:
        """The state machine as it was when that execution started."""
        return self.compiled(execution.definition_id, arns.is_express(execution.name))

    def _compile(self, definition_id: int, is_express: bool) -> Machine:
        machine = compile_definition(state_machines.definition(self._database.reader, definition_id))
        if not is_express:
            return machine
        return replace(machine, timeout_seconds=min(machine.timeout_seconds or inf, EXPRESS_SECONDS_MAX))


def _create(connection: apsw.Connection, arn: str, wanted: CreateStateMachine, now: float) -> MachineRow:
    row = state_machines.by_arn(connection, arn)
    if row is None or row.status == "DELETED":
        revision = NewRevision(None, wanted.definition, wanted.role_arn, wanted.logging, wanted.tracing, now)
        created = state_machines.put_machine(connection, arn, wanted.name, wanted.type, revision)
        state_machine_versions.remove_all(connection, created.id)
        state_machines.put_tags(connection, arn, wanted.tags or {})
        return created
    if row.status == "DELETING":
        raise StateMachineDeletingError(arn)
    # "Step Functions' idempotency check is based on the state machine name, definition, type, LoggingConfiguration
    # and TracingConfiguration": role and tags of the second request are ignored. Source: API_CreateStateMachine.
    same = (wanted.definition, wanted.type, wanted.logging, wanted.tracing)
    if (state_machines.definition(connection, row.definition_id), row.type, row.logging, row.tracing) != same:
        raise StateMachineAlreadyExistsError(arn)
    return row


def _update(connection: apsw.Connection, wanted: UpdateStateMachine, label: str, now: float) -> MachineRow:
    row = active(connection, wanted.arn)
    before = NewRevision(
        row.label,
        state_machines.definition(connection, row.definition_id),
        row.role_arn,
        row.logging,
        row.tracing,
        row.updated_at,
    )
    after = before._replace(
        definition=wanted.definition or before.definition,
        role_arn=wanted.role_arn or before.role_arn,
        logging=wanted.logging or before.logging,
        tracing=wanted.tracing or before.tracing,
    )
    if after == before:
        return row
    return state_machines.put_revision(connection, wanted.arn, after._replace(label=label, created_at=now))


def _published(
    connection: apsw.Connection, row: MachineRow, wanted: CreateStateMachine | UpdateStateMachine, now: float
) -> StateMachine:
    """The outcome of a change, with its version where one was asked for."""
    described = _described(connection, row)
    if not wanted.publish:
        return described
    return replace(described, version=publish(connection, row, wanted.version_description, now).number)


def _described_version(connection: apsw.Connection, version: VersionRow) -> StateMachine:
    described = _described(connection, state_machines.by_revision(connection, version.revision_id))
    return replace(
        described,
        arn=f"{described.arn}:{version.number}",
        created_at=version.created_at,
        version=version.number,
        description=version.description,
    )


def _described(connection: apsw.Connection, row: MachineRow) -> StateMachine:
    return StateMachine(
        arn=row.arn,
        name=row.name,
        type=MachineType(row.type),
        status=row.status,
        definition=state_machines.definition(connection, row.definition_id),
        role_arn=row.role_arn,
        revision_id=row.label,
        logging=row.logging,
        tracing=row.tracing,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _check_taggable(connection: apsw.Connection, arn: str) -> None:
    """State machines and activities have tags; versions and executions have none."""
    row = state_machines.by_arn(connection, arn)
    if (row is None or row.status == "DELETED") and state_machines.activity(connection, arn) is None:
        raise ResourceNotFoundError(arn)


def _check_definition(text: str, kind: str) -> None:
    if len(text.encode()) > DEFINITION_BYTES_MAX:
        raise ServiceError(
            f"the definition has more than {DEFINITION_BYTES_MAX} bytes; split it into nested state machines"
        )
    compile_definition(text, express=kind == MachineType.EXPRESS)
