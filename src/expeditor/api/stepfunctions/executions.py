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

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def table(self) -> Operations:
        """The operations by name."""
        return {
            "StartExecution": Operation(self._start, body_bytes_max=INPUT_BODY_BYTES_MAX),
            "StartSyncExecution": Operation(self._start_sync, body_bytes_max=INPUT_BODY_BYTES_MAX),
            "RedriveExecution": Operation(self._redrive),
            "DescribeExecution": Operation(self._describe, missing="map runs"),
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
        if self._type_of(arn) != MachineType.EXPRESS:
            raise StateMachineTypeNotSupportedError
        started = await self._engine.start_execution(
            arn, params.get("name"), params.get("input", "{}").encode(), params.get("traceHeader")
        )
        closed = await self._engine.wait_closed(started.arn)
        return self._closed(closed, params)

    def _type_of(self, state_machine_arn: str) -> MachineType:
        """The type of a state machine, also by the ARN of a version or alias. Raises StateMachineDoesNotExistError."""
        return self._engine.machines.type_of(state_machine_arn)

    def _closed(self, closed: ClosedExecution, params: Params) -> Answer:
        took_ms = (closed.stopped_at - closed.started_at) * 1000
        return {
            "executionArn": closed.arn,
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
            **_started_by(found),
            "redriveCount": found.redrive_count,
            "redriveDate": found.redriven_at,
            "redriveStatus": "REDRIVABLE" if found.not_redrivable is None else "NOT_REDRIVABLE",
            "redriveStatusReason": found.not_redrivable,
        }

    async def _list(self, call: Call) -> Answer:
        params = call.params
        chosen = _filter(params)
        if chosen.state_machine_arn and self._type_of(chosen.state_machine_arn) == MachineType.EXPRESS:
            raise StateMachineTypeNotSupportedError
        page = self._engine.list_executions(chosen)
        return {
            "executions": [_summary(execution) for execution in page.executions],
            "nextToken": None if page.next_page is None else token_of(page.next_page),
        }

    async def _redrive(self, call: Call) -> Answer:
        arn = check_arn(call.params["executionArn"], "execution")
        return {"redriveDate": await self._engine.redrive_execution(arn, call.params.get("clientToken"))}

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


def _started_by(found: ExecutionDescription | ExecutionSummary) -> dict[str, str | None]:
    """The version and the alias of its state machine by which an execution was started."""
    machine = found.state_machine_arn
    return {
        "stateMachineVersionArn": None if found.version is None else f"{machine}:{found.version}",
        "stateMachineAliasArn": None if found.alias is None else f"{machine}:{found.alias}",
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
    status, redriven = params.get("statusFilter"), params.get("redriveFilter")
    return ExecutionFilter(
        state_machine_arn=check_arn(params["stateMachineArn"], "stateMachine"),
        status=ExecutionStatus(status) if status else None,
        after=number_of(params),
        limit=items_wanted(params),
        is_redriven=None if redriven is None else redriven == "REDRIVEN",
    )


def _summary(execution: ExecutionSummary) -> Answer:
    return {
        "executionArn": execution.arn,
        "stateMachineArn": execution.state_machine_arn,
        "name": execution.name,
        "status": execution.status.value,
        "startDate": execution.started_at,
        "stopDate": execution.stopped_at,
        **_started_by(execution),
        "redriveCount": execution.redrive_count,
        "redriveDate": execution.redriven_at,
    }
