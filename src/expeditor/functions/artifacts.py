"""Artifacts: code packages on disk, each in a folder named by its content, never changed once it is there."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from expeditor.functions import refusals
from expeditor.functions.code import FunctionCode
from expeditor.ids import Ids

_INCOMING = ".incoming-"
_OUTGOING = ".outgoing-"
_NAME = re.compile(r"[0-9a-f]{64}")


class Artifacts:
    """The folders below *root*, one per package, named by its SHA-256 in hex.

    ``put`` may run on any thread, one at a time: of many functions of one package the first writes it, the others find
    it there. ``held`` and ``take_away`` belong to one thread, so that whoever puts an artifact, then writes a version
    that uses it, and holds it meanwhile, finds it there.
    """

    def __init__(self, root: Path, ids: Ids) -> None:
        self.root = root
        self._ids = ids
        self._held: Counter[str] = Counter()
        self._writing = threading.Lock()
        root.mkdir(parents=True, exist_ok=True)
        for pattern in (_INCOMING, _OUTGOING):
            for leftover in root.glob(f"{pattern}*"):
                _remove(leftover)

    def path(self, name: str) -> Path:
        """Folder of the artifact called *name*."""
        return self.root / name

    def put(self, code: FunctionCode) -> str:
        """The name of the folder that now holds *code*, on disk and read-only.

        Raises:
            InvalidParameterValueError: the archive is damaged.
            ServiceUnavailableError: the disk is full or not writable; nothing stays.
        """
        name = code.sha256.hex()
        with self._writing:
            if not self.path(name).exists():
                try:
                    self._extract(code, name)
                except OSError as error:
                    raise refusals.ServiceUnavailableError(
                        f"The code cannot be kept in {self.root} ({error.strerror or error}); make room there, or let "
                        "it be written, and try again"
                    ) from error
        return name

    @contextlib.contextmanager
    def held(self, code: FunctionCode) -> Iterator[None]:
        """Keeps the artifact of *code* from being taken away, from before it is put until a version uses it."""
        name = code.sha256.hex()
        self._held[name] += 1
        try:
            yield
        finally:
            self._held[name] -= 1

    def take_away(self, used: Collection[str]) -> Callable[[], None] | None:
        """Takes every artifact out of its place that is neither *used* nor held.

        Returns:
            what deletes their files, on any thread; None: nothing was taken. A crash before it is done leaves folders
            that the next start deletes.
        """
        unused = [name for name in self._names() if name not in used and not self._held[name]]
        taken = [self._take_out(name) for name in unused]
        return (lambda: self._delete(taken)) if taken else None

    def _names(self) -> list[str]:
        return [entry.name for entry in os.scandir(self.root) if _NAME.fullmatch(entry.name)]

    def _take_out(self, name: str) -> Path:
        outgoing = self.root / f"{_OUTGOING}{self._ids.uuid()}"
        self.path(name).chmod(0o755)
        return self.path(name).rename(outgoing)

    def _delete(self, taken: list[Path]) -> None:
        """Deletes files once it is on disk that their folder is gone: half an artifact is never found in its place."""
        _sync_folder(self.root)
        for folder in taken:
            _remove(folder)

    def _extract(self, code: FunctionCode, name: str) -> None:
        incoming = self.root / f"{_INCOMING}{self._ids.uuid()}"
        incoming.mkdir()
        try:
            _write_files(code, incoming)
            _compile(incoming, self.path(name))
            _seal_folders(incoming)
            _publish(incoming, self.path(name))
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
        _sync_folder(self.root)


def _remove(folder: Path) -> None:
    """Deletes a folder whose folders are read-only."""
    for path, _, _ in os.walk(folder):
        Path(path).chmod(0o755)
    shutil.rmtree(folder)


def _write_files(code: FunctionCode, folder: Path) -> None:
    for file, chunks in code.contents():
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_file(path, chunks, 0o555 if file.executable else 0o444)


def _compile(folder: Path, final: Path) -> None:
    """Adds bytecode, which processes of functions never write; a file with a syntax error goes without."""
    subprocess.run(
        [
            *(sys.executable, "-I", "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash"),
            *("-s", str(folder), "-p", str(final), str(folder)),
        ],
        stdin=subprocess.DEVNULL,
        check=False,
    )


def _write_file(path: Path, chunks: Iterator[bytes], mode: int) -> None:
    with path.open("xb") as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())


def _seal_folders(folder: Path) -> None:
    """Makes every folder durable and, but for the outermost that is still to be renamed, read-only."""
    for path, _, _ in os.walk(folder, topdown=False):
        _sync_folder(Path(path))
        if Path(path) != folder:
            Path(path).chmod(0o555)


def _publish(incoming: Path, final: Path) -> None:
    try:
        incoming.rename(final)
    except OSError:
        if not final.exists():
            raise
    else:
        final.chmod(0o555)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
