"""Lambda's operations on resource policies: kept and shown, not enforced, as any caller on loopback may invoke."""

import hashlib
from typing import Any

import apsw

from expeditor.api.protocol import Answer, Call, Operation, Operations, Params
from expeditor.functions import Functions, function_arn, parse, refusals
from expeditor.payloads import encode
from expeditor.store import Database, permissions

_NOT_ENFORCED = "kept and shown, not enforced"


class PermissionOperations:
    """Add, remove, get."""

    def __init__(self, functions: Functions, database: Database) -> None:
        self._functions = functions
        self._database = database

    def table(self) -> Operations:
        """The operations by name."""
        return {
            "AddPermission": Operation(self._add, missing=_NOT_ENFORCED),
            "RemovePermission": Operation(self._remove, missing=_NOT_ENFORCED),
            "GetPolicy": Operation(self._get),
        }

    async def _add(self, call: Call) -> Answer:
        arn = self._existing(call.params)
        statement_id, revision_id = call.params["StatementId"], call.params.get("RevisionId")
        statement = encode(_statement(arn, call.params)).decode()

        def run(connection: apsw.Connection) -> None:
            _check_revision(connection, arn, revision_id)
            if permissions.exists(connection, arn, statement_id):
                raise refusals.ResourceConflictError(
                    f"The statement id ({statement_id}) provided already exists. Please provide a new statement id, "
                    "or remove the existing statement."
                )
            permissions.put(connection, arn, statement_id, statement)

        await self._database.submit(run)
        return {"Statement": statement}

    async def _remove(self, call: Call) -> Answer:
        arn = self._existing(call.params)
        statement_id, revision_id = call.params["StatementId"], call.params.get("RevisionId")

        def run(connection: apsw.Connection) -> None:
            if not permissions.exists(connection, arn, statement_id):
                raise refusals.ResourceNotFoundError(f"Statement {statement_id} is not found in resource policy.")
            _check_revision(connection, arn, revision_id)
            permissions.remove(connection, arn, statement_id)

        await self._database.submit(run)
        return {}

    async def _get(self, call: Call) -> Answer:
        arn = self._existing(call.params)
        found = permissions.statements(self._database.reader, arn)
        if not found:
            raise refusals.ResourceNotFoundError("The resource you requested does not exist.")
        policy = f'{{"Version":"2012-10-17","Id":"default","Statement":[{",".join(found)}]}}'
        return {"Policy": policy, "RevisionId": _revision_of(found)}

    async def forget(self, name: str, qualifier: str | None) -> None:
        """Removes the policy of what was deleted."""
        arn = function_arn(name, qualifier)
        await self._database.submit(lambda connection: permissions.remove_all(connection, arn))

    def _existing(self, params: Params) -> str:
        """The ARN of the function, version or alias that is meant. Raises ResourceNotFoundError."""
        name, qualifier = parse(params["FunctionName"], params.get("Qualifier"))
        self._functions.get_function(name, qualifier)
        return function_arn(name, qualifier)


def _check_revision(connection: apsw.Connection, arn: str, expected: str | None) -> None:
    if expected is not None and expected != _revision_of(permissions.statements(connection, arn)):
        raise refusals.PreconditionFailedError(
            "The RevisionId provided does not match the latest RevisionId of the policy; call GetPolicy for it"
        )


def _revision_of(statements: list[str]) -> str:
    """A policy's revision: equal statements have an equal one."""
    return hashlib.sha256("\n".join(statements).encode()).hexdigest()[:36]


def _statement(arn: str, params: Params) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(params["Principal"]),
        "Action": params["Action"],
        "Resource": arn,
    }
    if condition := _condition(params):
        statement["Condition"] = condition
    return statement


def _principal(principal: str) -> str | dict[str, str]:
    if principal == "*":
        return principal
    if principal.endswith(".amazonaws.com"):
        return {"Service": principal}
    return {"AWS": f"arn:aws:iam::{principal}:root" if principal.isdecimal() else principal}


def _condition(params: Params) -> dict[str, dict[str, str]]:
    equal = {
        "AWS:SourceAccount": params.get("SourceAccount"),
        "lambda:EventSourceToken": params.get("EventSourceToken"),
        "lambda:FunctionUrlAuthType": params.get("FunctionUrlAuthType"),
        "aws:PrincipalOrgID": params.get("PrincipalOrgID"),
    }
    condition = {}
    if given := {key: value for key, value in equal.items() if value is not None}:
        condition["StringEquals"] = given
    if "SourceArn" in params:
        condition["ArnLike"] = {"AWS:SourceArn": params["SourceArn"]}
    return condition
