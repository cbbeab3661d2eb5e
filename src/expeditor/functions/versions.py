"""Values of the room: configurations, versions, aliases, invocations; and the digest that names a version's content."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from expeditor.functions import arns, refusals
from expeditor.functions.reports import Report

ENVIRONMENT_BYTES_MAX = 4096
TIMEOUT_SECONDS_MAX = 900
MEMORY_MB_MIN = 128
MEMORY_MB_MAX = 10_240
DESCRIPTION_MAX = 256
HANDLER_MAX = 128

RESERVED_VARIABLES = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    }
)
"""Variables that a function may not set. Source: Lambda developer guide, "Defined runtime environment variables"."""

MAX_CONCURRENCY = "EXPEDITOR_MAX_CONCURRENCY"
"""Variable of a function: how many of its invocations may share one process; 1 if it is not set."""

MAX_CONCURRENCY_MAX = 64

_RUNTIME = re.compile(r"python3\.\d+")
_VARIABLE = re.compile(r"[a-zA-Z]\w*|_HANDLER|_X_AMZN_TRACE_ID", re.ASCII)


@dataclass(frozen=True, slots=True)
class FunctionConfiguration:
    """What a caller sets of a function beside its code."""

    handler: str
    runtime: str = "python3.11"
    timeout_seconds: int = 3
    memory_mb: int = 128
    environment: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    role: str = ""

    @property
    def max_concurrency(self) -> int:
        """Invocations that may share one process."""
        return int(self.environment.get(MAX_CONCURRENCY) or 1)


@dataclass(frozen=True, slots=True)
class FunctionVersion:
    """One version as it is stored; only ``$LATEST`` is ever replaced.

    Attributes:
        digest: over code, configuration and environment; equal content has an equal digest.
        code_sha256: as AWS reports it: base64 of the SHA-256 of the package.
        artifact: folder under ``artifacts/`` that the code runs from.
        modified_at: seconds since the epoch.
    """

    name: str
    version: str
    configuration: FunctionConfiguration
    digest: str
    code_sha256: str
    code_bytes: int
    artifact: str
    revision_id: str
    modified_at: float

    @property
    def arn(self) -> str:
        """Qualified ARN."""
        return arns.function_arn(self.name, self.version)


@dataclass(frozen=True, slots=True)
class Alias:
    """A name that points to a version, or in shares to two.

    Attributes:
        additional_weights: other versions and their share of invocations, 0 to 1; the rest goes to *version*.
    """

    function: str
    name: str
    version: str
    additional_weights: Mapping[str, float]
    description: str
    revision_id: str

    @property
    def arn(self) -> str:
        """ARN that invokes through the alias."""
        return arns.function_arn(self.function, self.name)


@dataclass(frozen=True, slots=True)
class AliasMove:
    """Where an alias pointed before and after; None: it did not exist."""

    moved_at: float
    version_before: str | None
    weights_before: Mapping[str, float]
    version_after: str | None
    weights_after: Mapping[str, float]


class Invocation(msgspec.Struct, frozen=True):
    """What came of one invocation.

    Attributes:
        payload: JSON text: the result, or the error object with ``errorMessage`` and ``errorType``.
        function_error: None, or ``Unhandled`` as in Lambda's ``X-Amz-Function-Error``.
        executed_version: ``$LATEST`` or a number.
        report: what its log is made of; None where nothing was run.
    """

    payload: bytes
    function_error: str | None
    executed_version: str
    request_id: str
    report: Report | None = None

    @property
    def log_tail(self) -> bytes:
        """The last 4 KiB of the invocation's log."""
        return b"" if self.report is None else self.report.tail()


def content_digest(configuration: FunctionConfiguration, code_sha256: str) -> str:
    """Hex SHA-256 over everything that decides how a version behaves; its description does not."""
    content = [
        code_sha256,
        configuration.handler,
        configuration.runtime,
        configuration.timeout_seconds,
        configuration.memory_mb,
        sorted(configuration.environment.items()),
        configuration.role,
    ]
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()


def check_configuration(configuration: FunctionConfiguration) -> FunctionConfiguration:
    """*configuration*, when this node can run it.

    Raises:
        InvalidParameterValueError: names the field and what it may be.
    """
    _check_runtime(configuration)
    _check_range("Timeout", configuration.timeout_seconds, 1, TIMEOUT_SECONDS_MAX)
    _check_range("MemorySize", configuration.memory_mb, MEMORY_MB_MIN, MEMORY_MB_MAX)
    _check_range("length of Description", len(configuration.description), 0, DESCRIPTION_MAX)
    _check_environment(configuration.environment)
    return configuration


def _check_runtime(configuration: FunctionConfiguration) -> None:
    if _RUNTIME.fullmatch(configuration.runtime) is None:
        raise refusals.InvalidParameterValueError(
            f"Runtime {configuration.runtime} is not run by this node; use python3.x, run by the node's own interpreter"
        )
    handler = configuration.handler
    if not handler or len(handler) > HANDLER_MAX or re.search(r"\s", handler):
        raise refusals.malformed(handler, "handler", r"[^\s]+")


def _check_range(field_name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise refusals.InvalidParameterValueError(f"{field_name} is {value}; it must be from {low} to {high}")


def _check_environment(environment: Mapping[str, str]) -> None:
    for name in environment:
        if _VARIABLE.fullmatch(name) is None:
            raise refusals.malformed(name, "environment.variables", r"[a-zA-Z]([a-zA-Z0-9_])+")
    if any("\0" in value for value in environment.values()):
        raise refusals.InvalidParameterValueError("Environment variables must not hold NUL characters")
    reserved = sorted(RESERVED_VARIABLES & environment.keys())
    if reserved:
        raise refusals.InvalidParameterValueError(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    _check_max_concurrency(environment.get(MAX_CONCURRENCY) or "1")
    size = sum(len(name.encode()) + len(value.encode()) for name, value in environment.items())
    if size > ENVIRONMENT_BYTES_MAX:
        raise refusals.InvalidParameterValueError(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the {ENVIRONMENT_BYTES_MAX // 1024}KB limit; they are {size} bytes"
        )


def _check_max_concurrency(text: str) -> None:
    if not re.fullmatch(r"[1-9]\d?", text, re.ASCII) or int(text) > MAX_CONCURRENCY_MAX:
        raise refusals.InvalidParameterValueError(
            f"The environment variable {MAX_CONCURRENCY} is {text[:20]!r}; "
            f"it must be a number from 1 to {MAX_CONCURRENCY_MAX}"
        )
