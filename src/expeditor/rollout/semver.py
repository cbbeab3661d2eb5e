"""Names of releases: ``order-processing-v1.2.0``, a machine's name and a semantic version."""

import re
from dataclasses import dataclass

from expeditor.errors import ExpeditorError

_NAME = re.compile(r"(?P<machine>[A-Za-z0-9_-]+?)-v(?P<version>\d+\.\d+\.\d+(?:-(?!from-)[0-9A-Za-z.-]+)?)")
"""What follows ``-from-`` is a part of a release, made to go on in the middle."""
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?")
NAME_CHARACTERS_MAX = 80
"""Source: API_CreateStateMachine, name."""


class ReleaseNameError(ExpeditorError):
    """A release's name or version is not written as it must be."""


@dataclass(frozen=True, slots=True)
class ReleaseName:
    """A release's name in its two parts.

    Attributes:
        machine: such as ``order-processing``.
        version: without ``v``, such as ``1.2.0``.
    """

    machine: str
    version: str

    @classmethod
    def parse(cls, text: str) -> "ReleaseName":
        """Raises ReleaseNameError: not ``NAME-vX.Y.Z``."""
        match = _NAME.fullmatch(text)
        if match is None or len(text) > NAME_CHARACTERS_MAX:
            raise ReleaseNameError(f"{text!r} is no release; releases are named like order-processing-v1.2.0")
        return cls(match["machine"], match["version"])

    def at(self, version: str) -> "ReleaseName":
        """The same machine in *version*, with or without ``v``, or with a whole release's name.

        Raises:
            ReleaseNameError: not a semantic version.
        """
        text = version.removeprefix(f"{self.machine}-")
        if _VERSION.fullmatch(text) is None:
            raise ReleaseNameError(f"{version!r} is no semantic version; write it like v1.2.0")
        return ReleaseName(self.machine, text.removeprefix("v"))

    @property
    def order(self) -> tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]:
        """Sorts as semantic versions do: a pre-release before its release."""
        match = _VERSION.fullmatch(self.version)
        assert match is not None
        words = match[4].split(".") if match[4] else []
        ranked = tuple((not word.isdecimal(), int(word) if word.isdecimal() else 0, word) for word in words)
        return int(match[1]), int(match[2]), int(match[3]), not words, ranked

    def __str__(self) -> str:
        return f"{self.machine}-v{self.version}"
