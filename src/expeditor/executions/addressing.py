"""What the ARN of a state machine names: the state machine, one of its versions, or an alias of one or two of them."""

from dataclasses import dataclass

import apsw

from expeditor.asl import Machine
from expeditor.executions import arns
from expeditor.executions.errors import StateMachineDeletingError, StateMachineDoesNotExistError
from expeditor.store import state_machine_versions, state_machines
from expeditor.store.state_machine_versions import AliasRow, VersionRow
from expeditor.store.state_machines import MachineRow


@dataclass(frozen=True, slots=True)
class Startable:
    """A revision of a state machine, ready to start executions.

    Attributes:
        version, alias: by which it was asked for, if by either; an alias always leads to a version.
    """

    row: MachineRow
    machine: Machine
    version: int | None = None
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Routed:
    """What an alias leads to: versions and the percentage of new executions that each gets."""

    shares: tuple[tuple[Startable, int], ...]

    def choose(self, draw: float) -> Startable:
        """The version that *draw*, 0 < draw <= 1, falls to."""
        assert 0 < draw <= 1
        left = draw * 100
        for startable, weight in self.shares:
            left -= weight
            if left <= 0 and weight:
                return startable
        return self.shares[-1][0]


@dataclass(frozen=True, slots=True)
class Addressed:
    """What an ARN names.

    Attributes:
        row: the state machine, as its newest revision describes it.
        version, alias: None where the ARN names none.
    """

    row: MachineRow
    version: VersionRow | None = None
    alias: AliasRow | None = None


def existing(connection: apsw.Connection, arn: str) -> MachineRow:
    """The state machine of an unqualified ARN. Raises StateMachineDoesNotExistError."""
    row = state_machines.by_arn(connection, arn)
    if row is None or row.status == "DELETED":
        raise StateMachineDoesNotExistError(arn)
    return row


def active(connection: apsw.Connection, arn: str) -> MachineRow:
    """The same, and it may be changed. Raises StateMachineDeletingError as well."""
    row = existing(connection, arn)
    if row.status == "DELETING":
        raise StateMachineDeletingError(arn)
    return row


def addressed(connection: apsw.Connection, arn: str) -> Addressed:
    """What *arn* names. Raises StateMachineDoesNotExistError."""
    machine_arn, qualifier = arns.split_qualifier(arn)
    if qualifier is None:
        return Addressed(existing(connection, arn))
    row = state_machines.by_arn(connection, machine_arn)
    if row is None or row.status == "DELETED":
        raise StateMachineDoesNotExistError(arn)
    version, alias = None, None
    if qualifier.isdecimal():
        version = state_machine_versions.version(connection, row.id, arns.version_number(qualifier))
    else:
        alias = state_machine_versions.alias(connection, row.id, qualifier)
    if version is None and alias is None:
        raise StateMachineDoesNotExistError(arn)
    return Addressed(row, version, alias)
