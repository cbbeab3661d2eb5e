"""Where the document of flags is kept: a file of the node, a parameter on AWS."""

from pathlib import Path
from typing import Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from order_processing.clock import Clock
from order_processing.errors import OrderProcessingError

PARAMETER_SECONDS = 5.0
"""A parameter is asked for again after so long; a file is looked at with every decision."""


class FlagsUnreachableError(OrderProcessingError):
    """The document of flags could not be read."""


class Source(Protocol):
    """Keeps one document."""

    @property
    def name(self) -> str:
        """What to call it in sentences."""
        ...

    def changed(self) -> bytes | None:
        """The document if it may differ from the one given last, else None.

        Raises:
            FlagsUnreachableError: it cannot be read now; it is tried again with the next call.
        """
        ...


class FileSource:
    """A file that is replaced as a whole when it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None

    @property
    def name(self) -> str:
        """Name of the file."""
        return self._path.name

    def changed(self) -> bytes | None:
        """See ``Source``; a replaced file has another inode, time or size."""
        try:
            state = self._path.stat()
            seen = (state.st_ino, state.st_mtime_ns, state.st_size)
            if seen == self._seen:
                return None
            text = self._path.read_bytes()
        except OSError as error:
            self._seen = None
            raise FlagsUnreachableError(f"{self.name} cannot be read ({error.strerror})") from error
        self._seen = seen
        return text


class ParameterSource:
    """A parameter of AWS Systems Manager."""

    def __init__(self, parameter: str, clock: Clock) -> None:
        self._parameter = parameter
        self._clock = clock
        self._ask_at = float("-inf")
        self._version = 0

    @property
    def name(self) -> str:
        """Name of the parameter."""
        return self._parameter

    def changed(self) -> bytes | None:
        """See ``Source``; asks at most once in 5 seconds, also when that fails."""
        now = self._clock.monotonic()
        if now < self._ask_at:
            return None
        self._ask_at = now + PARAMETER_SECONDS
        try:
            client = boto3.client("ssm")
            found = client.get_parameter(Name=self._parameter)["Parameter"]
        except (ClientError, BotoCoreError) as error:
            raise FlagsUnreachableError(f"parameter {self.name} cannot be read ({error})") from error
        is_same = found["Version"] == self._version
        self._version = int(found["Version"])
        return None if is_same else str(found["Value"]).encode()
