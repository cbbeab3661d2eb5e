"""Children that were to be stopped when the node ended, or when a commit failed: nobody waits for them any more."""

from collections.abc import Container

import apsw

from expeditor.executions.arns import execution_arn
from expeditor.executions.registry import Registry
from expeditor.integrations import waiting_task
from expeditor.store import executions


def orphans(reader: apsw.Connection, registry: Registry, parents: Container[str] | None = None) -> list[str]:
    """ARNs of executions that run although the task that started them, and was to wait for their end, is over.

    What is in memory of the parents must be what is on disk. A child that was redriven goes on for its own sake.

    Args:
        parents: ARNs of executions whose children are looked at; None for those of all.
    """
    found: list[str] = []
    for machine_arn, name, started_by in executions.nested_running(reader):
        arn, task = execution_arn(machine_arn, name), waiting_task(started_by)
        if task is None or (parents is not None and task.execution_arn not in parents):
            continue
        if registry.refused & {arn, task.execution_arn}:
            continue
        parent = registry.by_arn.get(task.execution_arn)
        if parent is None or task.task_id not in parent.execution.tasks:
            found.append(arn)
    return found
