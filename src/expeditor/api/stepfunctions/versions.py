"""Step Functions' operations on versions."""

from expeditor.api.protocol import Answer, Call, Operation, Operations
from expeditor.api.stepfunctions.arns import check_arn
from expeditor.api.stepfunctions.pages import items_wanted, number_of, token_of
from expeditor.executions import Versions


class VersionOperations:
    """Publish, delete, list."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions

    def table(self) -> Operations:
        """The operations by name."""
        return {
            "PublishStateMachineVersion": Operation(self._publish),
            "DeleteStateMachineVersion": Operation(self._delete),
            "ListStateMachineVersions": Operation(self._list),
        }

    async def _publish(self, call: Call) -> Answer:
        params = call.params
        arn = check_arn(params["stateMachineArn"], "stateMachine")
        made = await self._versions.publish(arn, params.get("description"), params.get("revisionId"))
        return {"stateMachineVersionArn": made.arn, "creationDate": made.created_at}

    async def _delete(self, call: Call) -> Answer:
        await self._versions.delete(check_arn(call.params["stateMachineVersionArn"], "stateMachine"))
        return {}

    async def _list(self, call: Call) -> Answer:
        arn, wanted = check_arn(call.params["stateMachineArn"], "stateMachine"), items_wanted(call.params)
        found = self._versions.list(arn, number_of(call.params), wanted + 1)
        more = len(found) > wanted
        return {
            "stateMachineVersions": [
                {"stateMachineVersionArn": version.arn, "creationDate": version.created_at}
                for version in found[:wanted]
            ],
            "nextToken": token_of(found[wanted - 1].number) if more else None,
        }
