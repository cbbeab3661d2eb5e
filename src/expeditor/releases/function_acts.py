"""What was done to functions by hand: who, when, why, before and after; kept beside the flags, on node and AWS alike.

AWS's API tells where an alias points and not where it pointed, so each move is written down where it was made.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec
from botocore.exceptions import ClientError

from expeditor.releases.flag_stores import append_line, locked

MOVE, UNDO, COLLECT = "alias set", "alias undo", "gc"


class Pointing(msgspec.Struct, frozen=True):
    """Where an alias points: a version, and other versions with their share of invocations, 0 to 1."""

    version: str
    weights: Mapping[str, float] = {}

    def __str__(self) -> str:
        shares = "".join(f", {share * 100:g}% {version}" for version, share in self.weights.items())
        return f"{self.version}{shares}"


class FunctionAct(msgspec.Struct, frozen=True, kw_only=True):
    """One act.

    Attributes:
        at: seconds since the epoch.
        alias: which was moved; "" for other acts.
        before, after: where it pointed; None: it did not exist.
        versions: those that were deleted.
    """

    action: str
    function: str
    at: float
    by: str
    reason: str
    alias: str = ""
    before: Pointing | None = None
    after: Pointing | None = None
    versions: tuple[str, ...] = ()


class FunctionActs(Protocol):
    """A log that only grows."""

    def add(self, act: FunctionAct) -> None:
        """Adds an act; it is kept when this returns."""
        ...

    def all(self) -> list[FunctionAct]:
        """Every act, oldest first."""
        ...


class FileFunctionActs:
    """A file with a JSON line per act."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, act: FunctionAct) -> None:
        """See ``FunctionActs``."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self._path.with_suffix(".lock")):
            append_line(self._path, msgspec.json.encode(act))

    def all(self) -> list[FunctionAct]:
        """See ``FunctionActs``; a line that a crash cut is left out."""
        lines = self._path.read_bytes().splitlines() if self._path.exists() else []
        return [act for line in lines if (act := _whole(line)) is not None]


class ParameterFunctionActs:
    """A parameter of AWS Systems Manager: each act is a version of it, of which the service keeps the last 100."""

    def __init__(self, ssm: Any, name: str) -> None:
        self._ssm = ssm
        self._name = name

    def add(self, act: FunctionAct) -> None:
        """See ``FunctionActs``."""
        text = msgspec.json.encode(act).decode()
        self._ssm.put_parameter(Name=self._name, Value=text, Type="String", Overwrite=True, Tier="Intelligent-Tiering")

    def all(self) -> list[FunctionAct]:
        """See ``FunctionActs``."""
        pages = self._ssm.get_paginator("get_parameter_history").paginate(Name=self._name)
        try:
            values = [version["Value"] for page in pages for version in page["Parameters"]]
        except ClientError as error:
            if error.response["Error"].get("Code") == "ParameterNotFound":
                return []
            raise
        return [act for value in values if (act := _whole(value)) is not None]


def _whole(line: bytes | str) -> FunctionAct | None:
    try:
        return msgspec.json.decode(line, type=FunctionAct)
    except msgspec.DecodeError:
        return None
