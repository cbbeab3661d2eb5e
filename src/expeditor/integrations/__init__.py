"""From a Task's ``Resource`` to an effect."""

from expeditor.integrations.invoke import Invoker
from expeditor.integrations.nested import ClosedExecution, Executions, StartedExecution, StartRequest
from expeditor.integrations.publish import Publisher
from expeditor.integrations.resources import Integrations, TaskStarter
from expeditor.integrations.sdk import Endpoints, SdkTasks
from expeditor.integrations.tasks import (
    Cancel,
    Failed,
    Handler,
    Outcome,
    Pattern,
    Report,
    Submitted,
    Succeeded,
    TaskRequest,
)

__all__ = [
    "Cancel",
    "ClosedExecution",
    "Endpoints",
    "Executions",
    "Failed",
    "Handler",
    "Integrations",
    "Invoker",
    "Outcome",
    "Pattern",
    "Publisher",
    "Report",
    "SdkTasks",
    "StartRequest",
    "StartedExecution",
    "Submitted",
    "Succeeded",
    "TaskRequest",
    "TaskStarter",
]
