"""Fields that are compiled: paths, templates, numbers that may be expressions, JSONata with an expected result."""

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from expeditor.asl.cursor import PathSyntaxError
from expeditor.asl.dataflow import empty
from expeditor.asl.fields import Fields
from expeditor.asl.jsonata import compile_jsonata, is_jsonata
from expeditor.asl.model import Language
from expeditor.asl.paths import compile_path
from expeditor.asl.payload import (
    TemplateError,
    compile_jsonata_template,
    compile_path_or_intrinsic,
    compile_template,
)
from expeditor.asl.scope import EvaluationError, Expression, Scope
from expeditor.payloads import JSONValue, encode

T = TypeVar("T")

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


def counted(read: Expression, name: str, text: str, *, whole: bool = True) -> Expression:
    """*read*, the path *text* of the field *name*, failing if what it selects is not a (whole) number from zero up."""
    allowed, kind = (int, "integer") if whole else (int | float, "float")

    def evaluate(scope: Scope) -> JSONValue:
        value = read(scope)
        if isinstance(value, bool) or not isinstance(value, allowed) or value < 0:
            shown = value if isinstance(value, str) else encode(value).decode()
            cause = f'The {name} field refers to value "{shown}" which is not a valid {kind}: {text}'
            raise EvaluationError("States.Runtime", cause)
        return value

    return evaluate


def compiled(fields: Fields, name: str, compile_one: Callable[[], T]) -> T | None:
    """What *compile_one* gives; what it complains about is reported at *name*."""
    try:
        return compile_one()
    except TemplateError as error:
        fields.find(error.reason, f"{name}{error.pointer}")
    except PathSyntaxError as error:
        fields.find(str(error), name)
    except ValueError as error:
        fields.find(str(error), name)
    return None


def path(fields: Fields, name: str) -> Expression | None:
    """A JSONPath; null selects an empty object; None where the field is missing or ``$``."""
    if name in fields.raw and fields.raw[name] is None:
        fields.taken.add(name)
        return empty
    text = fields.text(name)
    if text is None or text == "$":
        return None
    return compiled(fields, name, lambda: compile_path(text, field=fields.label + name))


def path_or_intrinsic(fields: Fields, name: str) -> Expression | None:
    """A JSONPath or a call of an intrinsic function."""
    text = fields.text(name)
    if text is None:
        return None
    return compiled(fields, name, lambda: compile_path_or_intrinsic(text, field=fields.label + name))


def template(fields: Fields, name: str) -> Expression | None:
    """A payload template in the language of the object; None where the field is missing."""
    if name not in fields.raw:
        return None
    value = fields.take(name)
    if fields.language is Language.JSONATA:
        return compiled(fields, name, lambda: compile_jsonata_template(value, field=fields.label + name))
    return compiled(fields, name, lambda: compile_template(value))


def numeric(fields: Fields, name: str, *, whole: bool = True) -> Expression | None:
    """A number, given directly, by ``...Path`` in JSONPath, or by ``{% %}`` in JSONata.

    Args:
        whole: whether what a path selects must be a whole number.
    """
    if fields.language is Language.JSONPATH and f"{name}Path" in fields.raw:
        if name in fields.raw:
            fields.find(f"'{name}' and '{name}Path' cannot be used together", name)
        fields.take(name)
        return _count_path(fields, f"{name}Path", whole=whole)
    value = fields.raw.get(name)
    if isinstance(value, str) and fields.language is Language.JSONATA:
        return jsonata(fields, name, "number")
    number = fields.number(name, 0, 99_999_999, None)
    return None if number is None else constant(number)


def _count_path(fields: Fields, name: str, *, whole: bool) -> Expression | None:
    text = fields.raw[name]
    read = path(fields, name)
    return None if read is None else counted(read, name, str(text), whole=whole)


def jsonata(fields: Fields, name: str, expected: str) -> Expression | None:
    """A JSONata expression whose result must be of the type *expected*."""
    text = fields.text(name)
    if text is None:
        return None
    if not is_jsonata(text):
        fields.find("Expected a JSONata expression between '{%' and '%}'", name)
        return None
    return compiled(
        fields,
        name,
        lambda: typed(compile_jsonata(text, field=fields.label + name), fields.label + name, text, expected),
    )
