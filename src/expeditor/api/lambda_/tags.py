"""Lambda's operations on tags of functions."""

from collections.abc import Mapping

import apsw

from expeditor.api.protocol import Answer, Call, Operation, Operations
from expeditor.functions import Functions, function_arn, parse, refusals
from expeditor.store import Database, state_machines

TAGS_MAX = 50


class FunctionTags:
    """The tags of functions; versions and aliases have none."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, name: str) -> dict[str, str]:
        """Tags by key."""
        return state_machines.tags(self._database.reader, function_arn(name))

    async def put(self, name: str, given: Mapping[str, str]) -> None:
        """Adds tags, or changes their values. Raises InvalidParameterValueError: there would be too many."""
        arn = function_arn(name)

        def run(connection: apsw.Connection) -> None:
            count = len(state_machines.tags(connection, arn).keys() | given.keys())
            check_tags(count)
            state_machines.put_tags(connection, arn, given)

        await self._database.submit(run)

    async def remove(self, name: str, keys: list[str] | None = None) -> None:
        """Removes tags, all of them when *keys* is None; absent ones are ignored."""
        arn = function_arn(name)
        await self._database.submit(lambda connection: state_machines.remove_tags(connection, arn, keys))


def check_tags(count: int) -> None:
    """Refuses more tags than a function may have. Raises InvalidParameterValueError."""
    if count > TAGS_MAX:
        raise refusals.InvalidParameterValueError(f"A function has at most {TAGS_MAX} tags; remove some first")


class TagOperations:
    """Tag, untag, list."""

    def __init__(self, functions: Functions, tags: FunctionTags) -> None:
        self._functions = functions
        self._tags = tags

    def table(self) -> Operations:
        """The operations by name."""
        return {
            "TagResource": Operation(self._tag),
            "UntagResource": Operation(self._untag),
            "ListTags": Operation(self._list),
        }

    async def _tag(self, call: Call) -> Answer:
        await self._tags.put(self._existing(call.params["Resource"]), call.params["Tags"])
        return {}

    async def _untag(self, call: Call) -> Answer:
        await self._tags.remove(self._existing(call.params["Resource"]), call.params["TagKeys"])
        return {}

    async def _list(self, call: Call) -> Answer:
        return {"Tags": self._tags.of(self._existing(call.params["Resource"]))}

    def _existing(self, arn: str) -> str:
        """The function's name. Raises ResourceNotFoundError, InvalidParameterValueError: a version or alias."""
        name, qualifier = parse(arn)
        if qualifier is not None:
            raise refusals.InvalidParameterValueError("Tags on function aliases and versions are not supported.")
        self._functions.get_function(name)
        return name
