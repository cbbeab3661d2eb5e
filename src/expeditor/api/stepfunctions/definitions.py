"""ValidateStateMachineDefinition."""

from collections.abc import Sequence

from expeditor.api.protocol import Answer, Call, Operation, Operations
from expeditor.api.stepfunctions.state_machines import DEFINITION_BODY_BYTES_MAX
from expeditor.asl import DefinitionError, Diagnostic, compile_definition, definition_hints
from expeditor.executions import MachineType

DIAGNOSTICS_MAX = 100
"""Also the default. Source: API_ValidateStateMachineDefinition."""


UNREADABLE = "INVALID_JSON_DESCRIPTION"
"""What is so cannot be looked at any further."""


def definition_operations() -> Operations:
    """The operations by name."""
    operation = Operation(_validate, body_bytes_max=DEFINITION_BODY_BYTES_MAX)
    return {"ValidateStateMachineDefinition": operation}


async def _validate(call: Call) -> Answer:
    found = _diagnostics(call.params["definition"], express=call.params.get("type") == MachineType.EXPRESS)
    is_read = not any(each.code == UNREADABLE for each in found)
    if is_read and call.params.get("severity", "ERROR") == "WARNING":
        found = [*found, *definition_hints(call.params["definition"])]
    wanted = call.params.get("maxResults") or DIAGNOSTICS_MAX
    return {
        "result": "FAIL" if any(each.severity == "ERROR" for each in found) else "OK",
        "diagnostics": [_shown(each) for each in found[:wanted]],
        "truncated": len(found) > wanted,
    }


def _diagnostics(definition: str, *, express: bool) -> Sequence[Diagnostic]:
    try:
        compile_definition(definition, express=express)
    except DefinitionError as error:
        return error.diagnostics
    return ()


def _shown(diagnostic: Diagnostic) -> Answer:
    return {
        "severity": diagnostic.severity,
        "code": str(diagnostic.code),
        "message": diagnostic.message,
        "location": diagnostic.location,
    }
