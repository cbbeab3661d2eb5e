"""From what the wire holds to an operation's parameters: one compiled closure per shape, which also validates.

A reader gets a value as JSON has it, or, where *text* is set, as a query string, a header or a form has it: text for
every scalar. What has the wrong type cannot be read at all and raises; what breaks a constraint is added to the
problems, so that one refusal names them all.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from expeditor.api.errors import SerializationError
from expeditor.api.model import Reference, ServiceModel, Shape
from expeditor.api.protocol import Params
from expeditor.api.validation import (
    NOT_NULL,
    PROBLEMS_MAX,
    Check,
    Problem,
    checks,
    compile_pattern,
    member_path,
    problem,
    refuse,
)

Reader: TypeAlias = Callable[[Any, list[Problem]], Any]

_JSON_TYPES: Mapping[type, str] = {
    str: "STRING_VALUE",
    bool: "TRUE_VALUE",
    int: "NUMBER_VALUE",
    float: "DECIMAL_VALUE",
    list: "START_ARRAY",
    dict: "START_OBJECT",
}


def parameters_reader(
    model: ServiceModel, reference: Reference | None, *, text: bool = False
) -> Callable[[Any], Params]:
    """The reader of an operation's whole input.

    Raises (the reader):
        SerializationError: a value has another type than the model's.
        ValidationError: constraints do not hold.
    """
    if reference is None:
        return _nothing
    read = Readers(model, text=text).reader(reference)

    def read_parameters(value: Any) -> Params:
        problems: list[Problem] = []
        params: Params = read(value, problems)
        if problems:
            raise refuse(problems)
        return params

    return read_parameters


class Readers:
    """Compiles the readers of one service's shapes, each once, so that a shape may hold itself."""

    def __init__(self, model: ServiceModel, *, text: bool) -> None:
        self._model = model
        self._text = text
        self._compiled: dict[str, Reader] = {}

    def reader(self, reference: Reference) -> Reader:
        """The reader of a referenced shape."""
        name = reference.shape
        if name not in self._compiled:
            self._compiled[name] = lambda value, problems: self._compiled[name](value, problems)
            shape = self._model.shapes[name]
            compound = {"structure": self._structure, "list": self._list, "map": self._map}.get(shape.type)
            self._compiled[name] = compound(shape) if compound else self._scalar(shape)
        return self._compiled[name]

    def _structure(self, shape: Shape) -> Reader:
        members = [
            (name, reference.location_name or name, self.reader(reference), name in shape.required)
            for name, reference in shape.members.items()
        ]

        def read(value: Any, problems: list[Problem]) -> Params:
            if type(value) is not dict:
                raise unreadable(value, "structure")
            params: Params = {}
            for name, wire_name, read_member, required in members:
                item = value.get(wire_name)
                if item is not None:
                    before = len(problems)
                    params[name] = read_member(item, problems)
                    if len(problems) > before:
                        _place(problems, before, member_path(name))
                elif required:
                    problems.append(Problem("null", NOT_NULL, [member_path(name)]))
            return params

        return read

    def _list(self, shape: Shape) -> Reader:
        assert shape.member is not None
        own, read_item = checks(shape), self.reader(shape.member)
        item_shape = self._model.shapes[shape.member.shape]
        listed = checks(item_shape) if item_shape.type not in ("structure", "list", "map") else ()
        wordings = [check.wording for check in listed]
        together = f"Member must satisfy constraint: [{', '.join([*wordings, NOT_NULL])}]"

        def read(value: Any, problems: list[Problem]) -> list[Any]:
            if type(value) is not list:
                raise unreadable(value, "list")
            _check(shape, own, value, problems)
            items = []
            for index, item in enumerate(value, 1):
                before = len(problems)
                items.append(read_item(item, problems) if item is not None else None)
                if len(problems) == before and item is not None:
                    continue
                if listed or item is None:
                    problems[before:] = [problem(shape, value, together)]
                    return items
                _place(problems, before, str(index), "member")
                if len(problems) >= PROBLEMS_MAX:
                    return items
            return items

        return read

    def _map(self, shape: Shape) -> Reader:
        assert shape.key is not None
        assert shape.value is not None
        own, read_key, read_value = checks(shape), self.reader(shape.key), self.reader(shape.value)

        def read(value: Any, problems: list[Problem]) -> dict[str, Any]:
            if type(value) is not dict:
                raise unreadable(value, "map")
            _check(shape, own, value, problems)
            entries = {}
            for key, item in value.items():
                before = len(problems)
                read_key(key, problems)
                entries[key] = read_value(item, problems) if item is not None else None
                if len(problems) > before:
                    _place(problems, before, key, "member")
                if len(problems) >= PROBLEMS_MAX:
                    break
            return {key: item for key, item in entries.items() if item is not None}

        return read

    def _scalar(self, shape: Shape) -> Reader:
        own = checks(shape)
        convert = (_FROM_TEXT if self._text else _FROM_JSON)[shape.type]
        if not own:

            def just_convert(value: Any, problems: list[Problem]) -> Any:  # noqa: ARG001 - nothing to break
                return convert(value)

            return just_convert

        def read(value: Any, problems: list[Problem]) -> Any:
            converted = convert(value)
            _check(shape, own, converted, problems)
            return converted

        return read


