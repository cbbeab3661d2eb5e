"""Lambda's operations on aliases."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from expeditor.api.lambda_.configurations import described_alias
from expeditor.api.lambda_.pages import page
from expeditor.api.lambda_.permissions import PermissionOperations
from expeditor.api.protocol import Answer, Call, Operation, Operations, Params
from expeditor.functions import Alias, Functions, parse


class AliasOperations:
    """Create, get, list, update, delete."""

    def __init__(self, functions: Functions, permissions: PermissionOperations) -> None:
        self._functions = functions
        self._permissions = permissions

    def table(self) -> Operations:
        """The operations by name."""
        return {
            "CreateAlias": Operation(self._create),
            "GetAlias": Operation(self._get),
            "ListAliases": Operation(self._list),
            "UpdateAlias": Operation(self._update),
            "DeleteAlias": Operation(self._delete),
        }

    async def _create(self, call: Call) -> Answer:
        params = call.params
        made = self._functions.create_alias(
            _name(params),
            params["Name"],
            params["FunctionVersion"],
            description=params.get("Description", ""),
            additional_weights=_weights(params),
        )
        return described_alias(await made)

    async def _get(self, call: Call) -> Answer:
        return described_alias(self._functions.get_alias(_name(call.params), call.params["Name"]))

    async def _list(self, call: Call) -> Answer:
        found = self._functions.list_aliases(_name(call.params), call.params.get("FunctionVersion"))
        return page("Aliases", [described_alias(alias) for alias in found], call.params)

    async def _update(self, call: Call) -> Answer:
        params = call.params
        changed = self._functions.update_alias(
            _name(params), params["Name"], _change(params), revision_id=params.get("RevisionId")
        )
        return described_alias(await changed)

    async def _delete(self, call: Call) -> Answer:
        name, alias = _name(call.params), call.params["Name"]
        await self._functions.delete_alias(name, alias)
        await self._permissions.forget(name, alias)
        return {}


def _name(params: Params) -> str:
    return parse(params["FunctionName"])[0]


def _weights(params: Params) -> dict[str, float] | None:
    """The shares a call sets; an empty routing configuration sets none, an absent one leaves them."""
    if "RoutingConfig" not in params:
        return None
    weights: dict[str, float] = params["RoutingConfig"].get("AdditionalVersionWeights", {})
    return weights


def _change(params: Params) -> Callable[[Alias], Alias]:
    changes: dict[str, Any] = {}
    if "FunctionVersion" in params:
        changes["version"] = params["FunctionVersion"]
    if "Description" in params:
        changes["description"] = params["Description"]
    if (weights := _weights(params)) is not None:
        changes["additional_weights"] = weights
    return lambda alias: replace(alias, **changes)
