"""Mocked results of TestState, checked against AWS's description of the service they stand for.

Source: API_MockInput, ``fieldValidationMode``; the names are those of Step Functions, which begin in upper case.
"""

import gzip
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from expeditor.api.errors import ValidationError
from expeditor.payloads import JSONValue

_FOLDERS: Final[Mapping[str, str]] = {
    "states": "stepfunctions",
    "sfn": "stepfunctions",
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "elasticloadbalancingv2": "elbv2",
    "cognitoidentityprovider": "cognito-idp",
    "configservice": "config",
    "costexplorer": "ce",
    "databasemigration": "dms",
    "directory": "ds",
    "elasticsearch": "es",
    "sagemakerruntime": "sagemaker-runtime",
    "bedrockruntime": "bedrock-runtime",
    "resourcegroupstaggingapi": "resourcegroupstaggingapi",
}
"""botocore's folder of a service where it is not the name in the resource."""

_RESOURCE = re.compile(r"arn:[^:]+:states:[^:]*:[^:]*:(?:aws-sdk:)?([a-z0-9-]+):([A-Za-z0-9]+)")
"""Not ``.sync`` and ``.waitForTaskToken``, whose result is not the service's answer."""

_UNCHECKED: Final = frozenset({("lambda", "Invoke", "Payload")})
"""An optimised integration gives JSON here, not the service's bytes."""


class _Reference(msgspec.Struct, frozen=True):
    shape: str


class _Shape(msgspec.Struct, frozen=True):
    type: str
    members: dict[str, _Reference] = {}
    required: tuple[str, ...] = ()
    member: _Reference | None = None
    value: _Reference | None = None


class _Operation(msgspec.Struct, frozen=True):
    output: _Reference | None = None


class _Model(msgspec.Struct, frozen=True):
    operations: dict[str, _Operation]
    shapes: dict[str, _Shape]


class _Rule(NamedTuple):
    article: str
    fits: Callable[[JSONValue], bool]


def _is_number(value: JSONValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_STRING = _Rule("a string", lambda value: isinstance(value, str))
_NUMBER = _Rule("a number", _is_number)
_OBJECT = _Rule("an object", lambda value: isinstance(value, dict))

_RULES: Final[Mapping[str, _Rule]] = {
    "string": _STRING,
    "blob": _STRING,
    "timestamp": _STRING,
    "integer": _NUMBER,
    "long": _NUMBER,
    "float": _NUMBER,
    "double": _NUMBER,
    "boolean": _Rule("a boolean", lambda value: isinstance(value, bool)),
    "list": _Rule("an array", lambda value: isinstance(value, list)),
    "structure": _OBJECT,
    "map": _OBJECT,
}


def check_result(resource: str, result: JSONValue, *, needs_required: bool) -> None:
    """Refuses a *result* that the service behind *resource* would not give; services unknown here are let pass.

    Raises:
        ValidationError: in AWS's words.
    """
    found = _RESOURCE.fullmatch(resource)
    if found is None:
        return
    service, action = found[1], found[2][:1].upper() + found[2][1:]
    model = _load(_FOLDERS.get(service, service))
    operation = model.operations.get(action) if model is not None else None
    if model is not None and operation is not None and operation.output is not None:
        _Check(model, (service, action), needs_required=needs_required).value(operation.output, result, None)


class _Check:
    def __init__(self, model: _Model, operation: tuple[str, str], *, needs_required: bool) -> None:
        self._model = model
        self._operation = operation
        self._needs_required = needs_required

    def value(self, reference: _Reference, value: JSONValue, name: str | None) -> None:
        """Raises ValidationError."""
        shape = self._model.shapes[reference.shape]
        rule = _RULES[shape.type]
        if not rule.fits(value):
            where = "The result" if name is None else f"Field '{name}'"
            raise _refused(f"{where} must be {rule.article}")
        if shape.type == "structure" and isinstance(value, dict):
            self._structure(shape, value)
        elif shape.member is not None and isinstance(value, list):
            for item in value:
                self.value(shape.member, item, name)
        elif shape.value is not None and isinstance(value, dict):
            for key, item in value.items():
                self.value(shape.value, item, key)

    def _structure(self, shape: _Shape, value: dict[str, JSONValue]) -> None:
        if self._needs_required:
            for member in shape.required:
                if _upper(member) not in value:
                    raise _refused(f"Required field '{_upper(member)}' is missing")
        for member, reference in shape.members.items():
            name = _upper(member)
            if value.get(name) is not None and (*self._operation, name) not in _UNCHECKED:
                self.value(reference, value[name], name)


def _upper(member: str) -> str:
    return member[:1].upper() + member[1:]


def _refused(problem: str) -> ValidationError:
    return ValidationError(f"Mock result schema validation error: {problem}")


@lru_cache(maxsize=16)
def _load(folder: str) -> _Model | None:
    """The latest description of a service that botocore has; None where it has none."""
    found = find_spec("botocore")
    assert found is not None
    assert found.origin is not None
    files = sorted((Path(found.origin).parent / "data" / folder).glob("*/service-2.json*"))
    if not files:
        return None
    text = files[-1].read_bytes()
    return msgspec.json.decode(gzip.decompress(text) if files[-1].suffix == ".gz" else text, type=_Model)
