"""What an expression can see while it is evaluated, and how it fails."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final, TypeAlias

import msgspec

from expeditor.asl.jayway import VISITS_TOGETHER_MAX
from expeditor.ids import Draws
from expeditor.payloads import JSONValue


class Missing(Enum):
    """The type of ``MISSING``: no value at all, which is not null."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING

Selected: TypeAlias = "JSONValue | Missing"
"""What is found, or MISSING."""


class EvaluationError(Exception):
    """An expression failed; a workflow's failure, which retriers and catchers may match.

    Attributes:
        error: error name, such as ``States.ParameterPathFailure`` or ``States.QueryEvaluationError``.
        cause: AWS's wording, without the leading "An error occurred while executing the state ..." sentence.
        location: the field that failed, such as ``Output/result``; known for JSONata.
    """

    def __init__(self, error: str, cause: str, *, location: str | None = None) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause
        self.location = location


class Scope(msgspec.Struct):
    """The data of one state at one moment.

    Attributes:
        input: ``$`` in JSONPath, ``$states.input`` in JSONata.
        context: ``$$`` in JSONPath, ``$states.context`` in JSONata.
        variables: by name, without ``$``.
        at: the instant of the event being handled, for ``$now()`` and ``$millis()``.
        result: ``$states.result``, where the state has one.
        error_output: ``$states.errorOutput``, inside a catcher.
        visits_left: values that its paths may still look at, together.
    """

    input: JSONValue
    context: JSONValue
    variables: Mapping[str, JSONValue]
    draws: Draws
    at: float
    result: Selected = MISSING
    error_output: Selected = MISSING
    visits_left: int = VISITS_TOGETHER_MAX


Expression: TypeAlias = Callable[[Scope], JSONValue]
"""A compiled expression. Raises EvaluationError."""

Lookup: TypeAlias = Callable[[Scope], Selected]
"""A compiled expression that may find nothing. Raises EvaluationError."""
