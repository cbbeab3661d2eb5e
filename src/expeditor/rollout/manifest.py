"""What a release consists of, as a value with a digest: definition, code, configuration, environment, dependencies."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from dataclasses import field as dataclass_field

from expeditor.errors import ExpeditorError
from expeditor.payloads import JSONValue, decode, encode

_FUNCTION_ARN = re.compile(r"arn:[a-z-]+:lambda:[a-z0-9-]*:\d*:function:(?P<name>[A-Za-z0-9_-]+):(?P<version>\d+)")


class ManifestError(ExpeditorError):
    """A definition and its functions do not fit together."""


@dataclass(frozen=True, slots=True)
class FunctionPin:
    """One function version that a definition names.

    Attributes:
        code: CodeSha256 as Lambda reports it.
        dependencies: version by name of what the code can import beyond its package; empty where none was recorded.
    """

    name: str
    version: str
    code: str
    handler: str
    runtime: str
    timeout_seconds: int
    memory_mb: int
    environment: Mapping[str, str]
    dependencies: Mapping[str, str] = dataclass_field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 over everything but the version's number; dependencies count only where they were recorded."""
        content = {**asdict(self), "version": "", "dependencies": dict(sorted(self.dependencies.items()))}
        if not self.dependencies:
            del content["dependencies"]
        return hashlib.sha256(encode({name: content[name] for name in sorted(content)})).hexdigest()


@dataclass(frozen=True, slots=True)
class Manifest:
    """A release's content.

    Attributes:
        definition: with its version ARNs, JSON.
        functions: those the definition names, by name.
        parent: the release it was made to follow; "" for the first.
    """

    release: str
    type: str
    definition: JSONValue
    functions: Mapping[str, FunctionPin]
    parent: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 over all that decides how orders are processed; the same on the node and on AWS for the same content.

        In the definition each version's ARN is replaced by name and content, so that neither account, region nor the
        number a version happened to get matter.
        """
        content: JSONValue = {"type": self.type, "definition": _replaced(self.definition, self._content_of)}
        return hashlib.sha256(encode(content)).hexdigest()

    @property
    def digests(self) -> frozenset[str]:
        """Every digest that may be recorded for this content: also the one of before dependencies were part of it."""
        return frozenset({self.digest, self.without_dependencies(self.functions).digest})

    def without_dependencies(self, names: Iterable[str]) -> "Manifest":
        """The manifest as if those of the functions *names* had not been recorded."""
        forgotten = {name: replace(self.functions[name], dependencies={}) for name in names if name in self.functions}
        return replace(self, functions={**self.functions, **forgotten})

    def _content_of(self, match: re.Match[str]) -> str:
        if match["name"] not in self.functions:
            raise ManifestError(f"the definition of {self.release} names {match[0]}, which its manifest does not have")
        return f"{match['name']}={self.functions[match['name']].digest}"


def pinned_versions(definition: str) -> dict[str, str]:
    """Name to version of each function that a definition pins.

    Raises:
        ManifestError: two versions of one function, which a manifest could not tell apart.
    """
    found: dict[str, str] = {}
    for match in _FUNCTION_ARN.finditer(definition):
        if found.setdefault(match["name"], match["version"]) != match["version"]:
            raise ManifestError(f"the definition names {match['name']} in two versions; pin one")
    return found


def parsed_definition(text: str) -> JSONValue:
    """The JSON of a definition; names and numbers only, not its rules."""
    return decode(text)


def differences(before: Manifest, after: Manifest) -> list[str]:
    """What *after* changes, a line each: states, fields of functions, variables of their environment, libraries."""
    return [*_state_differences(before, after), *_function_differences(before, after)]


def _state_differences(before: Manifest, after: Manifest) -> Iterator[str]:
    old, new = (_object(_replaced(each.definition, lambda match: match["name"])) for each in (before, after))
    yield from _field_differences("definition", _without(old, "States"), _without(new, "States"))
    old_states, new_states = _object(old.get("States")), _object(new.get("States"))
    for name in sorted(old_states.keys() | new_states.keys()):
        if name not in new_states:
            yield f"state {name} is gone"
        elif name not in old_states:
            yield f"state {name} is new"
        else:
            yield from _field_differences(f"state {name}", _object(old_states[name]), _object(new_states[name]))


def _function_differences(before: Manifest, after: Manifest) -> Iterator[str]:
    """Functions that share what changed, as they share their code, are named together."""
    changes: dict[str, list[str]] = {}
    for name in sorted(before.functions.keys() | after.functions.keys()):
        old, new = before.functions.get(name), after.functions.get(name)
        if old is None or new is None:
            changes.setdefault("gone" if new is None else "new", []).append(name)
        elif old.digest != new.digest:
            for line in _pin_differences(old, new):
                changes.setdefault(line, []).append(name)
    for line, names in changes.items():
        yield f"function{'s' if len(names) > 1 else ''} {', '.join(names)}: {line}"


def _pin_differences(before: FunctionPin, after: FunctionPin) -> Iterator[str]:
    others = asdict(after)
    for name, value in _without(asdict(before), "environment", "dependencies", "version").items():
        if value != others[name]:
            versions = f"(version {before.version} -> {after.version})"
            yield f"{name} {_plain(value)} -> {_plain(others[name])} {versions}"
    yield from _environment_differences(before.environment, after.environment)
    yield from _dependency_differences(before.dependencies, after.dependencies)


def _environment_differences(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    """Names only: values of variables may be secrets."""
    for variable in sorted(before.keys() | after.keys()):
        if before.get(variable) != after.get(variable):
            word = "is gone" if variable not in after else "is new" if variable not in before else "changed"
            yield f"environment variable {variable} {word}"


def _dependency_differences(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    if bool(before) != bool(after):
        yield "libraries are recorded now" if after else "libraries are no longer recorded"
        return
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield f"library {name} {before[name]} is gone"
        elif name not in before:
            yield f"library {name} {after[name]} is new"
        elif before[name] != after[name]:
            yield f"library {name} {before[name]} -> {after[name]}"


def _field_differences(name: str, before: dict[str, JSONValue], after: dict[str, JSONValue]) -> Iterator[str]:
    for field in sorted(before.keys() | after.keys()):
        old, new = before.get(field), after.get(field)
        if old != new:
            yield f"{name}: {field} {_short(old)} -> {_short(new)}"


def _replaced(value: JSONValue, name_of: Callable[[re.Match[str]], str]) -> JSONValue:
    """*value* with its keys sorted, and what *name_of* gives in place of each version's ARN."""
    if isinstance(value, dict):
        return {name: _replaced(value[name], name_of) for name in sorted(value)}
    if isinstance(value, list):
        return [_replaced(each, name_of) for each in value]
    return _FUNCTION_ARN.sub(name_of, value) if isinstance(value, str) else value


def _plain(value: object) -> str:
    """Digests need not be read to the end."""
    text = str(value)
    return text if len(text) <= 24 else f"{text[:12]}..."


def _short(value: JSONValue) -> str:
    text = "(absent)" if value is None else encode(value).decode()
    return text if len(text) <= 80 else f"{text[:77]}..."


def _without(document: dict[str, JSONValue], *names: str) -> dict[str, JSONValue]:
    return {name: value for name, value in document.items() if name not in names}


def _object(value: JSONValue) -> dict[str, JSONValue]:
    return value if isinstance(value, dict) else {}
