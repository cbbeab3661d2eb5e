"""Reading the fields of a definition: each is taken once, checked, compiled; what is wrong is collected, not raised."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from expeditor.asl.cursor import PathSyntaxError
from expeditor.asl.dataflow import Dataflow, JSONataFlow, PathFlow, empty
from expeditor.asl.diagnostics import Code, Diagnostic
from expeditor.asl.jsonata import compile_jsonata, is_jsonata
from expeditor.asl.model import Flow, Language
from expeditor.asl.paths import compile_path, compile_reference_path
from expeditor.asl.payload import (
    TemplateError,
    compile_jsonata_template,
    compile_path_or_intrinsic,
    compile_template,
)
from expeditor.asl.scope import EvaluationError, Expression, Scope
from expeditor.payloads import JSONValue, encode

T = TypeVar("T")

JSONPATH_ONLY = frozenset({
    "InputPath", "OutputPath", "ResultPath", "Parameters", "ResultSelector", "ItemsPath", "Result", "Variable",
    "SecondsPath", "TimestampPath", "TimeoutSecondsPath", "HeartbeatSecondsPath", "ErrorPath", "CausePath",
    "MaxConcurrencyPath", "ToleratedFailureCountPath", "ToleratedFailurePercentagePath", "MaxItemsPath",
    "MaxItemsPerBatchPath", "MaxInputBytesPerBatchPath",
})  # fmt: skip
JSONATA_ONLY = frozenset({"Arguments", "Output", "Items", "Condition"})

TYPE_NAMES: Mapping[type, str] = {
    bool: "boolean",
    int: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}

_READS_CONTEXT = re.compile(r"\$\$|\$states\b(?!\s*\.\s*(?:input|result|errorOutput)\b)")


def constant(value: JSONValue) -> Expression:
    """An expression that gives *value* whatever the scope."""
    return lambda _scope: value


def reads_context(value: JSONValue) -> bool:
    """Whether an expression anywhere in *value* may look at the context object."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            if _READS_CONTEXT.search(one):
                return True
        elif isinstance(one, dict):
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)
    return False


def type_name(value: JSONValue) -> str:
    """The type of *value* as AWS's messages name it."""
    return "number" if isinstance(value, float) else TYPE_NAMES[type(value)]


def typed(read: Expression, name: str, text: str, expected: str) -> Expression:
    """*read*, the JSONata expression *text* of the field *name*, failing if its result is not *expected*."""

    def evaluate(scope: Scope) -> JSONValue:
        value = read(scope)
        if type_name(value) != expected:
            raise EvaluationError(
                "States.QueryEvaluationError",
                f"The JSONata expression '{text.strip()[2:-2].strip()}' specified for the field '{name}' returned an "
                f"unexpected result type. Expected '{expected}', but was '{type_name(value)}' "
                f"for value: {encode(value).decode()}",
            )
        return value

    return evaluate


def counted(read: Expression, name: str, text: str) -> Expression:
    """*read*, the path *text* of the field *name*, failing if what it selects is not a whole number from zero up."""

    def evaluate(scope: Scope) -> JSONValue:
        value = read(scope)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            shown = value if isinstance(value, str) else encode(value).decode()
            cause = f'The {name} field refers to value "{shown}" which is not a valid integer: {text}'
            raise EvaluationError("States.Runtime", cause)
        return value

    return evaluate


