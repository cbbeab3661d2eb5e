"""Code packages: a zip archive or a local directory, checked before anything of it is written."""

import base64
import hashlib
import io
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from expeditor.functions import refusals

ZIPPED_BYTES_MAX = 52_428_800
UNZIPPED_BYTES_MAX = 262_144_000
FILES_MAX = 20_000
RATIO_MAX = 200
RATIO_FREE_BYTES = 1_048_576
DEPTH_MAX = 32
NAME_BYTES_MAX = 255

_CHUNK_BYTES = 1_048_576
_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True)
class CodeFile:
    """One file of a package: its path inside, and where to read it (a zip entry or a path)."""

    path: PurePosixPath
    executable: bool
    source: zipfile.ZipInfo | Path


@dataclass(frozen=True, slots=True)
class FunctionCode:
    """A package that was looked through and may be extracted.

    Attributes:
        sha256: of the zip's bytes, or over paths and contents of a directory's files.
        size: bytes of the zip, or of all files.
    """

    files: tuple[CodeFile, ...]
    sha256: bytes
    size: int
    archive: bytes | None = None

    @classmethod
    def from_zip(cls, archive: bytes) -> "FunctionCode":
        """A zip archive as Lambda takes it.

        Raises:
            RequestTooLargeError: zipped it is too large.
            InvalidParameterValueError: not a zip archive, or one that asks to be extracted outside its folder, as
                links or devices, twice to one name, or to more than is allowed.
        """
        if len(archive) > ZIPPED_BYTES_MAX:
            raise refusals.RequestTooLargeError(
                f"Request must be smaller than {ZIPPED_BYTES_MAX} bytes for the CreateFunction operation"
            )
        with _readable(archive) as opened:
            entries = opened.infolist()
        _check_totals(entries, len(archive))
        files = tuple(_zip_file(entry) for entry in entries if not _is_folder(entry))
        _check_names(file.path for file in files)
        return cls(files, hashlib.sha256(archive).digest(), len(archive), archive)

    @classmethod
    def from_directory(cls, root: Path, include: Iterable[str] = ("**",)) -> "FunctionCode":
        """The files below *root* that match one of the glob patterns, without bytecode.

        Raises:
            InvalidParameterValueError: nothing matches, or a file is a link, or there is too much.
        """
        paths = sorted({path for pattern in include for path in _matching(root, pattern)})
        if not paths:
            raise refusals.InvalidParameterValueError(f"No file below {root} matches {', '.join(include)}")
        files = tuple(_directory_file(root, path) for path in paths)
        size = sum(path.stat().st_size for path in paths)
        _check_size(size, len(files))
        _check_names(file.path for file in files)
        code = cls(files, b"", size)
        return cls(files, tree_digest(code), size)

    @property
    def base64_sha256(self) -> str:
        """CodeSha256 as AWS reports it."""
        return base64.b64encode(self.sha256).decode()

    def contents(self) -> Iterator[tuple[CodeFile, Iterator[bytes]]]:
        """Each file with its content in chunks, in the order of ``files``.

        Raises:
            InvalidParameterValueError: the archive is damaged.
        """
        if self.archive is None:
            for file in self.files:
                assert isinstance(file.source, Path)
                yield file, _chunks_of_path(file.source)
            return
        with _readable(self.archive) as opened:
            for file in self.files:
                assert isinstance(file.source, zipfile.ZipInfo)
                yield file, _chunks_of_entry(opened, file.source)


def tree_digest(code: FunctionCode) -> bytes:
    """SHA-256 over path, executable bit and content of each file."""
    whole = hashlib.sha256()
    for file, chunks in code.contents():
        content = hashlib.sha256()
        for chunk in chunks:
            content.update(chunk)
        whole.update(str(file.path).encode() + (b"\0x\0" if file.executable else b"\0-\0") + content.digest())
    return whole.digest()


@contextmanager
def _readable(archive: bytes) -> Iterator[zipfile.ZipFile]:
    with _refusing_damage(), zipfile.ZipFile(io.BytesIO(archive)) as opened:
        yield opened


