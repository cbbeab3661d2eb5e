"""The fields of a definition: each is taken once and checked; what is wrong is collected, not raised."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from expeditor.asl.diagnostics import Code, Diagnostic
from expeditor.asl.model import Flow, Language
from expeditor.payloads import JSONValue

T = TypeVar("T")


@dataclass(slots=True)
class Fields:
    """The fields of one object of a definition.

    Attributes:
        at: JSON pointer of the object.
        language: how its expressions are written.
        findings: where diagnostics go; shared by the whole definition.
        compile_flow: compiles an object with ``StartAt`` and ``States``.
        label: what stands before a field's name where failures name it, such as ``Catch[1]/``.
        express: whether the machine is for Express executions.
        taken: names read so far; what is left at the end is not supported.
    """

    raw: dict[str, JSONValue]
    at: str
    language: Language
    findings: list[Diagnostic]
    compile_flow: "Callable[[Fields], Flow]"
    express: bool = False
    label: str = ""
    taken: set[str] = field(default_factory=set)

    def find(self, message: str, name: str | None = None, code: Code = Code.SCHEMA) -> None:
        """Reports that something is wrong with the field called *name*, or with the whole object."""
        location = self.at if name is None else f"{self.at}/{name}"
        self.findings.append(Diagnostic(code, message, location or "/"))

    def inner(self, name: str, raw: dict[str, JSONValue]) -> "Fields":
        """The fields of the object *raw* that stands under *name*."""
        at = f"{self.at}/{name}"
        label = f"{self.label}{name}/"
        return Fields(raw, at, self.language, self.findings, self.compile_flow, self.express, label)

    def take(self, name: str) -> JSONValue:
        """The field as it is; None where it is missing."""
        self.taken.add(name)
        return self.raw.get(name)

    def has(self, name: str) -> bool:
        """Whether the field is there, be it null."""
        return name in self.raw

    def require(self, *names: str) -> None:
        """Reports the fields of *names* that are missing."""
        missing = [name for name in names if name not in self.raw]
        if missing:
            self.find(f"These fields are required: [{', '.join(missing)}]")

    def only_one(self, *names: str, required: bool = False) -> None:
        """Reports if more than one of *names* is there, or none though one is required."""
        present = [name for name in names if name in self.raw]
        if len(present) > 1 or (required and not present):
            self.find(f"Exactly one of these fields is expected: [{', '.join(names)}]")

    def end(self) -> None:
        """Reports the fields that nobody took."""
        for name in self.raw:
            if name not in self.taken:
                self.find(f"The field '{name}' is not supported here", name)

    def text(self, name: str) -> str | None:
        """A string."""
        return self._typed(name, str, "a string")

    def flag(self, name: str) -> bool:
        """A boolean, False where it is missing."""
        return bool(self._typed(name, bool, "a boolean"))

    def mapping(self, name: str) -> "Fields | None":
        """An object."""
        raw = self._typed(name, dict, "an object")
        return None if raw is None else self.inner(name, raw)

    def sequence(self, name: str) -> "list[Fields]":
        """An array of objects; others are reported."""
        found = []
        for index, raw in enumerate(self._typed(name, list, "an array") or []):
            if isinstance(raw, dict):
                found.append(self.inner(f"{name}[{index}]", raw))
            else:
                self.find("Expected value of type Object", f"{name}[{index}]")
        return found

    def number(self, name: str, low: float, high: float, default: T) -> float | T:
        """A number in *low*..*high*, else *default*."""
        value = self.take(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            self.find(f"Expected a number between {low} and {high}", name)
            return default
        return value

    def one_of(self, name: str, allowed: Iterable[str]) -> str | None:
        """A string out of *allowed*."""
        value = self.take(name)
        names = list(allowed)
        if value is not None and value not in names:
            self.find(f"The field '{name}' should have one of these values: [{', '.join(names)}]", name)
            return None
        return value if isinstance(value, str) else None

    def _typed(self, name: str, kind: type[T], article: str) -> T | None:
        value: Any = self.take(name)
        if value is None and name not in self.raw:
            return None
        if not isinstance(value, kind):
            self.find(f"The value of '{name}' must be {article}", name)
            return None
        return value


def strings(fields: Fields, name: str) -> frozenset[str]:
    """A non-empty array of strings, such as ``ErrorEquals``."""
    value = fields.take(name)
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        fields.find("Expected a non-empty array of strings", name)
        return frozenset()
    return frozenset(str(one) for one in value)
