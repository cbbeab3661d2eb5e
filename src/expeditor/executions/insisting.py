"""Asks until the answer is known."""

import asyncio
from collections.abc import Callable

from expeditor.executions.errors import ExecutionUnavailableError
from expeditor.executions.running import Waiter, answer, refuse
from expeditor.store import CommitUnknownError

AGAIN_SECONDS = 0.25

Ask = Callable[[Waiter], None]
"""Has a future answered; what it asks for must be the same when it is asked for twice."""


def insist(ask: Ask, call_later: Callable[[float, Callable[[], None]], None]) -> Waiter:
    """The answer of *ask*.

    After a commit with an unknown outcome, and while the execution is rebuilt after one, it asks again, and finds what
    the first try left.
    """
    waiter: Waiter = asyncio.get_running_loop().create_future()

    def ask_once() -> None:
        tried: Waiter = asyncio.get_running_loop().create_future()
        tried.add_done_callback(settle)
        ask(tried)

    def settle(tried: Waiter) -> None:
        error = tried.exception()
        if error is None:
            answer(waiter, tried.result())
        elif isinstance(error, CommitUnknownError | ExecutionUnavailableError) and not waiter.done():
            call_later(AGAIN_SECONDS, ask_once)
        else:
            refuse(waiter, error)

    ask_once()
    return waiter
