"""Code packages: what a zip may hold and what it may not, and what a folder's digest depends on."""

import contextlib
import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from expeditor.functions import FunctionCode, refusals
from expeditor.functions import code as code_module


def archive(*entries: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of (name, content)."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", compression) as file:
        for name, content in entries:
            file.writestr(name, content)
    return written.getvalue()


def entry(name: str, mode: int) -> zipfile.ZipInfo:
    """An entry with a Unix mode."""
    made = zipfile.ZipInfo(name)
    made.create_system = 3
    made.external_attr = mode << 16
    return made


def contents(package: FunctionCode) -> dict[str, bytes]:
    return {str(file.path): b"".join(chunks) for file, chunks in package.contents()}


def renamed(name: bytes) -> bytes:
    """A zip whose one entry carries exactly *name*, which ``zipfile`` would not write."""
    return archive(("N" * len(name), b"x")).replace(b"N" * len(name), name)


def test_zip_gives_files_with_mode_and_digest_of_the_archive() -> None:
    made = archive(("app.py", b"code"), (entry("bin/run", stat.S_IFREG | 0o755), b"#!"), ("empty/", b""))

    package = FunctionCode.from_zip(made)

    assert [(str(file.path), file.executable) for file in package.files] == [("app.py", False), ("bin/run", True)]
    assert package.base64_sha256 == FunctionCode.from_zip(made).base64_sha256
    assert contents(package) == {"app.py": b"code", "bin/run": b"#!"}


HOSTILE_NAMES = [
    b"/etc/passwd",
    b"../outside.py",
    b"a/../../outside.py",
    b"a/./b.py",
    b"..",
    b".",
    b"a//b.py",
    b"C:/windows.py",
    b"C:windows.py",
    b"a\\..\\b.py",
    b"\\\\host\\share",
    b"bell\x07.py",
    b"new\nline.py",
    b"n\0ul.py",
    b"/".join([b"d"] * 40),
    b"x" * 300,
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_name_that_leads_elsewhere_is_refused(name: bytes) -> None:
    with pytest.raises(refusals.InvalidParameterValueError, match="entry"):
        FunctionCode.from_zip(renamed(name))


@pytest.mark.parametrize("name", [b"../", b"/abs/", b"a/../b/"])
def test_folder_that_leads_elsewhere_is_refused(name: bytes) -> None:
    with pytest.raises(refusals.InvalidParameterValueError, match="entry"):
        FunctionCode.from_zip(renamed(name))


@pytest.mark.parametrize(
    "kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK], ids=lambda kind: oct(kind)
)
def test_link_or_device_is_refused(kind: int) -> None:
    with pytest.raises(refusals.InvalidParameterValueError, match="link or a device"):
        FunctionCode.from_zip(archive((entry("app.py", kind | 0o777), b"/etc/passwd")))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "names",
    [
        ("app.py", "app.py"),
        ("app.py", "APP.py"),
        ("straße.py", "strasse.py"),
        ("caf\u00e9.py", "cafe\u0301.py"),
        ("a", "a/b.py"),
        ("A", "a/b.py"),
    ],
)
def test_names_that_collide_are_refused(names: tuple[str, str]) -> None:
    with pytest.raises(refusals.InvalidParameterValueError, match=r"twice|a file and a folder"):
        FunctionCode.from_zip(archive(*((name, b"x") for name in names)))


def test_bomb_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(refusals.InvalidParameterValueError, match="zip bomb"):
        FunctionCode.from_zip(archive(("zeros", bytes(20_000_000))))


def test_package_larger_than_lambda_takes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_module, "UNZIPPED_BYTES_MAX", 100)
    with pytest.raises(refusals.InvalidParameterValueError, match="Unzipped size must be smaller than 100 bytes"):
        FunctionCode.from_zip(archive(("app.py", b"x" * 101)))
    monkeypatch.setattr(code_module, "ZIPPED_BYTES_MAX", 10)
    with pytest.raises(refusals.RequestTooLargeError):
        FunctionCode.from_zip(archive(("app.py", b"x")))


def test_package_of_too_many_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_module, "FILES_MAX", 2)
    with pytest.raises(refusals.InvalidParameterValueError, match="has 3 files"):
        FunctionCode.from_zip(archive(("a", b""), ("b", b""), ("c", b"")))


@pytest.mark.parametrize("made", [b"", b"not a zip", b"PK\x03\x04" + b"\0" * 40, archive(("a", b"x"))[:-10], archive()])
def test_what_is_no_zip_is_refused(made: bytes) -> None:
    with pytest.raises(refusals.InvalidParameterValueError, match=r"unzip|non-empty"):
        FunctionCode.from_zip(made)


def test_encrypted_entry_is_refused() -> None:
    made = bytearray(archive(("app.py", b"x")))
    directory = made.rindex(b"PK\x01\x02")
    made[directory + 8 : directory + 10] = struct.pack("<H", 1)

    with pytest.raises(refusals.InvalidParameterValueError, match="encrypted"):
        FunctionCode.from_zip(bytes(made))


def test_damaged_content_is_found_when_it_is_read() -> None:
    made = archive(("app.py", b"some code"), compression=zipfile.ZIP_STORED).replace(b"some code", b"same code")

    package = FunctionCode.from_zip(made)

    with pytest.raises(refusals.InvalidParameterValueError, match="Could not unzip"):
        contents(package)


@pytest.mark.parametrize("position", range(0, 120, 3))
def test_flipped_bytes_are_refused_or_harmless(position: int) -> None:
    made = bytearray(archive(("app.py", b"code"), ("b.py", b"more")))
    made[position % len(made)] ^= 0xFF

    with contextlib.suppress(refusals.ServiceError):
        assert all(".." not in path for path in contents(FunctionCode.from_zip(bytes(made))))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A source folder with two packages, bytecode and a stray file."""
    for name in ("shop/app.py", "shop/__pycache__/app.cpython-311.pyc", "shop/old.pyc", "other/app.py", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def test_folder_gives_the_files_that_match_without_bytecode(folder: Path) -> None:
    package = FunctionCode.from_directory(folder, include=("shop/**", "*.txt"))

    assert [str(file.path) for file in package.files] == ["notes.txt", "shop/app.py"]


def test_digest_of_a_folder_depends_on_paths_contents_and_modes(folder: Path) -> None:
    def digest() -> bytes:
        return FunctionCode.from_directory(folder).sha256

    seen = [digest()]
    (folder / "notes.txt").write_text("changed")
    seen.append(digest())
    (folder / "notes.txt").chmod(0o755)
    seen.append(digest())
    (folder / "notes.txt").rename(folder / "other.txt")
    seen.append(digest())
    (folder / "shop" / "old.pyc").write_text("changed")

    assert len(set(seen)) == 4
    assert digest() == seen[-1]


def test_folder_with_nothing_or_a_link_is_refused(folder: Path) -> None:
    with pytest.raises(refusals.InvalidParameterValueError, match="No file below"):
        FunctionCode.from_directory(folder, include=("absent/**",))
    (folder / "shop" / "link.py").symlink_to("/etc/passwd")
    with pytest.raises(refusals.InvalidParameterValueError, match="is a link"):
        FunctionCode.from_directory(folder)
