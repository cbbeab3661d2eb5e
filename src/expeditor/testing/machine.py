"""A state machine under test: mocks are put in, executions come out."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import EllipsisType
from typing import Any

from expeditor.asl import Machine, compile_definition
from expeditor.payloads import JSONValue, decode, encode
from expeditor.testing.calls import Mocks
from expeditor.testing.execution import TestedExecution, ended
from expeditor.testing.failures import MachineTestError
from expeditor.testing.names import Site, sites, substituted
from expeditor.testing.outcomes import Answer, Fails, Outcome, Returns, answer_of
from expeditor.testing.simulation import Simulation, Start
from expeditor.testing.sources import read_source

__tracebackhide__ = True

STARTED_AT = 1_767_225_600.0
"""2026-01-01T00:00:00Z."""


class TestedMachine:
    """A compiled machine with the mocks of one test.

    Args:
        definition: as JSON value, without ``${...}``.
        seed: of every draw the executions make, such as retry delays with jitter.
    """

    __test__ = False

    def __init__(self, definition: JSONValue, *, seed: int = 0, express: bool = False) -> None:
        self._machine, self._sites, self._states = _compiled(encode(definition), express)
        self._seed = seed
        self._mocks = Mocks(self._sites)
        self._tokens: dict[str, list[Outcome]] = {}

    @property
    def unused_mocks(self) -> list[str]:
        """Targets that nothing called so far."""
        return self._mocks.unused

    def mock(
        self,
        target: str,
        *answers: Any,
        result: "JSONValue | EllipsisType" = ...,
        error: str | None = None,
        cause: str | None = None,
        seconds: float = 0.0,
        optional: bool = False,
    ) -> None:
        """Says what the task *target* answers.

        Further answers, also of further calls of this method, are for further tries; the last one holds for the rest.

        Args:
            target: name of a function or its ARN, with or without version; name of a state; or a resource such as
                ``sns:publish``.
            answers: ``returns(...)``, ``fails(...)``, ``never()``, functions from the event to a result, or ``mock``
                of TestState: ``{"result": "JSON text"}`` or ``{"errorOutput": {"error": ..., "cause": ...}}``.
            result: what a mocked function returns; of a state or resource, the whole answer of its service.
            seconds: how long it takes on the virtual clock.
            optional: whether it is fine that nothing calls it.

        Raises:
            MachineTestError: the machine has no such task, or there is no answer.
        """
        given: list[Answer] = [answer_of(one) for one in answers]
        if not isinstance(result, EllipsisType):
            given.append(Returns(result, seconds))
        if error is not None:
            given.append(Fails(error, cause, seconds))
        if not given:
            raise MachineTestError(f'say what "{target}" answers: machine.mock("{target}", result={{...}})')
        self._mocks.add(target, given, is_optional=optional)

    def succeed_task(self, state: str, output: JSONValue, *, after_seconds: float = 0.0) -> None:
        """Whoever holds the task token of *state* calls SendTaskSuccess, *after_seconds* of virtual time."""
        self._script(state, Returns(output, after_seconds))

    def fail_task(
        self, state: str, error: str | None = None, cause: str | None = None, *, after_seconds: float = 0.0
    ) -> None:
        """Whoever holds the task token of *state* calls SendTaskFailure, *after_seconds* of virtual time."""
        self._script(state, Fails(error or "", cause, after_seconds))

    def run(
        self,
        input: JSONValue = None,  # noqa: A002 - AWS's spelling
        *,
        name: str = "test",
        started_at: float = STARTED_AT,
    ) -> TestedExecution:
        """One execution from start to end; every run uses the mocks from their first answer on.

        Args:
            input: an empty object if left out.
            name: of the execution.
            started_at: seconds since the epoch.

        Raises:
            MachineTestError: a task without a mock, or an execution that waits for what never comes.
        """
        start = Start({} if input is None else input, name, started_at, self._seed)
        simulation = Simulation(self._machine, self._mocks, self._tokens, start)
        return ended(simulation.run(), simulation, self._states)

    def _script(self, state: str, outcome: Outcome) -> None:
        if all(site.state != state for site in self._sites):
            raise MachineTestError(f'the machine has no task "{state}"; it has: {", ".join(sorted(self._states))}')
        if not any(site.state == state and site.has_token for site in self._sites):
            raise MachineTestError(
                f'the task "{state}" gives nobody a token: its resource is neither an activity nor ends in'
                f' .waitForTaskToken. Say what it answers: machine.mock("{state}", result={{...}})'
            )
        self._tokens.setdefault(state, []).append(outcome)


def load_machine(
    name: str, folders: Sequence[Path | str], *, substitutions: Mapping[str, str] | None = None, seed: int = 0
) -> TestedMachine:
    """The machine that *name* means, such as ``orders.asl.json`` or ``template.yaml#Orders``.

    Args:
        folders: where a relative path is looked up, in order.
        substitutions: for ``${...}`` of the definition, before those of the template.

    Raises:
        DefinitionError: not a valid definition.
        MachineTestError: no such file or state machine.
    """
    source = read_source(name, folders)
    definition = substituted(source.definition, {**source.substitutions, **(substitutions or {})})
    return TestedMachine(definition, seed=seed, express=source.express)


@lru_cache(maxsize=64)
def _compiled(text: bytes, express: bool) -> tuple[Machine, tuple[Site, ...], frozenset[str]]:
    definition = decode(text)
    machine = compile_definition(text.decode(), express=express)
    return machine, tuple(sites(definition)), frozenset(_names(definition))


def _names(definition: JSONValue) -> set[str]:
    found: set[str] = set()
    pending = [definition]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            states = one.get("States")
            found |= set(states) if isinstance(states, dict) else set()
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)
    return found
