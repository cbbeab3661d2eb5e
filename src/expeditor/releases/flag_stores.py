"""Where the document of flags is kept, with every document it ever was: a file, or a parameter on AWS."""

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import msgspec
from botocore.exceptions import ClientError

from expeditor.payloads import decode, encode
from expeditor.releases.errors import FlagsChangedError
from expeditor.rollout import Flags, FlagsError, parse, render


class FlagStore(Protocol):
    """Keeps one document of flags; each is written whole and follows another."""

    def read(self) -> Flags:
        """The document in force.

        Raises:
            FlagsError: there is none, or it was written by somebody else.
        """
        ...

    def write(self, flags: Flags) -> None:
        """Puts *flags* in force; it is on disk when this returns.

        Raises:
            FlagsChangedError: another document is in force than the one it follows.
        """
        ...

    def history(self) -> tuple[Flags, ...]:
        """Every document that was in force, oldest first."""
        ...


class FileFlagStore:
    """A file, replaced as a whole, and beside it ``NAME.history.jsonl``, which only grows.

    A document is in the history before it is in force, so none is in force without a trace; one that a crash kept from
    coming into force has no successor and is left out of ``history``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._history = path.with_suffix(".history.jsonl")

    def exists(self) -> bool:
        """Whether there is a document."""
        return self.path.exists()

    def read(self) -> Flags:
        """See ``FlagStore``."""
        try:
            return parse(decode(self.path.read_bytes()))
        except FileNotFoundError as error:
            raise FlagsError(f"there is no {self.path}; `expeditor up` makes it") from error
        except (OSError, msgspec.DecodeError) as error:
            raise FlagsError(
                f"{self.path} cannot be read ({error}); put back a line of {self._history.name}"
            ) from error

    def write(self, flags: Flags) -> None:
        """See ``FlagStore``.

        Raises:
            FlagsError: it cannot be written, such as on a full disk.
        """
        try:
            self._write(flags)
        except OSError as error:
            message = f"{self.path} cannot be written ({error.strerror}); what was in force still is, so try again"
            raise FlagsError(message) from error

    def _write(self, flags: Flags) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.path.with_suffix(".lock")):
            present = self.read().change.revision if self.exists() else 0
            if flags.change.follows != present:
                raise FlagsChangedError(flags.change.follows, present)
            text = encode(render(flags))
            append_line(self._history, text)
            _replace(self.path, msgspec.json.format(text, indent=2) + b"\n")

    def history(self) -> tuple[Flags, ...]:
        """See ``FlagStore``."""
        lines = self._history.read_bytes().splitlines() if self._history.exists() else []
        return _in_force(self.read(), (flags for line in lines if (flags := _whole(line)) is not None))


class ParameterFlagStore:
    """A parameter of AWS Systems Manager, which keeps its own history of up to 100 versions."""

    def __init__(self, ssm: Any, name: str) -> None:
        self._ssm = ssm
        self._name = name

    def exists(self) -> bool:
        """Whether there is a document."""
        return self._present() is not None

    def read(self) -> Flags:
        """See ``FlagStore``."""
        present = self._present()
        if present is None:
            raise FlagsError(f"there is no parameter {self._name}; `expeditor experiment init` makes it")
        return parse(decode(present))

    def write(self, flags: Flags) -> None:
        """See ``FlagStore``; the service has no conditional write: writers at the same moment are not told apart."""
        present = self._present()
        revision = 0 if present is None else parse(decode(present)).change.revision
        if flags.change.follows != revision:
            raise FlagsChangedError(flags.change.follows, revision)
        self._ssm.put_parameter(
            Name=self._name,
            Value=encode(render(flags)).decode(),
            Type="String",
            Overwrite=present is not None,
            Tier="Intelligent-Tiering",
        )

    def history(self) -> tuple[Flags, ...]:
        """See ``FlagStore``."""
        pages = self._ssm.get_paginator("get_parameter_history").paginate(Name=self._name)
        documents = (parse(decode(version["Value"])) for page in pages for version in page["Parameters"])
        return _in_force(self.read(), documents)

    def _present(self) -> str | None:
        try:
            return str(self._ssm.get_parameter(Name=self._name)["Parameter"]["Value"])
        except ClientError as error:
            if error.response["Error"].get("Code") == "ParameterNotFound":
                return None
            raise


def _in_force(present: Flags, documents: Iterable[Flags]) -> tuple[Flags, ...]:
    """*present* and what it goes back to, oldest first."""
    latest = {flags.change.revision: flags for flags in documents}
    chain, at = [present], present
    while at.change.follows in latest:
        at = latest[at.change.follows]
        chain.append(at)
    return tuple(reversed(chain))


def append_line(path: Path, line: bytes) -> None:
    """Adds *line*, on a line of its own even if a crash cut the one before."""
    with path.open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        is_cut = size > 0 and file.read(1) != b"\n"
        file.write((b"\n" if is_cut else b"") + line + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _whole(line: bytes) -> Flags | None:
    """The document in *line*; None for a line that a crash cut, whose document never came into force."""
    try:
        return parse(decode(line))
    except (msgspec.DecodeError, FlagsError):
        return None


def _replace(path: Path, text: bytes) -> None:
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keeps other processes that lock *path* waiting."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
