"""What an expression can see while it is evaluated, and how it fails."""

import hashlib
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias

from expeditor.payloads import JSONValue


class Missing(Enum):
    """The type of ``MISSING``: no value at all, which is not null."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING


class EvaluationError(Exception):
    """An expression failed; a workflow's failure, which retriers and catchers may match.

    Attributes:
        error: error name, such as ``States.ParameterPathFailure`` or ``States.QueryEvaluationError``.
        cause: AWS's wording, without the leading "An error occurred while executing the state ..." sentence.
    """

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


class Draws:
    """The randomness of one event: the same *seed* gives the same draws in the same order."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._lazy: random.Random | None = None

    def random(self) -> random.Random:
        """The generator behind all draws of this event."""
        if self._lazy is None:
            self._lazy = random.Random(self._seed)  # noqa: S311 - replayable on purpose; tokens use digest()
        return self._lazy

    def uuid(self) -> str:
        """A version 4 UUID."""
        return str(uuid.UUID(int=self.random().getrandbits(128), version=4))

    def digest(self, label: str) -> str:
        """64 hexadecimal digits that nobody without the seed can guess, the same for the same *label*."""
        return hashlib.sha256(self._seed + label.encode()).hexdigest()


@dataclass(slots=True)
class Scope:
    """The data of one state at one moment.

    Attributes:
        input: ``$`` in JSONPath, ``$states.input`` in JSONata.
        context: ``$$`` in JSONPath, ``$states.context`` in JSONata.
        variables: by name, without ``$``.
        at: the instant of the event being handled, for ``$now()`` and ``$millis()``.
        result: ``$states.result``, where the state has one.
        error_output: ``$states.errorOutput``, inside a catcher.
    """

    input: JSONValue
    context: JSONValue
    variables: Mapping[str, JSONValue]
    draws: Draws
    at: float
    result: JSONValue | Missing = field(default=MISSING)
    error_output: JSONValue | Missing = field(default=MISSING)


Expression: TypeAlias = Callable[[Scope], JSONValue]
"""A compiled expression. Raises EvaluationError."""
