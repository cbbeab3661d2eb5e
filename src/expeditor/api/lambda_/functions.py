"""Lambda's operations on functions and their versions."""

import asyncio

from expeditor.api.errors import UnsupportedParameterError
from expeditor.api.lambda_.configurations import change_of, check_supported, configuration_of, described
from expeditor.api.lambda_.pages import page
from expeditor.api.lambda_.permissions import PermissionOperations
from expeditor.api.lambda_.tags import FunctionTags, check_tags
from expeditor.api.protocol import Answer, Call, Operation, Operations, Params
from expeditor.functions import FunctionCode, Functions, FunctionVersion, parse, refusals

CODE_BODY_BYTES_MAX = 70_254_592
"""A zip archive of 50 MB as base64, and the parameters beside it."""

_ZIP_ONLY = "code from S3, container images"


class FunctionOperations:
    """Create, change, publish, list, delete."""

    def __init__(self, functions: Functions, tags: FunctionTags, permissions: PermissionOperations) -> None:
        self._functions = functions
        self._tags = tags
        self._permissions = permissions

    def table(self) -> Operations:
        """The operations by name."""
        return {
            "CreateFunction": Operation(
                self._create,
                missing=f"{_ZIP_ONLY}, layers, VPC, tracing and the like are refused by name",
                body_bytes_max=CODE_BODY_BYTES_MAX,
            ),
            "GetFunction": Operation(self._get, missing="`Code.Location`"),
            "GetFunctionConfiguration": Operation(self._get_configuration),
            "GetFunctionCodeSigningConfig": Operation(self._get_code_signing),
            "GetFunctionConcurrency": Operation(self._get_concurrency),
            "PutFunctionConcurrency": Operation(self._put_concurrency, missing="numbers other than 0, which pauses"),
            "DeleteFunctionConcurrency": Operation(self._delete_concurrency),
            "ListFunctions": Operation(self._list, missing="`MasterRegion`"),
            "UpdateFunctionCode": Operation(
                self._update_code, missing=f"{_ZIP_ONLY}", body_bytes_max=CODE_BODY_BYTES_MAX
            ),
            "UpdateFunctionConfiguration": Operation(
                self._update_configuration, missing="layers, VPC, tracing and the like are refused by name"
            ),
            "PublishVersion": Operation(self._publish),
            "ListVersionsByFunction": Operation(self._list_versions),
            "DeleteFunction": Operation(self._delete),
        }

    async def _create(self, call: Call) -> Answer:
        params = call.params
        check_supported(params)
        check_tags(len(params.get("Tags", ())))
        name, _ = parse(params["FunctionName"])
        configuration = configuration_of(params)
        code = await _code(params["Code"])
        made = await self._functions.create_function(name, configuration, code, publish=params.get("Publish", False))
        if params.get("Tags"):
            await self._tags.put(name, params["Tags"])
        return described(made)

    async def _get(self, call: Call) -> Answer:
        version, qualifier = self._find(call.params)
        return {
            "Configuration": described(version, qualifier=qualifier),
            "Code": {"RepositoryType": "S3"},
            "Tags": self._tags.of(version.name) or None,
        }

    async def _get_configuration(self, call: Call) -> Answer:
        version, qualifier = self._find(call.params)
        return described(version, qualifier=qualifier)

    async def _get_code_signing(self, call: Call) -> Answer:
        """No function has a code signing configuration; Terraform asks."""
        version, _ = self._find(call.params)
        return {"FunctionName": version.name}

    async def _get_concurrency(self, call: Call) -> Answer:
        """0 for a paused function; no other function has reserved concurrency."""
        version, _ = self._find(call.params)
        return {"ReservedConcurrentExecutions": 0} if self._functions.pauses.is_paused(version.name) else {}

    async def _put_concurrency(self, call: Call) -> Answer:
        """0 pauses a function, as it does on AWS: every invocation is throttled."""
        if call.params["ReservedConcurrentExecutions"] != 0:
            raise UnsupportedParameterError("ReservedConcurrentExecutions")
        name, _ = parse(call.params["FunctionName"])
        await self._functions.pauses.pause(name)
        return {"ReservedConcurrentExecutions": 0}

    async def _delete_concurrency(self, call: Call) -> Answer:
        name, _ = parse(call.params["FunctionName"])
        await self._functions.pauses.resume(name)
        return {}

    async def _list(self, call: Call) -> Answer:
        if "MasterRegion" in call.params:
            raise UnsupportedParameterError("MasterRegion")
        found = self._functions.list_functions()
        if call.params.get("FunctionVersion") == "ALL":
            found = [version for function in found for version in self._functions.list_versions(function.name)]
            shown = [described(version, qualifier=version.version) for version in found]
        else:
            shown = [described(version) for version in found]
        return page("Functions", shown, call.params)

    async def _list_versions(self, call: Call) -> Answer:
        name, _ = parse(call.params["FunctionName"])
        found = self._functions.list_versions(name)
        return page("Versions", [described(version, qualifier=version.version) for version in found], call.params)

    async def _update_code(self, call: Call) -> Answer:
        params = call.params
        check_supported(params)
        name, _ = parse(params["FunctionName"])
        code = await _code(params)
        if params.get("DryRun"):
            return described(self._functions.get_function(name))
        publish = params.get("Publish", False)
        made = await self._functions.update_code(name, code, revision_id=params.get("RevisionId"), publish=publish)
        return described(made, qualifier=made.version if publish else None)

    async def _update_configuration(self, call: Call) -> Answer:
        params = call.params
        check_supported(params)
        name, _ = parse(params["FunctionName"])
        changed = self._functions.update_configuration(name, change_of(params), revision_id=params.get("RevisionId"))
        return described(await changed)

    async def _publish(self, call: Call) -> Answer:
        params = call.params
        check_supported(params)
        name, _ = parse(params["FunctionName"])
        made = await self._functions.publish_version(
            name,
            description=params.get("Description"),
            code_sha256=params.get("CodeSha256"),
            revision_id=params.get("RevisionId"),
        )
        return described(made, qualifier=made.version)

    async def _delete(self, call: Call) -> Answer:
        name, qualifier = parse(call.params["FunctionName"], call.params.get("Qualifier"))
        await self._functions.delete_function(name, qualifier)
        await self._permissions.forget(name, qualifier)
        if qualifier is None:
            await self._tags.remove(name)
        return {"StatusCode": 204}

    def _find(self, params: Params) -> tuple[FunctionVersion, str | None]:
        """The version a name and qualifier mean, and the qualifier."""
        name, qualifier = parse(params["FunctionName"], params.get("Qualifier"))
        return self._functions.get_function(name, qualifier), qualifier


async def _code(params: Params) -> FunctionCode:
    """The package of a call, looked through on another thread as it may be large.

    Raises:
        InvalidParameterValueError: there is none, or it comes from elsewhere than the request.
    """
    elsewhere = sorted(params.keys() & {"S3Bucket", "S3Key", "S3ObjectVersion", "ImageUri"})
    if elsewhere:
        raise refusals.InvalidParameterValueError(
            f"{', '.join(elsewhere)}: code from there is not supported by Expeditor; send a zip archive as ZipFile"
        )
    if "ZipFile" not in params:
        raise refusals.InvalidParameterValueError("Please provide a source for function code.")
    return await asyncio.to_thread(FunctionCode.from_zip, params["ZipFile"])
