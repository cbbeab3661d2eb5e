"""GetExecutionHistory."""

from collections.abc import Mapping
from typing import Any

from expeditor.api.protocol import Answer, Call, Operation, Operations
from expeditor.api.stepfunctions.arns import check_arn
from expeditor.api.stepfunctions.pages import items_wanted, number_of, token_of
from expeditor.asl import HistoryEvent
from expeditor.executions import Engine

_EXECUTION_DATA = frozenset(
    {"input", "inputDetails", "output", "outputDetails", "assignedVariables", "assignedVariablesDetails", "parameters"}
)
"""What an event's details leave out unless data is asked for."""


class HistoryOperations:
    """The history of an execution, in pages."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def table(self) -> Operations:
        """The operations by name."""
        return {"GetExecutionHistory": Operation(self._get)}

    async def _get(self, call: Call) -> Answer:
        params = call.params
        events = self._engine.history(check_arn(params["executionArn"], "execution"))
        if params.get("reverseOrder"):
            events.reverse()
        first, wanted = number_of(params) or 0, items_wanted(params)
        after = first + wanted
        with_data = params.get("includeExecutionData", True)
        return {
            "events": [_shown(event, with_data=with_data) for event in events[first:after]],
            "nextToken": token_of(after) if after < len(events) else None,
        }


def _shown(event: HistoryEvent, *, with_data: bool) -> Answer:
    details: Mapping[str, Any] = event.details
    if not with_data:
        details = {name: _without_data(detail) for name, detail in details.items()}
    return {
        "timestamp": event.at,
        "type": event.type,
        "id": event.id,
        "previousEventId": event.previous_event_id,
        **details,
    }


def _without_data(detail: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in detail.items() if name not in _EXECUTION_DATA}
