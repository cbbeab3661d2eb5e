"""An execution that has ended, and what a test may ask and assert of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import EllipsisType

from expeditor.asl import Execution, ExecutionStatus, HistoryEvent
from expeditor.payloads import JSONValue, decode
from expeditor.testing.calls import Call
from expeditor.testing.failures import MachineTestError
from expeditor.testing.reports import entered, path_difference, summary, value_difference
from expeditor.testing.simulation import Simulation

__tracebackhide__ = True

Path = Sequence["str | EllipsisType"]
"""Names of states; ``...`` stands for any number of states."""


@dataclass(frozen=True, slots=True)
class TestedExecution:
    """One execution.

    Attributes:
        status: ``SUCCEEDED``, ``FAILED``, ``TIMED_OUT`` or ``ABORTED``.
        output: None unless it succeeded.
        error, cause: None unless it failed.
        calls: every try of every task, in order.
        elapsed_seconds: virtual time from start to end.
        history: as GetExecutionHistory gives it.
        states: every state of the machine.
    """

    __test__ = False

    status: str
    output: JSONValue
    error: str | None
    cause: str | None
    calls: tuple[Call, ...]
    elapsed_seconds: float
    history: tuple[HistoryEvent, ...]
    states: frozenset[str]

    @property
    def path(self) -> list[str]:
        """The states entered, in order, those inside Parallel and Map states among them."""
        return entered(self.history)

    def attempts(self, state: str) -> int:
        """How often the task of *state* was tried."""
        return len(self.calls_of(state))

    def calls_of(self, state: str) -> list[Call]:
        """The tries of the task of *state*. Raises MachineTestError: there is no such state."""
        self._check(state)
        return [call for call in self.calls if call.state == state]

    def input_of(self, state: str, visit: int = -1) -> JSONValue:
        """The raw input of *state* when it was entered, for the last time unless *visit* (from 0) says otherwise."""
        return self._visit(state, visit, "StateEntered", "stateEnteredEventDetails", "input")

    def output_of(self, state: str, visit: int = -1) -> JSONValue:
        """The output of *state* when it was left, for the last time unless *visit* (from 0) says otherwise."""
        return self._visit(state, visit, "StateExited", "stateExitedEventDetails", "output")

    def assert_path(self, expected: Path) -> None:
        """The states entered are *expected*, in which ``...`` stands for any number of states."""
        if not _matches(self.path, list(expected)):
            raise AssertionError(f"{path_difference(self.path, list(expected))}\n\n{summary(self)}")

    def assert_succeeded(self, output: "JSONValue | EllipsisType" = ...) -> None:
        """It succeeded, with *output* if given."""
        if self.status != ExecutionStatus.SUCCEEDED:
            raise AssertionError(f"the execution did not succeed\n\n{summary(self)}")
        if not isinstance(output, EllipsisType) and self.output != output:
            raise AssertionError(f"{value_difference(self.output, output)}\n\n{summary(self)}")

    def assert_failed(self, error: str | None = None, cause: str | None = None) -> None:
        """It failed, with *error* and a cause that holds *cause*, where given."""
        if self.status != ExecutionStatus.FAILED:
            raise AssertionError(f"the execution did not fail\n\n{summary(self)}")
        if error is not None and self.error != error:
            raise AssertionError(f"the execution failed with {self.error}, expected {error}\n\n{summary(self)}")
        if cause is not None and cause not in (self.cause or ""):
            raise AssertionError(f"the cause does not hold {cause!r}\n\n{summary(self)}")

    def _visit(self, state: str, visit: int, kind: str, key: str, member: str) -> JSONValue:
        self._check(state)
        found: list[JSONValue] = []
        for event in self.history:
            body = event.details.get(key)
            if event.type.endswith(kind) and isinstance(body, dict) and body["name"] == state:
                found.append(decode(str(body[member])))
        if -len(found) <= visit < len(found):
            return found[visit]
        word = "entered" if kind == "StateEntered" else "left"
        how_often = f"{word} {len(found)} times, so there is no visit {visit}" if found else f"not {word}"
        raise MachineTestError(f"the state {state} was {how_often}\n\n{summary(self)}")

    def _check(self, state: str) -> None:
        if state not in self.states:
            close = get_close_matches(state, self.states, n=1)
            hint = f'; did you mean "{close[0]}"?' if close else ""
            raise MachineTestError(f'the machine has no state "{state}"{hint}')


def ended(execution: Execution, simulation: Simulation, states: frozenset[str]) -> TestedExecution:
    """What a test sees of *execution*, which *simulation* has run."""
    history = simulation.history
    return TestedExecution(
        status=execution.status.value,
        output=None if execution.output is None else decode(execution.output),
        error=execution.error,
        cause=execution.cause,
        calls=tuple(simulation.calls),
        elapsed_seconds=history[-1].at - execution.context.started_at,
        history=tuple(history),
        states=states,
    )


def _matches(path: list[str], expected: "list[str | EllipsisType]") -> bool:
    """Matches with one letter for each name."""
    names = dict.fromkeys([*path, *(name for name in expected if isinstance(name, str))])
    letters = {name: chr(0x1000 + index) for index, name in enumerate(names)}
    pattern = "".join(letters[name] if isinstance(name, str) else ".*" for name in expected)
    return re.fullmatch(pattern, "".join(letters[name] for name in path)) is not None
