"""Step Functions' operations of those that hold a task token."""

from expeditor.api.protocol import Answer, Call, Operation, Operations
from expeditor.api.stepfunctions.executions import INPUT_BODY_BYTES_MAX
from expeditor.executions import Engine


class TaskOperations:
    """Success, failure, heartbeat."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def table(self) -> Operations:
        """The operations by name."""
        return {
            "SendTaskSuccess": Operation(self._succeed, body_bytes_max=INPUT_BODY_BYTES_MAX),
            "SendTaskFailure": Operation(self._fail),
            "SendTaskHeartbeat": Operation(self._heartbeat),
        }

    async def _succeed(self, call: Call) -> Answer:
        await self._engine.send_task_success(call.params["taskToken"], call.params["output"].encode())
        return {}

    async def _fail(self, call: Call) -> Answer:
        params = call.params
        await self._engine.send_task_failure(params["taskToken"], params.get("error", ""), params.get("cause", ""))
        return {}

    async def _heartbeat(self, call: Call) -> Answer:
        self._engine.send_task_heartbeat(call.params["taskToken"])
        return {}
