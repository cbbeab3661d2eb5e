"""Step Functions' operations on aliases."""

from expeditor.api.protocol import Answer, Call, Operation, Operations, Params
from expeditor.api.stepfunctions.arns import check_arn
from expeditor.api.stepfunctions.pages import items_wanted, number_of, token_of
from expeditor.executions import Aliases


class AliasOperations:
    """Create, update, describe, delete, list."""

    def __init__(self, aliases: Aliases) -> None:
        self._aliases = aliases

    def table(self) -> Operations:
        """The operations by name."""
        return {
            "CreateStateMachineAlias": Operation(self._create),
            "UpdateStateMachineAlias": Operation(self._update),
            "DescribeStateMachineAlias": Operation(self._describe),
            "DeleteStateMachineAlias": Operation(self._delete),
            "ListStateMachineAliases": Operation(self._list),
        }

    async def _create(self, call: Call) -> Answer:
        params = call.params
        made = await self._aliases.create(params["name"], params.get("description"), _routing(params))
        return {"stateMachineAliasArn": made.arn, "creationDate": made.created_at}

    async def _update(self, call: Call) -> Answer:
        params = call.params
        routing = _routing(params) if "routingConfiguration" in params else None
        made = await self._aliases.update(_alias_arn(params), params.get("description"), routing)
        return {"updateDate": made.updated_at}

    async def _describe(self, call: Call) -> Answer:
        found = self._aliases.describe(_alias_arn(call.params))
        return {
            "stateMachineAliasArn": found.arn,
            "name": found.name,
            "description": found.description,
            "routingConfiguration": [
                {"stateMachineVersionArn": version, "weight": weight} for version, weight in found.routing.items()
            ],
            "creationDate": found.created_at,
            "updateDate": found.updated_at,
        }

    async def _delete(self, call: Call) -> Answer:
        await self._aliases.delete(_alias_arn(call.params))
        return {}

    async def _list(self, call: Call) -> Answer:
        found = self._aliases.list(check_arn(call.params["stateMachineArn"], "stateMachine"))
        first, wanted = number_of(call.params) or 0, items_wanted(call.params)
        after = first + wanted
        return {
            "stateMachineAliases": [
                {"stateMachineAliasArn": alias.arn, "creationDate": alias.created_at} for alias in found[first:after]
            ],
            "nextToken": token_of(after) if after < len(found) else None,
        }


def _alias_arn(params: Params) -> str:
    return check_arn(params["stateMachineAliasArn"], "stateMachine")


def _routing(params: Params) -> list[tuple[str, int]]:
    """Version ARNs and weights. Raises InvalidArnError."""
    return [
        (check_arn(entry["stateMachineVersionArn"], "stateMachine"), entry["weight"])
        for entry in params["routingConfiguration"]
    ]
