"""Which executions may be redriven. Source: redriveStatusReason of API_DescribeExecution."""

from expeditor.asl import ExecutionStatus
from expeditor.store.executions import ExecutionRow

REDRIVABLE_SECONDS = 14 * 86_400
"""After its end, an execution may be redriven for so long."""

EXECUTION_SECONDS_MAX = 365 * 86_400
"""An execution's longest life. Source: Step Functions service quotas."""

_HISTORY_FULL = "The execution reached the maximum number of history events"
_OPEN_OR_WELL = (ExecutionStatus.RUNNING, ExecutionStatus.SUCCEEDED)


def why_not_redrivable(row: ExecutionRow, now: float) -> str | None:
    """Why an execution cannot be redriven, in AWS's words; None when it can."""
    if row.status in _OPEN_OR_WELL:
        return f"Execution is {row.status} and cannot be redriven"
    if row.machine_status != "ACTIVE":
        return "State machine is in DELETING status"
    if row.stopped_at is not None and now - row.stopped_at > REDRIVABLE_SECONDS:
        return "Execution redrivable period exceeded"
    if now - row.started_at > EXECUTION_SECONDS_MAX:
        return "Execution has exceeded the max execution time"
    if row.cause is not None and row.cause.startswith(_HISTORY_FULL):
        return "Execution history event limit exceeded"
    return None


def running_reason() -> str:
    """Why an execution that has just been redriven cannot be redriven again."""
    return f"Execution is {ExecutionStatus.RUNNING} and cannot be redriven"
