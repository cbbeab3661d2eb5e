"""Step Functions' operations on map runs."""

from typing import Any

from expeditor.api.protocol import Answer, Call, Operation, Operations, Params
from expeditor.api.stepfunctions.arns import check_arn
from expeditor.api.stepfunctions.pages import items_wanted, number_of, token_of
from expeditor.asl import ExecutionStatus, MapRun
from expeditor.executions import MapRunChange, MapRunDescription, MapRuns

RUNNING_MAX = 10_000
"""As many child executions as run at once where no limit is given, which AWS shows as 0."""


class MapRunOperations:
    """Describe, list, update."""

    def __init__(self, map_runs: MapRuns) -> None:
        self._map_runs = map_runs

    def table(self) -> Operations:
        """The operations by name."""
        return {
            "DescribeMapRun": Operation(self._describe, missing="child executions that timed out count as failed"),
            "ListMapRuns": Operation(self._list),
            "UpdateMapRun": Operation(self._update),
        }

    async def _describe(self, call: Call) -> Answer:
        found = self._map_runs.describe(check_arn(call.params["mapRunArn"], "mapRun"))
        run = found.run
        return {
            "mapRunArn": run.arn,
            "executionArn": found.execution_arn,
            "status": found.status.value,
            "startDate": run.started_at,
            "stopDate": found.stopped_at,
            "maxConcurrency": 0 if run.running_max >= RUNNING_MAX else run.running_max,
            "toleratedFailurePercentage": float(run.failed_percentage_max or 0),
            "toleratedFailureCount": int(run.failed_max or 0),
            "itemCounts": _item_counts(found),
            "executionCounts": _execution_counts(found),
            "redriveCount": run.redrive_count,
            "redriveDate": run.redriven_at,
        }

    async def _list(self, call: Call) -> Answer:
        found = self._map_runs.list(check_arn(call.params["executionArn"], "execution"))
        first, wanted = number_of(call.params) or 0, items_wanted(call.params)
        after = first + wanted
        return {
            "mapRuns": [_summary(one) for one in found[first:after]],
            "nextToken": token_of(after) if after < len(found) else None,
        }

    async def _update(self, call: Call) -> Answer:
        await self._map_runs.update(check_arn(call.params["mapRunArn"], "mapRun"), _change(call.params))
        return {}


def _change(params: Params) -> MapRunChange:
    return MapRunChange(
        running_max=params.get("maxConcurrency"),
        failed_max=params.get("toleratedFailureCount"),
        failed_percentage_max=params.get("toleratedFailurePercentage"),
    )


def _summary(found: MapRunDescription) -> Answer:
    return {
        "executionArn": found.execution_arn,
        "mapRunArn": found.run.arn,
        "stateMachineArn": found.state_machine_arn,
        "startDate": found.run.started_at,
        "stopDate": found.stopped_at,
    }


def _execution_counts(found: MapRunDescription) -> dict[str, Any]:
    run = found.run
    written = run.succeeded + run.failed if run.results_written else 0
    return _counts(found, run.total, (run.running, run.succeeded, run.failed), written)


def _item_counts(found: MapRunDescription) -> dict[str, Any]:
    run: MapRun = found.run
    return _counts(found, run.items, (run.running_items, run.succeeded_items, run.failed_items), run.results_written)


def _counts(found: MapRunDescription, total: int, counted: tuple[int, int, int], written: int) -> dict[str, Any]:
    """What is neither running nor ended waits for its turn, or was given up when the run ended."""
    running, succeeded, failed = counted
    is_running = found.status is ExecutionStatus.RUNNING
    left = total - succeeded - failed - (running if is_running else 0)
    return {
        "pending": left if is_running else 0,
        "running": running if is_running else 0,
        "succeeded": succeeded,
        "failed": failed,
        "timedOut": 0,
        "aborted": 0 if is_running else left,
        "total": total,
        "resultsWritten": written,
    }
