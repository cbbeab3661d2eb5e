"""GetExecutionHistory."""

from expeditor.api.protocol import Answer, Call, Operation, Operations
from expeditor.api.stepfunctions.arns import check_arn
from expeditor.api.stepfunctions.pages import items_wanted, number_of, token_of
from expeditor.asl import HistoryEvent, without_data
from expeditor.executions import Engine


class HistoryOperations:
    """The history of an execution, in pages."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def table(self) -> Operations:
        """The operations by name."""
        return {"GetExecutionHistory": Operation(self._get)}

    async def _get(self, call: Call) -> Answer:
        params = call.params
        arn, newest_first = check_arn(params["executionArn"], "execution"), bool(params.get("reverseOrder"))
        first, wanted = number_of(params) or 0, items_wanted(params)
        history = await self._engine.history_page(arn, first, wanted, newest_first=newest_first)
        events = history.page[::-1] if newest_first else history.page
        last = events[-1].id if events else 0
        has_more = last > 1 if newest_first else 0 < last < len(history)
        if not params.get("includeExecutionData", True):
            events = [without_data(event) for event in events]
        return {
            "events": [_shown(event) for event in events],
            "nextToken": token_of(last) if has_more else None,
        }


def _shown(event: HistoryEvent) -> Answer:
    return {
        "timestamp": event.at,
        "type": event.type,
        "id": event.id,
        "previousEventId": event.previous_event_id,
        **event.details,
    }