def unreadable(value: object, wanted: str) -> SerializationError:
    """The refusal of a value whose JSON type is not the model's."""
    article = "an" if wanted[0] in "AEIOU" else "a"
    return SerializationError(
        f"{_JSON_TYPES.get(type(value), 'NULL_VALUE')} can not be converted to {article} {wanted}"
    )


def _check(shape: Shape, own: tuple[Check, ...], value: Any, problems: list[Problem]) -> None:
    for check in own:
        if check.broken_by(value):
            problems.append(problem(shape, value, check.wording))  # noqa: PERF401 - on the hot path nothing is broken


def _place(problems: list[Problem], first: int, *path: str) -> None:
    """Puts *path* in front of the problems from *first* on."""
    for each in problems[first:]:
        each.path[:0] = path


def _nothing(value: Any) -> Params:  # noqa: ARG001 - an operation without input ignores what comes
    return {}


def _string(value: Any) -> str:
    if type(value) is not str:
        raise unreadable(value, "String")
    return value


def _integer(value: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise unreadable(value, "Integer")


def _number(value: Any) -> float:
    if type(value) is int or type(value) is float:
        return float(value)
    raise unreadable(value, "Double")


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise unreadable(value, "Boolean")
    return value


def _blob(value: Any) -> bytes:
    try:
        return base64.b64decode(_string(value), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SerializationError("the value of a blob is not base64") from error


def _timestamp(value: Any) -> float:
    if type(value) is not str:
        return _number(value)
    try:
        return datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError) as error:
        raise SerializationError(f"{value[:64]!r} is not a timestamp in ISO 8601") from error


_INTEGER_TEXT = compile_pattern(r"[+-]?[0-9]{1,19}")
_NUMBER_TEXT = compile_pattern(r"[+-]?[0-9]{1,32}(\.[0-9]{1,32})?([eE][+-]?[0-9]{1,3})?")


def _integer_from_text(value: Any) -> int:
    if not _INTEGER_TEXT.fullmatch(_string(value)):
        raise unreadable(value, "Integer")
    return int(value)


def _number_from_text(value: Any) -> float:
    if not _NUMBER_TEXT.fullmatch(_string(value)):
        raise unreadable(value, "Double")
    return float(value)


def _boolean_from_text(value: Any) -> bool:
    if _string(value).lower() not in ("true", "false"):
        raise unreadable(value, "Boolean")
    return bool(value.lower() == "true")


_FROM_JSON: Mapping[str, Callable[[Any], Any]] = {
    "string": _string,
    "integer": _integer,
    "long": _integer,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "blob": _blob,
    "timestamp": _timestamp,
}

_FROM_TEXT: Mapping[str, Callable[[Any], Any]] = {
    **_FROM_JSON,
    "integer": _integer_from_text,
    "long": _integer_from_text,
    "float": _number_from_text,
    "double": _number_from_text,
    "boolean": _boolean_from_text,
}
