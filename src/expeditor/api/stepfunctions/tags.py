"""Step Functions' operations on tags."""

from expeditor.api.protocol import Answer, Call, Operation, Operations
from expeditor.api.stepfunctions.arns import check_arn
from expeditor.executions import StateMachines

_TAGGABLE = ("stateMachine", "activity")


class TagOperations:
    """Tag, untag, list."""

    def __init__(self, machines: StateMachines) -> None:
        self._machines = machines

    def table(self) -> Operations:
        """The operations by name."""
        return {
            "TagResource": Operation(self._tag),
            "UntagResource": Operation(self._untag),
            "ListTagsForResource": Operation(self._list),
        }

    async def _tag(self, call: Call) -> Answer:
        arn = check_arn(call.params["resourceArn"], *_TAGGABLE)
        tags = {tag["key"]: tag.get("value", "") for tag in call.params["tags"] if "key" in tag}
        await self._machines.tag(arn, tags)
        return {}

    async def _untag(self, call: Call) -> Answer:
        arn = check_arn(call.params["resourceArn"], *_TAGGABLE)
        await self._machines.untag(arn, call.params["tagKeys"])
        return {}

    async def _list(self, call: Call) -> Answer:
        found = self._machines.tags(check_arn(call.params["resourceArn"], *_TAGGABLE))
        return {"tags": [{"key": key, "value": value} for key, value in found.items()]}