@contextmanager
def _refusing_damage() -> Iterator[None]:
    """Turns what ``zipfile`` raises for damaged archives into a refusal."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, RuntimeError) as error:
        raise refusals.InvalidParameterValueError(
            f"Could not unzip uploaded file. Please check your file, then try to upload again. ({error})"
        ) from error


def _check_totals(entries: list[zipfile.ZipInfo], zipped: int) -> None:
    if not entries:
        raise refusals.InvalidParameterValueError("Uploaded file must be a non-empty zip")
    size = sum(entry.file_size for entry in entries)
    _check_size(size, len(entries))
    if size > max(RATIO_FREE_BYTES, zipped * RATIO_MAX):
        raise refusals.InvalidParameterValueError(
            f"The archive unpacks to {size} bytes, more than {RATIO_MAX} times its size; it looks like a zip bomb"
        )


def _check_size(size: int, count: int) -> None:
    if size > UNZIPPED_BYTES_MAX:
        raise refusals.InvalidParameterValueError(f"Unzipped size must be smaller than {UNZIPPED_BYTES_MAX} bytes")
    if count > FILES_MAX:
        raise refusals.InvalidParameterValueError(f"The package has {count} files; at most {FILES_MAX} are accepted")


def _is_folder(entry: zipfile.ZipInfo) -> bool:
    """Whether *entry* is a folder; it is checked like a file, as folders follow from the files' paths."""
    if not entry.is_dir():
        return False
    _zip_path(entry)
    if entry.file_size:
        raise _bad_entry(entry.filename, "is a folder with content")
    return True


def _zip_file(entry: zipfile.ZipInfo) -> CodeFile:
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise _bad_entry(entry.filename, "is a link or a device")
    if entry.flag_bits & _ENCRYPTED:
        raise _bad_entry(entry.filename, "is encrypted")
    return CodeFile(_zip_path(entry), bool(mode & 0o111), entry)


def _zip_path(entry: zipfile.ZipInfo) -> PurePosixPath:
    name = entry.orig_filename
    if "\0" in name or "\\" in name or any(unicodedata.category(character) == "Cc" for character in name):
        raise _bad_entry(name, "holds control characters or backslashes")
    parts = name.removesuffix("/").split("/")
    if any(part in ("", ".", "..") for part in parts) or ":" in parts[0]:
        raise _bad_entry(name, "leads out of its folder")
    if len(parts) > DEPTH_MAX or any(len(part.encode(errors="replace")) > NAME_BYTES_MAX for part in parts):
        raise _bad_entry(name, "is too long or too deep")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise _bad_entry(name, "is not Unicode text") from error
    return PurePosixPath(*parts)


def _check_names(paths: Iterable[PurePosixPath]) -> None:
    """Refuses what some file system cannot tell apart: equal names, also in other case; a file and a folder."""
    files: set[str] = set()
    folders: set[str] = set()
    for path in paths:
        key = unicodedata.normalize("NFC", str(path)).casefold()
        if key in files:
            raise _bad_entry(str(path), "appears twice, or once more in other case")
        files.add(key)
        folders.update(str(parent) for parent in PurePosixPath(key).parents)
    both = files & folders
    if both:
        raise _bad_entry(min(both), "is a file and a folder")


def _bad_entry(name: str, reason: str) -> refusals.InvalidParameterValueError:
    return refusals.InvalidParameterValueError(f"The code package cannot be used: entry {name!r} {reason}")


def _matching(root: Path, pattern: str) -> Iterator[Path]:
    wanted = f"{pattern}/*" if pattern.endswith("**") else pattern
    for path in root.glob(wanted):
        if path.suffix == ".pyc" or "__pycache__" in path.parts:
            continue
        if path.is_symlink() or path.is_file():
            yield path


def _directory_file(root: Path, path: Path) -> CodeFile:
    relative = PurePosixPath(path.relative_to(root).as_posix())
    if path.is_symlink():
        raise _bad_entry(str(relative), "is a link")
    return CodeFile(relative, bool(path.stat().st_mode & 0o111), path)


def _chunks_of_path(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _chunks_of_entry(opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """At most the declared size: a header that lies is cut off there and fails its checksum."""
    with _refusing_damage(), opened.open(entry) as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
