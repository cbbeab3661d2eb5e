"""Lambda, as far as the functions room goes."""

from expeditor.api.lambda_.aliases import AliasOperations
from expeditor.api.lambda_.functions import FunctionOperations
from expeditor.api.lambda_.invocations import InvocationOperations
from expeditor.api.lambda_.permissions import PermissionOperations
from expeditor.api.lambda_.tags import FunctionTags, TagOperations
from expeditor.api.protocol import Operations
from expeditor.functions import Functions
from expeditor.store import Database


def lambda_operations(functions: Functions, database: Database) -> Operations:
    """The operations by name."""
    tags = FunctionTags(database)
    permissions = PermissionOperations(functions, database)
    return {
        **FunctionOperations(functions, tags, permissions).table(),
        **AliasOperations(functions, permissions).table(),
        **InvocationOperations(functions).table(),
        **permissions.table(),
        **TagOperations(functions, tags).table(),
    }


__all__ = ["lambda_operations"]
