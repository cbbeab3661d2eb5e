"""What the handlers have in common: each takes the step of its name, here or where another system takes it."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from order_processing.gateways import RemoteOperation, remote_operations
from order_processing.operations import TASKS, Event, TaskInputError, answer, owned, perform, shared_services

__all__ = ["Event", "TaskInputError", "answer", "owned", "take"]


def take(name: str, event: Event) -> dict[str, Any]:
    """Takes the step called *name*; ``REMOTE_OPERATIONS`` may name another system that does.

    Raises:
        TaskInputError: the event names no order or no epoch.
    """
    assert name in TASKS
    owned(event)
    remote = _remote().get(name)
    return perform(shared_services(), name, event) if remote is None else remote.perform(event)


@cache
def _remote() -> Mapping[str, RemoteOperation]:
    """Read once per worker: its environment is part of the function's version."""
    return remote_operations(os.environ, TASKS)
