"""Aliases of state machines: names that lead to one or two versions, by weight."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import apsw

from expeditor.clock import Clock
from expeditor.executions import arns
from expeditor.executions.addressing import active, existing
from expeditor.executions.errors import (
    ConflictError,
    InvalidRequestError,
    MissingReferenceError,
    QuotaExceededError,
    StateMachineDoesNotExistError,
)
from expeditor.executions.versions import Change
from expeditor.store import Database, state_machine_versions, state_machines
from expeditor.store.state_machine_versions import AliasRow, NewAlias
from expeditor.store.state_machines import MachineRow

ALIASES_MAX = 100
"""Of one state machine. Source: API_CreateStateMachineAlias."""

Routing = Sequence[tuple[str, int]]
"""Version ARNs, one or two, and the percentage of new executions that each gets."""


@dataclass(frozen=True, slots=True)
class Alias:
    """An alias of a state machine.

    Attributes:
        routing: by version ARN, the percentage of new executions.
        created_at, updated_at: seconds since the epoch.
    """

    arn: str
    name: str
    description: str | None
    routing: Mapping[str, int]
    created_at: float
    updated_at: float


class Aliases:
    """Create, update, describe, delete, list.

    Everything that writes answers with a future that resolves when the change is on disk.
    """

    def __init__(self, database: Database, clock: Clock, change: Change) -> None:
        self._reader = database.reader
        self._clock = clock
        self._change = change

    def create(self, name: str, description: str | None, routing: Routing) -> "asyncio.Future[Alias]":
        """Creates an alias; asking again for the same one gives the first.

        Raises (at once or through the future):
            ConflictError: the name is taken by another one. InvalidRequestError, MissingReferenceError,
            QuotaExceededError, StateMachineDeletingError.
        """
        machine_arn, shares = _checked(routing)
        wanted, now = NewAlias(name, description, shares), self._clock.now()

        def run(connection: apsw.Connection) -> Alias:
            row = _routed_machine(connection, machine_arn, shares)
            return _shown(machine_arn, _create(connection, row, wanted, now))

        return self._change(run)

    def update(
        self, alias_arn: str, description: str | None = None, routing: Routing | None = None
    ) -> "asyncio.Future[Alias]":
        """Changes what is given.

        Raises (at once or through the future):
            InvalidRequestError: nothing was given, or versions of another state machine. MissingReferenceError,
            StateMachineDeletingError.
        """
        if description is None and routing is None:
            raise InvalidRequestError("Either the description or the routingConfiguration must be specified")
        machine_arn, name = _split(alias_arn)
        shares = None if routing is None else _checked_for(machine_arn, routing)
        now = self._clock.now()

        def run(connection: apsw.Connection) -> Alias:
            row = _routed_machine(connection, machine_arn, shares or ())
            before = _alias(connection, row, name)
            after = NewAlias(name, before.description if description is None else description, shares or before.routing)
            return _shown(machine_arn, state_machine_versions.put_alias(connection, row.id, after, now))

        return self._change(run)

    def describe(self, alias_arn: str) -> Alias:
        """One alias. Raises InvalidRequestError, MissingReferenceError."""
        machine_arn, name = _split(alias_arn)
        row = state_machines.by_arn(self._reader, machine_arn)
        if row is None or row.status == "DELETED":
            raise MissingReferenceError
        return _shown(machine_arn, _alias(self._reader, row, name))

    def delete(self, alias_arn: str) -> "asyncio.Future[None]":
        """Deletes an alias; what does not exist is ignored, as AWS does. Raises InvalidRequestError (at once)."""
        machine_arn, name = _split(alias_arn)

        def run(connection: apsw.Connection) -> None:
            row = state_machines.by_arn(connection, machine_arn)
            if row is not None:
                state_machine_versions.remove_alias(connection, row.id, name)

        return self._change(run)

    def list(self, arn: str) -> "list[Alias]":
        """Aliases of a state machine, or those that lead to a version of it, oldest first.

        Raises:
            StateMachineDoesNotExistError
        """
        machine_arn, qualifier = arns.split_qualifier(arn)
        row = existing(self._reader, machine_arn)
        found = state_machine_versions.aliases(self._reader, row.id)
        if qualifier is not None:
            found = [alias for alias in found if qualifier in (str(number) for number, _ in alias.routing)]
        return [_shown(machine_arn, alias) for alias in found]


def _create(connection: apsw.Connection, row: MachineRow, wanted: NewAlias, now: float) -> AliasRow:
    before = state_machine_versions.alias(connection, row.id, wanted.name)
    if before is None:
        if len(state_machine_versions.aliases(connection, row.id)) >= ALIASES_MAX:
            raise QuotaExceededError(f"'{row.arn}' has {ALIASES_MAX} aliases; delete some that are not in use first")
        return state_machine_versions.put_alias(connection, row.id, wanted, now)
    # "Step Functions bases the idempotency check on the stateMachineArn, description, name, and routingConfiguration
    # parameters." Source: API_CreateStateMachineAlias.
    if before.routing != wanted.routing:
        raise ConflictError(
            "Failed to create alias because an alias with the same name and a different routing configuration"
            " already exists."
        )
    if before.description != wanted.description:
        raise ConflictError(
            "Failed to create alias because an alias with the same name and a different description already exists."
        )
    return before


def _routed_machine(connection: apsw.Connection, machine_arn: str, shares: tuple[tuple[int, int], ...]) -> MachineRow:
    """The state machine, when it has all the versions that *shares* names."""
    try:
        row = active(connection, machine_arn)
    except StateMachineDoesNotExistError:
        raise MissingReferenceError from None
    for number, _ in shares:
        if state_machine_versions.version(connection, row.id, number) is None:
            raise MissingReferenceError
    return row


def _alias(connection: apsw.Connection, row: MachineRow, name: str) -> AliasRow:
    found = state_machine_versions.alias(connection, row.id, name)
    if found is None:
        raise MissingReferenceError
    return found


def _checked_for(machine_arn: str, routing: Routing) -> tuple[tuple[int, int], ...]:
    of, shares = _checked(routing)
    if of != machine_arn:
        raise InvalidRequestError("The routing configuration must contain versions of the alias's own state machine")
    return shares


def _checked(routing: Routing) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The state machine's ARN, and version numbers with weights.

    Raises:
        InvalidRequestError
    """
    version_arns = [arn for arn, _ in routing]
    listed = f"[{', '.join(version_arns)}]"
    split = [arns.split_qualifier(arn) for arn in version_arns]
    if not all(qualifier is not None and qualifier.isdecimal() for _, qualifier in split):
        raise InvalidRequestError(f"Routing configuration must contain state machine version ARNs. Received: {listed}")
    if len(set(version_arns)) < len(version_arns):
        raise InvalidRequestError(
            f"Routing configuration must contain distinct state machine version ARNs. Received: {listed}"
        )
    weights = [weight for _, weight in routing]
    if sum(weights) != 100:
        shown = ", ".join(map(str, weights))
        raise InvalidRequestError(f"Sum of routing configuration weights must equal 100. Received: [{shown}]")
    if len({machine_arn for machine_arn, _ in split}) > 1:
        raise InvalidRequestError(
            f"Routing configuration must contain versions of one state machine. Received: {listed}"
        )
    numbers = [arns.version_number(qualifier) for _, qualifier in split if qualifier is not None]
    return split[0][0], tuple(zip(numbers, weights, strict=True))


def _split(alias_arn: str) -> tuple[str, str]:
    machine_arn, name = arns.split_qualifier(alias_arn)
    if name is None or name.isdecimal():
        raise InvalidRequestError(f"'{alias_arn}' is not the ARN of an alias; it must end with the alias's name")
    return machine_arn, name


def _shown(machine_arn: str, alias: AliasRow) -> Alias:
    routing = {f"{machine_arn}:{number}": weight for number, weight in alias.routing}
    return Alias(
        f"{machine_arn}:{alias.name}", alias.name, alias.description, routing, alias.created_at, alias.updated_at
    )
