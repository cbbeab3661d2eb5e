"""Functions: versions that never change, aliases that move, and invocations on warm worker processes."""

from expeditor.functions import refusals
from expeditor.functions.arns import function_arn, parse
from expeditor.functions.code import FunctionCode
from expeditor.functions.dependencies import (
    DEPENDENCIES_VARIABLE,
    Installed,
    dependencies_of,
    dependency_changes,
    recorded_dependencies,
    with_dependencies,
)
from expeditor.functions.events import Event, EventSettings
from expeditor.functions.functions import Functions, FunctionsSettings
from expeditor.functions.loading import LoadSettings
from expeditor.functions.logs import LogRecord
from expeditor.functions.pool import PoolSettings, PoolStatus
from expeditor.functions.versions import Alias, AliasMove, FunctionConfiguration, FunctionVersion, Invocation

__all__ = [
    "DEPENDENCIES_VARIABLE",
    "Alias",
    "AliasMove",
    "Event",
    "EventSettings",
    "FunctionCode",
    "FunctionConfiguration",
    "FunctionVersion",
    "Functions",
    "FunctionsSettings",
    "Installed",
    "Invocation",
    "LoadSettings",
    "LogRecord",
    "PoolSettings",
    "PoolStatus",
    "dependencies_of",
    "dependency_changes",
    "function_arn",
    "parse",
    "recorded_dependencies",
    "refusals",
    "with_dependencies",
]
