"""What a failed assertion prints: how the execution went, and where it left the expected path."""

import difflib
from collections.abc import Sequence
from types import EllipsisType
from typing import Protocol

import msgspec

from expeditor.asl import HistoryEvent
from expeditor.payloads import JSONValue, encode
from expeditor.testing.calls import Call

TEXT_CHARACTERS_MAX = 300
"""Of an output or a cause, so much is printed."""


class Ended(Protocol):
    """What is printed of an execution."""

    @property
    def status(self) -> str:
        """AWS's name."""
        ...

    @property
    def output(self) -> JSONValue:
        """If it succeeded."""
        ...

    @property
    def error(self) -> str | None:
        """If it failed."""
        ...

    @property
    def cause(self) -> str | None:
        """If it failed."""
        ...

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every try of every task."""
        ...

    @property
    def elapsed_seconds(self) -> float:
        """Virtual time."""
        ...

    @property
    def history(self) -> tuple[HistoryEvent, ...]:
        """All events."""
        ...


def entered(history: Sequence[HistoryEvent]) -> list[str]:
    """The states entered, in order."""
    bodies = (event.details["stateEnteredEventDetails"] for event in history if event.type.endswith("StateEntered"))
    return [str(body["name"]) for body in bodies if isinstance(body, dict)]


def summary(execution: Ended) -> str:
    """How *execution* went, in a few lines."""
    lines = [f"status: {execution.status} after {execution.elapsed_seconds:g} s of virtual time"]
    if execution.error is not None or execution.cause is not None:
        lines.append(f"error:  {execution.error}: {_cut(execution.cause or '')}")
    else:
        lines.append(f"output: {_cut(encode(execution.output).decode())}")
    return "\n".join([*lines, "states:", *_steps(execution)])


def path_difference(path: list[str], expected: "list[str | EllipsisType]") -> str:
    """Where *path* is not as *expected*, line by line."""
    wanted = [name if isinstance(name, str) else "..." for name in expected]
    return _difference("the execution took another path (- expected, + taken):", wanted, path)


def value_difference(value: JSONValue, expected: JSONValue) -> str:
    """Where *value*, an output, is not as *expected*, line by line."""
    title = "the execution has another output (- expected, + here):"
    return _difference(title, _lines(expected), _lines(value))


def _lines(value: JSONValue) -> list[str]:
    return msgspec.json.format(encode(value), indent=2).decode().splitlines()


def _difference(title: str, expected: list[str], found: list[str]) -> str:
    lines = difflib.ndiff(expected, found)
    return "\n".join([title, *(f"    {line}" for line in lines if not line.startswith("?"))])


def _steps(execution: Ended) -> list[str]:
    """One line for each state entered, with the tries of its task and how its failures were called."""
    lines: list[str] = []
    for event in execution.history:
        if event.type.endswith("StateEntered"):
            at = event.at - execution.history[0].at
            lines.append(f"    {at:>10g} s  {entered([event])[0]}")
        elif event.type.endswith(("Failed", "TimedOut")) and event.details and not event.type.startswith("Execution"):
            body = next(iter(event.details.values()))
            error = body.get("error", event.type) if isinstance(body, dict) else event.type
            lines.append(f"    {event.at - execution.history[0].at:>10g} s      failed: {error}")
    return lines


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARACTERS_MAX else f"{text[:TEXT_CHARACTERS_MAX]}..."
