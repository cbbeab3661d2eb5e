"""Scopes for the tests of expressions."""

from typing import Any

from expeditor.asl.scope import EvaluationError, Expression, Scope
from expeditor.ids import Draws


def scope(input_: Any = None, *, context: Any = None, variables: dict[str, Any] | None = None, **rest: Any) -> Scope:
    """A scope at a fixed instant with fixed draws."""
    return Scope(
        input=input_,
        context={"Execution": {"Id": "e-1"}} if context is None else context,
        variables=variables or {},
        draws=Draws(b"0123456789abcdef"),
        at=1_700_000_000.123,
        **rest,
    )


def failure(expression: Expression, at: Scope) -> EvaluationError:
    """How *expression* fails."""
    try:
        value = expression(at)
    except EvaluationError as error:
        return error
    raise AssertionError(f"gave {value!r} instead of failing")
