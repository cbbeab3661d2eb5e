"""Operations on the way of a request: off the event loop, their refusals told as problems."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

from order_processing.domain import ActError, StaleOwnerError, UnknownOrderError
from order_processing.errors import OrderProcessingError, RefusedError, TransientError
from order_processing.operations import TaskInputError, UnknownAlertError, UnknownOperationError
from order_processing.service.problems import Problem, ProblemError

T = TypeVar("T")

_PROBLEMS: Mapping[type[OrderProcessingError], Problem] = {
    UnknownOrderError: Problem.UNKNOWN_ORDER,
    StaleOwnerError: Problem.STALE_OWNER,
    ActError: Problem.INVALID_FIELD,
    TaskInputError: Problem.INVALID_FIELD,
    UnknownOperationError: Problem.NOT_FOUND,
    UnknownAlertError: Problem.NOT_FOUND,
    RefusedError: Problem.REFUSED,
    TransientError: Problem.UNAVAILABLE,
}
"""What a refusal is answered with; the first class that fits counts."""


async def told(act: Callable[[], T]) -> T:
    """The result of *act*, which may wait for the store or a provider.

    Raises:
        ProblemError: it was refused, or did not work now.
    """
    try:
        return await asyncio.to_thread(act)
    except ProblemError:
        raise
    except OrderProcessingError as error:
        problem = next((known for kind, known in _PROBLEMS.items() if isinstance(error, kind)), None)
        if problem is None:
            raise
        raise ProblemError(problem, str(error), error=type(error).__name__) from error
