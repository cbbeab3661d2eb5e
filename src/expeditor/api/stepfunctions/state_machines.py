"""Step Functions' operations on state machines."""

from typing import Any

from expeditor.api.errors import ValidationError
from expeditor.api.protocol import Answer, Call, Operation, Operations, Params
from expeditor.api.stepfunctions.arns import check_arn
from expeditor.api.stepfunctions.configurations import configurations
from expeditor.api.stepfunctions.pages import items_wanted, position_of, token_of
from expeditor.asl import variable_references
from expeditor.executions import (
    CreateStateMachine,
    MachineType,
    StateMachine,
    StateMachines,
    StateMachineSummary,
    UpdateStateMachine,
)
from expeditor.payloads import decode

DEFINITION_BODY_BYTES_MAX = 6_500_000
"""A definition of 1 MiB as a JSON string: each byte of it may be written as six."""


class StateMachineOperations:
    """Create, update, describe, list, delete."""

    def __init__(self, machines: StateMachines) -> None:
        self._machines = machines

    def table(self) -> Operations:
        """The operations by name."""
        return {
            "CreateStateMachine": Operation(
                self._create,
                missing="keys of one's own",
                body_bytes_max=DEFINITION_BODY_BYTES_MAX,
            ),
            "UpdateStateMachine": Operation(
                self._update,
                missing="keys of one's own",
                body_bytes_max=DEFINITION_BODY_BYTES_MAX,
            ),
            "DescribeStateMachine": Operation(self._describe),
            "DescribeStateMachineForExecution": Operation(self._describe_for_execution, missing="`mapRunArn`"),
            "ListStateMachines": Operation(self._list),
            "DeleteStateMachine": Operation(self._delete),
        }

    async def _create(self, call: Call) -> Answer:
        params = call.params
        _check_publishing(params)
        wanted = CreateStateMachine(
            name=params["name"],
            definition=params["definition"],
            role_arn=params["roleArn"],
            type=MachineType(params.get("type", "STANDARD")),
            tags={tag["key"]: tag.get("value", "") for tag in params.get("tags", ()) if "key" in tag},
            publish=params.get("publish", False),
            version_description=params.get("versionDescription"),
            **self._configurations(params),
        )
        made = await self._machines.create(wanted)
        return {
            "stateMachineArn": made.arn,
            "creationDate": made.created_at,
            "stateMachineVersionArn": _version_arn(made),
        }

    async def _update(self, call: Call) -> Answer:
        params = call.params
        _check_publishing(params)
        wanted = UpdateStateMachine(
            check_arn(params["stateMachineArn"], "stateMachine"),
            params.get("definition"),
            params.get("roleArn"),
            publish=params.get("publish", False),
            version_description=params.get("versionDescription"),
            **self._configurations(params),
        )
        made = await self._machines.update(wanted)
        return {
            "updateDate": made.updated_at,
            "revisionId": made.revision_id,
            "stateMachineVersionArn": _version_arn(made),
        }

    async def _describe(self, call: Call) -> Answer:
        found = self._machines.describe(check_arn(call.params["stateMachineArn"], "stateMachine"))
        return {
            **_described(found, call.params),
            "status": found.status,
            "type": found.type.value,
            "creationDate": found.created_at,
            "description": found.description,
        }

    async def _describe_for_execution(self, call: Call) -> Answer:
        found = self._machines.describe_for_execution(check_arn(call.params["executionArn"], "execution"))
        return {**_described(found, call.params), "updateDate": found.updated_at}

    async def _list(self, call: Call) -> Answer:
        wanted = items_wanted(call.params)
        found = self._machines.list(position_of(call.params) or "", wanted + 1)
        more = len(found) > wanted
        return {
            "stateMachines": [_summary(machine) for machine in found[:wanted]],
            "nextToken": token_of(found[wanted - 1].name) if more else None,
        }

    async def _delete(self, call: Call) -> Answer:
        await self._machines.delete(check_arn(call.params["stateMachineArn"], "stateMachine"))
        return {}

    def _configurations(self, params: Params) -> dict[str, Any]:
        return configurations(params, self._machines.logs)


def _version_arn(made: StateMachine) -> str | None:
    return None if made.version is None else f"{made.arn}:{made.version}"


def _summary(machine: StateMachineSummary) -> Answer:
    return {
        "stateMachineArn": machine.arn,
        "name": machine.name,
        "type": machine.type.value,
        "creationDate": machine.created_at,
    }


def _described(machine: StateMachine, params: Params) -> Answer:
    shown: dict[str, Any] = {
        "stateMachineArn": machine.arn,
        "name": machine.name,
        "definition": machine.definition,
        "roleArn": machine.role_arn,
        "loggingConfiguration": decode(machine.logging),
        "tracingConfiguration": decode(machine.tracing),
        "revisionId": machine.revision_id,
        "variableReferences": variable_references(machine.definition) or None,
    }
    if params.get("includedData") == "METADATA_ONLY":
        shown |= {"definition": "{}", "variableReferences": None}
    return shown


def _check_publishing(params: Params) -> None:
    """Raises ValidationError: a description of a version that is not published."""
    if "versionDescription" in params and not params.get("publish"):
        raise ValidationError("Version description can only be set when publish is true")
