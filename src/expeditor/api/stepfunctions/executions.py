"""Step Functions' operations on executions."""

import math
from typing import Any

from expeditor.api.errors import UnsupportedParameterError, ValidationError
from expeditor.api.protocol import Answer, Call, Operation, Operations, Params
from expeditor.api.stepfunctions.arns import check_arn
from expeditor.api.stepfunctions.pages import items_wanted, number_of, token_of
from expeditor.asl import ExecutionStatus
from expeditor.errors import ServiceError
from expeditor.executions import Engine, ExecutionDescription, ExecutionFilter, ExecutionSummary, MachineType
from expeditor.ids import Ids
from expeditor.integrations import ClosedExecution

INPUT_BODY_BYTES_MAX = 1_700_000
"""An input of 262,144 bytes as a JSON string, each of which may be written as six, and the parameters beside it."""

BILLED_STEP_MS = 100
BILLED_MEMORY_MB = 64

_NO_DATA = {"included": False}
_DATA = {"included": True}


class StateMachineTypeNotSupportedError(ServiceError):
    """The operation is for the other type of state machine."""

    code = "StateMachineTypeNotSupported"

    def __init__(self) -> None:
        super().__init__("This operation is not supported by this type of state machine")


class ExecutionOperations:
    """Start, describe, list, stop."""

    def __init__(self, engine: Engine, ids: Ids) -> None:
        self._engine = engine
        self._ids = ids

    def table(self) -> Operations:
        """The operations by name."""
        return {
            "StartExecution": Operation(
                self._start, missing="versions and aliases", body_bytes_max=INPUT_BODY_BYTES_MAX
            ),
            "StartSyncExecution": Operation(
                self._start_sync, missing="versions and aliases", body_bytes_max=INPUT_BODY_BYTES_MAX
            ),
            "DescribeExecution": Operation(self._describe, missing="versions, aliases, map runs, redrives"),
            "ListExecutions": Operation(self._list, missing="`mapRunArn`"),
            "StopExecution": Operation(self._stop),
        }

    async def _start(self, call: Call) -> Answer:
        params = call.params
        started = await self._engine.start_execution(
            check_arn(params["stateMachineArn"], "stateMachine"),
            params.get("name"),
            params.get("input", "{}").encode(),
            params.get("traceHeader"),
        )
        return {"executionArn": started.arn, "startDate": started.started_at}

    async def _start_sync(self, call: Call) -> Answer:
        params = call.params
        arn = check_arn(params["stateMachineArn"], "stateMachine")
        if self._engine.machines.startable(arn).row.type != MachineType.EXPRESS:
            raise StateMachineTypeNotSupportedError
        started = await self._engine.start_execution(
            arn, params.get("name"), params.get("input", "{}").encode(), params.get("traceHeader")
        )
        closed = await self._engine.wait_closed(started.arn)
        return self._closed(closed, params)

    def _closed(self, closed: ClosedExecution, params: Params) -> Answer:
        took_ms = (closed.stopped_at - closed.started_at) * 1000
        return {
            # AWS gives executions of express machines an ARN of another kind, with one more part.
            "executionArn": f"{closed.arn.replace(':execution:', ':express:', 1)}:{self._ids.uuid()}",
            "stateMachineArn": closed.state_machine_arn,
            "name": closed.name,
            "status": closed.status,
            "error": closed.error,
            "cause": closed.cause,
            "startDate": closed.started_at,
            "stopDate": closed.stopped_at,
            "traceHeader": params.get("traceHeader"),
            "billingDetails": {
                "billedMemoryUsedInMB": BILLED_MEMORY_MB,
                "billedDurationInMilliseconds": max(1, math.ceil(took_ms / BILLED_STEP_MS)) * BILLED_STEP_MS,
            },
            **_payloads(closed.input, closed.output, params),
        }

    async def _describe(self, call: Call) -> Answer:
        found = self._engine.describe_execution(check_arn(call.params["executionArn"], "execution"))
        return {
            "executionArn": found.arn,
            "stateMachineArn": found.state_machine_arn,
            "name": found.name,
            "status": found.status.value,
            "error": found.error,
            "cause": found.cause,
            "startDate": found.started_at,
            "stopDate": found.stopped_at,
            "traceHeader": found.trace_header,
            **_payloads(found.input, found.output, call.params),
            **_redriving(found),
        }

    async def _list(self, call: Call) -> Answer:
        params = call.params
        if params.get("redriveFilter") == "REDRIVEN":
            return {"executions": []}
        page = self._engine.list_executions(_filter(params))
        return {
            "executions": [_summary(execution) for execution in page.executions],
            "nextToken": None if page.next_page is None else token_of(page.next_page),
        }

    async def _stop(self, call: Call) -> Answer:
        params = call.params
        arn = check_arn(params["executionArn"], "execution")
        return {"stopDate": await self._engine.stop_execution(arn, params.get("error"), params.get("cause"))}


def _payloads(given: bytes, output: bytes | None, params: Params) -> dict[str, Any]:
    """Input and output, unless only metadata was asked for; what has no output says nothing about one."""
    included = params.get("includedData") != "METADATA_ONLY"
    shown: dict[str, Any] = {"inputDetails": _DATA if included else _NO_DATA}
    if output is not None:
        shown["outputDetails"] = shown["inputDetails"]
    if included:
        shown["input"] = given.decode()
        shown["output"] = None if output is None else output.decode()
    return shown


def _redriving(found: ExecutionDescription) -> dict[str, Any]:
    redrivable = found.status not in (ExecutionStatus.RUNNING, ExecutionStatus.SUCCEEDED)
    return {
        "redriveCount": found.redrive_count,
        "redriveStatus": "REDRIVABLE" if redrivable else "NOT_REDRIVABLE",
        "redriveStatusReason": None if redrivable else f"Execution is {found.status} and cannot be redriven",
    }


def _filter(params: Params) -> ExecutionFilter:
    """What a ListExecutions asks for.

    Raises:
        InvalidArnError, InvalidTokenError, UnsupportedParameterError; ValidationError: of no state machine.
    """
    if "mapRunArn" in params:
        raise UnsupportedParameterError("mapRunArn")
    if "stateMachineArn" not in params:
        raise ValidationError("Must provide a StateMachine ARN or MapRun ARN to list executions")
    status = params.get("statusFilter")
    return ExecutionFilter(
        state_machine_arn=check_arn(params["stateMachineArn"], "stateMachine"),
        status=ExecutionStatus(status) if status else None,
        after=number_of(params),
        limit=items_wanted(params),
    )


def _summary(execution: ExecutionSummary) -> Answer:
    return {
        "executionArn": execution.arn,
        "stateMachineArn": execution.state_machine_arn,
        "name": execution.name,
        "status": execution.status.value,
        "startDate": execution.started_at,
        "stopDate": execution.stopped_at,
        "redriveCount": 0,
    }
