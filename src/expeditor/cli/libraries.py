"""The libraries that functions were published with, beside those of this machine."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from expeditor.functions import Installed, dependency_changes

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@cache
def installed() -> Installed:
    """The libraries of this machine, which are those that functions of its node find."""
    return Installed()


def libraries(dependencies: Mapping[str, str]) -> dict[str, Any]:
    """``libraries`` in words, and ``changed_libraries``: those that are not here as they were recorded.

    Where commands speak to AWS, nothing is compared: functions there find what their package and layers bring.
    """
    changes = dependency_changes(dependencies, installed().versions) if dependencies and _is_here() else {}
    words = f"{len(dependencies)} recorded" if dependencies else "not recorded"
    if changes:
        words += ", other here: " + ", ".join(f"{name} {versions}" for name, versions in changes.items())
    return {"libraries": words, "changed_libraries": changes}


def _is_here() -> bool:
    """Whether commands speak to a node of this machine."""
    url = os.environ.get("AWS_ENDPOINT_URL")
    return url is None or urlsplit(url).hostname in _LOOPBACK
