"""Versions of state machines: revisions under a number, which never change."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import apsw

from expeditor.clock import Clock
from expeditor.executions import arns
from expeditor.executions.addressing import active, existing
from expeditor.executions.errors import (
    ConflictError,
    InvalidRequestError,
    QuotaExceededError,
)
from expeditor.store import Database, state_machine_versions, state_machines
from expeditor.store.state_machine_versions import VersionRow
from expeditor.store.state_machines import MachineRow

VERSIONS_MAX = 1_000
"""Of one state machine. Source: API_PublishStateMachineVersion."""

FIRST_REVISION = "INITIAL"
"""How a revision is called that has no id, because the state machine was never updated."""

T = TypeVar("T")


class Change(Protocol):
    """Runs a change of state machines on disk."""

    def __call__(self, run: Callable[[apsw.Connection], T], /) -> "asyncio.Future[T]":
        """A future of what *run* gives, or raises, once that is on disk."""
        ...


@dataclass(frozen=True, slots=True)
class Version:
    """A version as lists show it."""

    arn: str
    number: int
    created_at: float


class Versions:
    """Publish, delete, list."""

    def __init__(self, database: Database, clock: Clock, change: Change) -> None:
        self._reader = database.reader
        self._clock = clock
        self._change = change

    def publish(
        self, machine_arn: str, description: str | None = None, revision_id: str | None = None
    ) -> "asyncio.Future[Version]":
        """Publishes the newest revision; one that is a version already gives that one.

        Args:
            revision_id: publish only if this is the newest revision.

        Raises (through the future):
            ConflictError, QuotaExceededError, StateMachineDeletingError, StateMachineDoesNotExistError.
        """
        now = self._clock.now()

        def run(connection: apsw.Connection) -> Version:
            row = active(connection, machine_arn)
            _check_revision(row, revision_id)
            return _shown(row.arn, publish(connection, row, description, now))

        return self._change(run)

    def delete(self, version_arn: str) -> "asyncio.Future[None]":
        """Deletes a version; executions that it started go on. What does not exist is ignored, as AWS does.

        Raises (at once or through the future):
            ConflictError: an alias leads to it. InvalidRequestError: not the ARN of a version.
        """
        machine_arn, number = _split(version_arn)
        now = self._clock.now()

        def run(connection: apsw.Connection) -> None:
            row = state_machines.by_arn(connection, machine_arn)
            if row is not None:
                _check_unreferenced(connection, row.id, number)
                state_machine_versions.remove_version(connection, row.id, number, now)

        return self._change(run)

    def list(self, machine_arn: str, before: int | None = None, limit: int = 100) -> "list[Version]":
        """Versions, newest first, those with numbers below *before*. Raises StateMachineDoesNotExistError."""
        row = existing(self._reader, machine_arn)
        found = state_machine_versions.versions_page(self._reader, row.id, before, limit)
        return [_shown(machine_arn, version) for version in found]


def publish(connection: apsw.Connection, row: MachineRow, description: str | None, now: float) -> VersionRow:
    """The version of a state machine's newest revision, published unless it is one already.

    Raises:
        QuotaExceededError
    """
    found = state_machine_versions.version_of_revision(connection, row.id, row.revision_id)
    if found is not None:
        return found
    if state_machine_versions.count_versions(connection, row.id) >= VERSIONS_MAX:
        raise QuotaExceededError(f"'{row.arn}' has {VERSIONS_MAX} versions; delete some that are not in use first")
    return state_machine_versions.put_version(connection, row.id, row.revision_id, description, now)


def _check_revision(row: MachineRow, wanted: str | None) -> None:
    current = row.label or FIRST_REVISION
    if wanted not in (None, current):
        raise ConflictError(
            f"Failed to publish the State Machine version for revision {wanted}."
            f" The current State Machine revision is {current}."
        )


def _check_unreferenced(connection: apsw.Connection, machine_id: int, number: int) -> None:
    names = [
        alias.name
        for alias in state_machine_versions.aliases(connection, machine_id)
        if number in (version for version, _ in alias.routing)
    ]
    if names:
        raise ConflictError(
            "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this"
            f" version: [{', '.join(names)}]"
        )


def _split(version_arn: str) -> tuple[str, int]:
    machine_arn, qualifier = arns.split_qualifier(version_arn)
    if qualifier is None or not qualifier.isdecimal():
        raise InvalidRequestError(f"'{version_arn}' is not the ARN of a version; it must end with a version number")
    return machine_arn, arns.version_number(qualifier)


def _shown(machine_arn: str, version: VersionRow) -> Version:
    return Version(f"{machine_arn}:{version.number}", version.number, version.created_at)
