"""What a mocked task answers."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from expeditor.payloads import JSONValue, decode
from expeditor.testing.failures import MachineTestError


@dataclass(frozen=True, slots=True)
class Returns:
    """Success.

    Attributes:
        value: what a mocked function returns, or a mocked state's whole result.
        seconds: how long it takes on the virtual clock.
        is_whole: whether *value* is the whole answer of the service in any case, as in TestState.
    """

    value: JSONValue
    seconds: float = 0.0
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Fails:
    """Failure; *error* is the name that retriers and catchers match."""

    error: str
    cause: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Never:
    """No answer at all: the task ends by its time-out."""


Outcome: TypeAlias = Returns | Fails | Never
Answer: TypeAlias = "Outcome | Callable[[JSONValue], JSONValue | Outcome]"
"""An outcome, or a function from the effective input (for functions: the event) to a result or an outcome."""


def returns(value: JSONValue, *, seconds: float = 0.0) -> Returns:
    """Success with *value* after *seconds* of virtual time."""
    return Returns(value, seconds)


def fails(error: str, cause: str | None = None, *, seconds: float = 0.0) -> Fails:
    """Failure with *error* after *seconds* of virtual time."""
    return Fails(error, cause, seconds)


def never() -> Never:
    """No answer."""
    return Never()


def answer_of(given: Any) -> Answer:
    """An answer, also from ``mock`` of TestState: ``{"result": "JSON text"}`` or ``{"errorOutput": {"error": ...}}``.

    Raises:
        MachineTestError: anything else.
    """
    if isinstance(given, Returns | Fails | Never):
        return given
    if callable(given):
        answer: Callable[[JSONValue], JSONValue | Outcome] = given
        return answer
    if isinstance(given, Mapping):
        members = given.keys() - {"fieldValidationMode"}
        if members == {"result"}:
            return Returns(_parsed(given["result"]), is_whole=True)
        if members == {"errorOutput"}:
            output = given["errorOutput"]
            return Fails(output["error"], output.get("cause"))
    raise MachineTestError(
        f"{given!r} is no mock. Give the result as result=..., the failure as error=..., or one of returns(...), "
        'fails(...), never(), a function, {"result": "JSON text"} or {"errorOutput": {"error": ..., "cause": ...}}'
    )


def outcome_of(answer: Answer, event: JSONValue) -> Outcome:
    """What *answer* gives for *event*."""
    if isinstance(answer, Returns | Fails | Never):
        return answer
    given = answer(event)
    return given if isinstance(given, Returns | Fails | Never) else Returns(given)


def check_json(value: JSONValue, whose: str) -> None:
    """Refuses what a function could not return either. Raises MachineTestError."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise MachineTestError(f"{whose} gives what cannot be written as JSON: {error}") from error


def _parsed(result: JSONValue) -> JSONValue:
    if not isinstance(result, str):
        return result
    try:
        return decode(result)
    except msgspec.DecodeError as error:
        raise MachineTestError(
            f"the mock's result must be JSON text, as in TestState, not {result!r}: {error}"
        ) from error