@dataclass(slots=True)
class Fields:
    """The fields of one object of a definition.

    Attributes:
        at: JSON pointer of the object.
        language: how its expressions are written.
        findings: where diagnostics go; shared by the whole definition.
        compile_flow: compiles an object with ``StartAt`` and ``States``.
        express: whether the machine is for Express executions.
        taken: names read so far; what is left at the end is not supported.
    """

    raw: dict[str, JSONValue]
    at: str
    language: Language
    findings: list[Diagnostic]
    compile_flow: "Callable[[Fields], Flow]"
    express: bool = False
    taken: set[str] = field(default_factory=set)

    def find(self, message: str, name: str | None = None, code: Code = Code.SCHEMA) -> None:
        """Reports that something is wrong with the field called *name*, or with the whole object."""
        location = self.at if name is None else f"{self.at}/{name}"
        self.findings.append(Diagnostic(code, message, location or "/"))

    def inner(self, name: str, raw: dict[str, JSONValue]) -> "Fields":
        """The fields of the object *raw* that stands under *name*."""
        at = f"{self.at}/{name}"
        return Fields(raw, at, self.language, self.findings, self.compile_flow, self.express)

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

    def compiled(self, name: str, compile_one: Callable[[], T]) -> T | None:
        """What *compile_one* gives; what it complains about is reported at *name*."""
        try:
            return compile_one()
        except TemplateError as error:
            self.find(error.reason, f"{name}{error.pointer}")
        except PathSyntaxError as error:
            self.find(str(error), name)
        except ValueError as error:
            self.find(str(error), name)
        return None

    def path(self, name: str) -> Expression | None:
        """A JSONPath; null selects an empty object; None where the field is missing or ``$``."""
        if name in self.raw and self.raw[name] is None:
            self.taken.add(name)
            return empty
        text = self.text(name)
        if text is None or text == "$":
            return None
        return self.compiled(name, lambda: compile_path(text, field=name))

    def path_or_intrinsic(self, name: str) -> Expression | None:
        """A JSONPath or a call of an intrinsic function."""
        text = self.text(name)
        if text is None:
            return None
        return self.compiled(name, lambda: compile_path_or_intrinsic(text, field=name))

    def template(self, name: str) -> Expression | None:
        """A payload template in the language of the object; None where the field is missing."""
        if name not in self.raw:
            return None
        value = self.take(name)
        if self.language is Language.JSONATA:
            return self.compiled(name, lambda: compile_jsonata_template(value, field=name))
        return self.compiled(name, lambda: compile_template(value))

    def numeric(self, name: str) -> Expression | None:
        """A number, given directly, by ``...Path`` in JSONPath, or by ``{% %}`` in JSONata."""
        if self.language is Language.JSONPATH and f"{name}Path" in self.raw:
            if name in self.raw:
                self.find(f"'{name}' and '{name}Path' cannot be used together", name)
            self.take(name)
            return self._count_path(f"{name}Path")
        value = self.raw.get(name)
        if isinstance(value, str) and self.language is Language.JSONATA:
            return self.jsonata(name, "number")
        number = self.number(name, 0, 99_999_999, None)
        return None if number is None else constant(number)

    def _count_path(self, name: str) -> Expression | None:
        text = self.raw[name]
        read = self.path(name)
        return None if read is None else counted(read, name, str(text))

    def jsonata(self, name: str, expected: str) -> Expression | None:
        """A JSONata expression whose result must be of the type *expected*."""
        text = self.text(name)
        if text is None:
            return None
        if not is_jsonata(text):
            self.find("Expected a JSONata expression between '{%' and '%}'", name)
            return None
        return self.compiled(name, lambda: typed(compile_jsonata(text, field=name), name, text, expected))

    def check_language(self) -> None:
        """Reports fields of the other query language, and takes them."""
        other = JSONPATH_ONLY if self.language is Language.JSONATA else JSONATA_ONLY
        for name in self.raw:
            if name in other and name not in self.taken:
                self.find(f"The field '{name}' is not supported when 'QueryLanguage' is '{self.language}'", name)
                self.taken.add(name)

    def result_flow(self, *, selects: bool = False) -> Dataflow:
        """Data flow of states with a result of their own: Task, Parallel, Map, Pass.

        Args:
            selects: whether the input is selected per item instead, as in Map.
        """
        if self.language is Language.JSONATA:
            return JSONataFlow(None if selects else self.template("Arguments"), self.template("Output"), self.assign())
        place = self.text("ResultPath") if self.raw.get("ResultPath") is not None else None
        self.taken.add("ResultPath")
        result_path = None
        if place is not None and place != "$":
            result_path = self.compiled("ResultPath", lambda: compile_reference_path(place))
        return PathFlow(
            input_path=self.path("InputPath"),
            parameters=None if selects else self.template("Parameters"),
            result_selector=self.template("ResultSelector"),
            result_path=result_path,
            output_path=self.path("OutputPath"),
            assign=self.assign(),
            discards="ResultPath" in self.raw and self.raw["ResultPath"] is None,
        )

    def plain_flow(self) -> Dataflow:
        """Data flow of states that hand their input on: Choice, Wait, Succeed."""
        if self.language is Language.JSONATA:
            return JSONataFlow(None, self.template("Output"), self.assign())
        return PathFlow(input_path=self.path("InputPath"), output_path=self.path("OutputPath"), assign=self.assign())

    def assign(self) -> Expression | None:
        """``Assign``: an object of variables."""
        if "Assign" in self.raw and not isinstance(self.raw["Assign"], dict):
            self.find("Expected value of type Object", "Assign")
        return self.template("Assign")


def strings(fields: Fields, name: str) -> frozenset[str]:
    """A non-empty array of strings, such as ``ErrorEquals``."""
    value = fields.take(name)
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        fields.find("Expected a non-empty array of strings", name)
        return frozenset()
    return frozenset(str(one) for one in value)
