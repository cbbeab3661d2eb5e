"""Logging, tracing and encryption configurations of state machines and activities."""

import re
from typing import Any

from expeditor.api.errors import UnsupportedParameterError
from expeditor.api.protocol import Params
from expeditor.errors import ServiceError
from expeditor.executions import LogWriter
from expeditor.payloads import encode

_LOG_GROUP = re.compile(r"arn:aws[a-z-]*:logs:[a-z0-9-]+:\d{12}:log-group:[\w./#-]{1,512}:\*", re.ASCII)


class InvalidLoggingConfigurationError(ServiceError):
    """Nothing can be logged as the configuration says."""

    code = "InvalidLoggingConfiguration"

    def __init__(self, problem: str) -> None:
        super().__init__(f"Invalid Logging Configuration: {problem}")


class InvalidEncryptionConfigurationError(ServiceError):
    """The key does not go with the type of encryption."""

    code = "InvalidEncryptionConfiguration"

    def __init__(self, problem: str) -> None:
        super().__init__(f"Invalid Encryption Configuration: {problem}")


def configurations(params: Params, logs: LogWriter | None) -> dict[str, str]:
    """The logging and tracing configurations a call gives, as the executions room keeps them.

    Raises:
        InvalidEncryptionConfigurationError, InvalidLoggingConfigurationError.
        UnsupportedParameterError: what would be accepted and then not done.
    """
    check_encryption(params)
    given = {}
    if "loggingConfiguration" in params:
        given["logging"] = _logging(params["loggingConfiguration"], logs)
    if "tracingConfiguration" in params:
        enabled = params["tracingConfiguration"].get("enabled", False)
        given["tracing"] = encode({"enabled": enabled}).decode()
    return given


def check_encryption(params: Params) -> None:
    """Raises InvalidEncryptionConfigurationError, UnsupportedParameterError: a key of the caller's is asked for."""
    wanted = params.get("encryptionConfiguration", {})
    if wanted.get("type", "AWS_OWNED_KEY") != "AWS_OWNED_KEY":
        raise UnsupportedParameterError("encryptionConfiguration")
    for name in ("kmsKeyId", "kmsDataKeyReusePeriodSeconds"):
        if name in wanted:
            raise InvalidEncryptionConfigurationError(f"{name} can only be set when type is CUSTOMER_MANAGED_KMS_KEY")


def _logging(wanted: dict[str, Any], logs: LogWriter | None) -> str:
    kept = {"level": wanted.get("level", "OFF"), "includeExecutionData": wanted.get("includeExecutionData", False)}
    destinations = wanted.get("destinations", [])
    if destinations or kept["level"] != "OFF":
        _check_destination(destinations, logs)
        kept["destinations"] = destinations
    return encode(kept).decode()


def _check_destination(destinations: list[dict[str, Any]], logs: LogWriter | None) -> None:
    if len(destinations) != 1:
        raise InvalidLoggingConfigurationError("Must specify exactly one Log Destination.")
    arn = destinations[0].get("cloudWatchLogsLogGroup", {}).get("logGroupArn", "")
    if _LOG_GROUP.fullmatch(arn) is None:
        raise InvalidLoggingConfigurationError(
            f"The log group ARN '{arn}' must be one of CloudWatch Logs and end with ':*'"
        )
    problem = "this node reaches no CloudWatch Logs" if logs is None else logs.problem()
    if problem is not None:
        raise InvalidLoggingConfigurationError(problem)
