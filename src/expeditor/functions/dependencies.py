"""What a function's code can import beyond its own package: the libraries that are installed, by name and version.

They are kept as one variable of the function's environment: that is the place which neither AWS nor the node can change
of a version, and which both show without the package being downloaded.
"""

import ast
import base64
import binascii
import inspect
import re
import site
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property
from importlib import metadata

from expeditor.functions.code import FunctionCode

DEPENDENCIES_VARIABLE = "EXPEDITOR_DEPENDENCIES"

PLAIN_CHARACTERS_MAX = 1_024
"""A longer list is compressed: all variables of a function share 4 KB. Source: Lambda quotas."""

_LIST_CHARACTERS_MAX = 1_048_576
_PACKED = "zlib:"
_WORD = re.compile(rb"[A-Za-z_][A-Za-z_0-9]*")
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[([^\]]*)\])?[^;]*(?:;(.*))?", re.DOTALL)
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")


class Installed:
    """The distributions that functions find on this machine.

    Args:
        path: folders to look in; without it those of this interpreter, which is the one that functions run on.
    """

    def __init__(self, path: Sequence[str] | None = None) -> None:
        self._path = list(path) if path is not None else site.getsitepackages()

    @cached_property
    def versions(self) -> Mapping[str, str]:
        """Version by normalized name; ``python`` is the interpreter's, as a runtime names it."""
        versions = {name: found.version for name, found in self._distributions.items()}
        return versions | {"python": f"{sys.version_info.major}.{sys.version_info.minor}"}

    @property
    def modules(self) -> Set[str]:
        """Top-level modules that the distributions have."""
        return self._providers.keys()

    def needed(self, modules: Iterable[str]) -> dict[str, str]:
        """The distributions that have *modules*, and all that those require, as far as they are installed."""
        roots = {name for module in modules for name in self._providers.get(module, ())}
        names = self._required(roots) | {"python"}
        return {name: self.versions[name] for name in sorted(names)}

    @cached_property
    def _distributions(self) -> Mapping[str, metadata.Distribution]:
        found: dict[str, metadata.Distribution] = {}
        for distribution in metadata.distributions(path=self._path):
            name = distribution.metadata["Name"]
            if name:
                found.setdefault(normalized(name), distribution)
        return found

    @cached_property
    def _providers(self) -> Mapping[str, list[str]]:
        """Names of the distributions that have a top-level module."""
        providers: dict[str, list[str]] = {}
        for name, distribution in self._distributions.items():
            for module in _modules(distribution):
                providers.setdefault(module, []).append(name)
        return providers

    def _required(self, roots: Iterable[str]) -> set[str]:
        seen: set[tuple[str, str]] = set()
        waiting = [(name, "") for name in roots]
        while waiting:
            name, extra = wanted = waiting.pop()
            if wanted in seen or name not in self._distributions:
                continue
            seen.add(wanted)
            for requirement in self._distributions[name].requires or ():
                waiting.extend(_wanted_by(requirement, extra))
        return {name for name, _ in seen}


def dependencies_of(code: FunctionCode, installed: Installed) -> dict[str, str]:
    """Version by name of everything that *code* can import, apart from itself and the standard library.

    What is named only while the code runs, by a text, is not seen.
    """
    return installed.needed(imported_modules(code, installed.modules))


def imported_modules(code: FunctionCode, among: Set[str]) -> set[str]:
    """Those of the top-level modules *among* that the Python files of *code* import and do not bring along.

    Not those for types only. Parsing takes most of the time, so only files that name another module are parsed.
    """
    own = {file.path.parts[0].removesuffix(".py") for file in code.files}
    sought = set(among) - own - sys.stdlib_module_names
    found: set[str] = set()
    for file, chunks in code.contents():
        if file.path.suffix == ".py":
            source = b"".join(chunks)
            if any(word.decode() in sought for word in set(_WORD.findall(source))):
                imported = sought.intersection(_imports(source))
                sought -= imported
                found |= imported
    return found


def with_dependencies(environment: Mapping[str, str], dependencies: Mapping[str, str]) -> dict[str, str]:
    """*environment* with *dependencies* recorded in it; none leave it as it is."""
    if not dependencies:
        return dict(environment)
    text = " ".join(f"{name}=={version}" for name, version in sorted(dependencies.items()))
    return {**environment, DEPENDENCIES_VARIABLE: text if len(text) <= PLAIN_CHARACTERS_MAX else _packed(text)}


def recorded_dependencies(environment: Mapping[str, str]) -> dict[str, str]:
    """What ``with_dependencies`` recorded; empty for an environment without, or with something else there."""
    text = environment.get(DEPENDENCIES_VARIABLE, "")
    if text.startswith(_PACKED):
        text = _unpacked(text)
    return dict(sorted(tuple(each.split("==", 1)) for each in text.split(" ") if "==" in each))  # type: ignore[misc]


def dependency_changes(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """How *now* has the libraries of *before*, by name: ``1.0 -> 1.1``, or ``1.0 -> not installed``."""
    return {
        name: f"{version} -> {now.get(name, 'not installed')}"
        for name, version in sorted(before.items())
        if now.get(name) != version
    }


def normalized(name: str) -> str:
    """The name that spellings of one distribution share. Source: PyPA specifications, "Names and normalization"."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _imports(source: bytes) -> Iterator[str]:
    """Top-level modules of the import statements; none in a file that cannot be imported itself."""
    try:
        waiting: list[ast.AST] = [ast.parse(source)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two: nested too deeply
        return
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0 and node.module is not None:
                yield node.module.partition(".")[0]
        else:
            blocks = ("orelse",) if _is_for_types(node) else _BLOCKS
            waiting.extend(child for block in blocks for child in getattr(node, block, ()))


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def _modules(distribution: metadata.Distribution) -> set[str]:
    """Top-level modules of a distribution: those it declares, else those among its files."""
    declared = distribution.read_text("top_level.txt")
    if declared:
        return set(declared.split())
    return {_module(file) for file in distribution.files or ()} - {""}


def _module(file: metadata.PackagePath) -> str:
    first = file.parts[0]
    name = first if len(file.parts) > 1 else inspect.getmodulename(first) or ""
    return name if name.isidentifier() else ""


def _wanted_by(requirement: str, extra: str) -> list[tuple[str, str]]:
    """(name, extra) pairs that a line of Requires-Dist asks for where *extra* ("" for none) is wanted."""
    match = _REQUIREMENT.match(requirement)
    if match is None:
        return []
    name, extras, marker = match.groups(default="")
    conditional = _EXTRA.search(marker)
    if (conditional[1] if conditional else "") != extra:
        return []
    return [(normalized(name), each) for each in ("", *filter(None, map(str.strip, extras.split(","))))]


def _packed(text: str) -> str:
    return _PACKED + base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def _unpacked(text: str) -> str:
    try:
        packed = base64.b64decode(text.removeprefix(_PACKED))
        return zlib.decompressobj().decompress(packed, _LIST_CHARACTERS_MAX).decode(errors="replace")
    except (binascii.Error, zlib.error):
        return ""
