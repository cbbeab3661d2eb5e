"""Artifacts: code packages on disk, each in a folder named by its content, never changed once it is there."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from expeditor.functions.code import FunctionCode
from expeditor.ids import Ids

_INCOMING = ".incoming-"


class Artifacts:
    """The folders below *root*, one per package, named by its SHA-256 in hex.

    ``put`` may run on any thread; whoever loses a race to the same name takes the folder of the winner.
    """

    def __init__(self, root: Path, ids: Ids) -> None:
        self.root = root
        self._ids = ids
        root.mkdir(parents=True, exist_ok=True)
        for leftover in root.glob(f"{_INCOMING}*"):
            shutil.rmtree(leftover)

    def path(self, name: str) -> Path:
        """Folder of the artifact called *name*."""
        return self.root / name

    def put(self, code: FunctionCode) -> str:
        """The name of the folder that now holds *code*, on disk and read-only.

        Raises:
            InvalidParameterValueError: the archive is damaged.
            OSError: the disk is full or not writable; nothing stays.
        """
        name = code.sha256.hex()
        if not self.path(name).exists():
            self._extract(code, name)
        return name

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
