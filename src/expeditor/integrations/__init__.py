"""From a Task's ``Resource`` to an effect."""

from expeditor.integrations.clients import Clients
from expeditor.integrations.endpoints import Endpoints, NoEndpointError, endpoint_variable
from expeditor.integrations.execution_logs import ExecutionLogs, LoggedExecution, LogLevel, LogTarget
from expeditor.integrations.http_tasks import HttpSettings, HttpTasks
from expeditor.integrations.invoke import Invoker
from expeditor.integrations.nested import ClosedExecution, Executions, StartedExecution, StartRequest, waiting_task
from expeditor.integrations.pool import CallPool
from expeditor.integrations.publish import Publisher
from expeditor.integrations.resources import Integrations, Outside, TaskStarter
from expeditor.integrations.sdk import SdkTasks
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
    is_job,
)

__all__ = [
    "CallPool",
    "Cancel",
    "Clients",
    "ClosedExecution",
    "Endpoints",
    "ExecutionLogs",
    "Executions",
    "Failed",
    "Handler",
    "HttpSettings",
    "HttpTasks",
    "Integrations",
    "Invoker",
    "LogLevel",
    "LogTarget",
    "LoggedExecution",
    "NoEndpointError",
    "Outcome",
    "Outside",
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
    "endpoint_variable",
    "is_job",
    "waiting_task",
]
