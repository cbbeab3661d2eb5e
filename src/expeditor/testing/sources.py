"""Where a definition comes from: an ``.asl.json`` file, or a template and the name of its state machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from expeditor.payloads import JSONValue, decode
from expeditor.testing.failures import MachineTestError
from expeditor.testing.names import ACCOUNT, REGION

_TEMPLATES = frozenset({".yaml", ".yml", ".template"})
_MACHINES = ("AWS::Serverless::StateMachine", "AWS::StepFunctions::StateMachine")


@dataclass(frozen=True, slots=True)
class Source:
    """A definition as written.

    Attributes:
        substitutions: what the template says stands for its ``${...}``.
        express: whether it is for Express executions.
    """

    definition: JSONValue
    substitutions: Mapping[str, str]
    express: bool = False


def read_source(name: str, folders: Sequence[Path | str]) -> Source:
    """The definition called *name*, such as ``orders.asl.json`` or ``template.yaml#Orders``.

    Args:
        folders: where a relative path is looked up, in order.

    Raises:
        MachineTestError: no such file, not JSON, or no such state machine in the template.
    """
    text, _, logical_id = name.partition("#")
    path = next((path for path in (Path(folder, text) for folder in folders) if path.is_file()), None)
    if path is None:
        raise MachineTestError(f"there is no file {text} in any of: {', '.join(map(str, folders))}")
    if path.suffix in _TEMPLATES:
        return _from_template(path, logical_id)
    return Source(_decoded(path), {})


def _decoded(path: Path) -> JSONValue:
    return _parsed(path.read_bytes(), str(path))


def _parsed(text: bytes, where: str) -> JSONValue:
    try:
        return decode(text)
    except msgspec.DecodeError as error:
        raise MachineTestError(f"{where} is not JSON: {error}") from error


def _from_template(path: Path, logical_id: str) -> Source:
    # The node's reader comes with the whole node, which tests of plain definitions do not need.
    from expeditor.node import Template

    resources: Mapping[str, Any] = Template.read(path).document["Resources"]
    machines = [key for key, one in resources.items() if one.get("Type") in _MACHINES]
    if logical_id not in machines and (logical_id or len(machines) != 1):
        known = ", ".join(f"{path.name}#{key}" for key in machines) or "none"
        raise MachineTestError(f"{path} has no state machine {logical_id!r}; it has: {known}")
    resource = resources[logical_id or machines[0]]
    properties = resource.get("Properties", {})
    definition = _definition(path, logical_id or machines[0], properties)
    express = "EXPRESS" in (properties.get("Type"), properties.get("StateMachineType"))
    given = properties.get("DefinitionSubstitutions", {})
    substitutions = {name: _stand_in(value, resources) for name, value in given.items()}
    return Source(definition, {**_functions(resources), **substitutions}, express)


def _definition(path: Path, logical_id: str, properties: Mapping[str, Any]) -> JSONValue:
    """The definition that a template holds, as a value or as text, or the file beside it that it names."""
    value: JSONValue = properties.get("Definition", properties.get("DefinitionObject"))
    if value is not None:
        return value
    text, uri = properties.get("DefinitionString"), properties.get("DefinitionUri")
    if isinstance(text, dict) and text.keys() == {"Fn::Sub"}:
        text = text["Fn::Sub"]
    where = f"{path}#{logical_id}"
    if isinstance(text, str):
        return _parsed(text.encode(), where)
    if isinstance(uri, str) and (path.parent / uri).is_file():
        return _decoded(path.parent / uri)
    raise MachineTestError(
        f"{where} has no definition that can be read here. It may be a `Definition`, a `DefinitionString` of text, or"
        f" a `DefinitionUri` of a file beside the template; else name the definition's own file instead of {path.name}"
    )


def _functions(resources: Mapping[str, Any]) -> dict[str, str]:
    """ARNs of the template's functions, by what stands for them in Fn::Sub."""
    functions = [key for key, one in resources.items() if str(one.get("Type", "")).endswith("::Function")]
    return {f"{key}.Arn": _stand_in({"Ref": key}, resources) for key in functions}


def _stand_in(value: Any, resources: Mapping[str, Any]) -> str:
    """An ARN for what a substitution refers to: a function by its name, other resources by their logical id."""
    if not isinstance(value, dict):
        return str(value)
    argument = next(iter(value.values()))
    logical_id = str(argument[0] if isinstance(argument, list) else argument).split(".")[0]
    properties = resources.get(logical_id, {}).get("Properties", {})
    if not str(resources.get(logical_id, {}).get("Type", "")).endswith("::Function"):
        return logical_id
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{properties.get('FunctionName', logical_id)}"
