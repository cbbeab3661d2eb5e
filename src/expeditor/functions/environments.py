"""The environment variables of a function's processes: these and no other."""

from collections.abc import Mapping
from datetime import UTC, datetime

from expeditor.functions import arns
from expeditor.functions.versions import FunctionVersion

_DEFAULTS = {
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_DEFAULT_REGION": arns.REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_REGION": arns.REGION,
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "LANG": "en_US.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "TZ": ":UTC",
}
"""What a handler finds before the node and the function add theirs. The two files keep a developer's own AWS
credentials out of reach."""


def environment(
    version: FunctionVersion, given: Mapping[str, str], *, artifact: str, log_stream: str
) -> dict[str, str]:
    """All variables of *version*: defaults, then *given* by the node, then the function's own, then Lambda's."""
    configuration = version.configuration
    return {
        **_DEFAULTS,
        **given,
        **configuration.environment,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{configuration.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": version.name,
        "AWS_LAMBDA_FUNCTION_VERSION": version.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{version.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "LAMBDA_TASK_ROOT": artifact,
        "_HANDLER": configuration.handler,
    }


def log_stream(version: FunctionVersion, now: float, unique: str) -> str:
    """``2026/11/23/[VERSION]UNIQUE``, as Lambda names it."""
    return f"{datetime.fromtimestamp(now, UTC):%Y/%m/%d}/[{version.version}]{unique.replace('-', '')}"
