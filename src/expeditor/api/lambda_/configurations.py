"""Function configurations between Lambda's shapes and the functions room."""

import platform
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from expeditor.api.protocol import Answer, Params
from expeditor.functions import Alias, FunctionConfiguration, FunctionVersion, function_arn, refusals

ARCHITECTURE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"

_SETTABLE = {
    "Handler": "handler",
    "Runtime": "runtime",
    "Timeout": "timeout_seconds",
    "MemorySize": "memory_mb",
    "Description": "description",
    "Role": "role",
}
"""Parameter of Lambda's API to field of a configuration."""

_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "Architectures": ([ARCHITECTURE],),
    "EphemeralStorage": ({"Size": 512},),
    "LoggingConfig": ({"LogFormat": "Text"},),
    "PackageType": ("Zip",),
    "SnapStart": ({"ApplyOn": "None"},),
    "TracingConfig": ({"Mode": "PassThrough"},),
    **dict.fromkeys(
        (
            "AcceleratorConfig",
            "CapacityProviderConfig",
            "CodeSigningConfigArn",
            "DeadLetterConfig",
            "DurableConfig",
            "FileSystemConfigs",
            "ImageConfig",
            "KMSKeyArn",
            "Layers",
            "PublishTo",
            "RuntimeConfig",
            "SourceKMSKeyArn",
            "TenancyConfig",
            "VpcConfig",
        ),
        (),
    ),
}
"""Parameters that have no effect here, with the values for which that makes no difference."""


def check_supported(params: Params) -> None:
    """Refuses parameters that ask for what this node does not do; their defaults and empty values pass.

    Raises:
        InvalidParameterValueError: names the parameter.
    """
    for name, neutral in _NEUTRAL.items():
        value = params.get(name)
        if value not in neutral and not _is_empty(value):
            raise refusals.InvalidParameterValueError(
                f"{name} {value!r:.128} is not supported by Expeditor; leave it out"
            )


def _is_empty(value: object) -> bool:
    if isinstance(value, dict):
        return all(_is_empty(item) for item in value.values())
    return value is None or value is False or value in ("", [])


def configuration_of(params: Params) -> FunctionConfiguration:
    """The configuration a CreateFunction asks for.

    Raises:
        InvalidParameterValueError: Runtime or Handler is missing.
    """
    if "Runtime" not in params or "Handler" not in params:
        raise refusals.InvalidParameterValueError(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    return change_of(params)(FunctionConfiguration(handler=params["Handler"]))


def change_of(params: Params) -> Callable[[FunctionConfiguration], FunctionConfiguration]:
    """The change an UpdateFunctionConfiguration asks for; what is absent stays."""
    changes: dict[str, Any] = {field: params[name] for name, field in _SETTABLE.items() if name in params}
    if "Environment" in params:
        changes["environment"] = params["Environment"].get("Variables", {})
    return lambda configuration: replace(configuration, **changes)


def described(version: FunctionVersion, *, qualifier: str | None = None) -> Answer:
    """A version as Lambda shows it; its ARN has *qualifier*, or none, as it was asked for."""
    configuration = version.configuration
    environment = {"Variables": configuration.environment} if configuration.environment else None
    return {
        "FunctionName": version.name,
        "FunctionArn": function_arn(version.name, qualifier),
        "Runtime": configuration.runtime,
        "Role": configuration.role,
        "Handler": configuration.handler,
        "CodeSize": version.code_bytes,
        "Description": configuration.description,
        "Timeout": configuration.timeout_seconds,
        "MemorySize": configuration.memory_mb,
        "LastModified": lambda_instant(version.modified_at),
        "CodeSha256": version.code_sha256,
        "ConfigSha256": version.digest,
        "Version": version.version,
        "Environment": environment,
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": version.revision_id,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": [ARCHITECTURE],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{version.name}"},
    }


def described_alias(alias: Alias) -> Answer:
    """An alias as Lambda shows it."""
    weights = dict(alias.additional_weights)
    return {
        "AliasArn": alias.arn,
        "Name": alias.name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RoutingConfig": {"AdditionalVersionWeights": weights} if weights else None,
        "RevisionId": alias.revision_id,
    }


def lambda_instant(at: float) -> str:
    """An instant as Lambda writes it, such as ``2026-11-23T08:36:06.000+0000``."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")
