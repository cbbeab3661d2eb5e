"""Where a definition comes from: an ``.asl.json`` file, or a template and the name of its state machine."""

from collections.abc import Mapping
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


def read_source(name: str, folders: "list[Path]") -> Source:
    """The definition called *name*, such as ``orders.asl.json`` or ``template.yaml#Orders``.

    Args:
        folders: where a relative path is looked up, in order.

    Raises:
        MachineTestError: no such file, not JSON, or no such state machine in the template.
    """
    text, _, logical_id = name.partition("#")
    path = next((folder / text for folder in folders if (folder / text).is_file()), None)
    if path is None:
        raise MachineTestError(f"there is no file {text} in any of: {', '.join(map(str, folders))}")
    if path.suffix in _TEMPLATES:
        return _from_template(path, logical_id)
    return Source(_decoded(path), {})


def _decoded(path: Path) -> JSONValue:
    try:
        return decode(path.read_bytes())
    except msgspec.DecodeError as error:
        raise MachineTestError(f"{path} is not JSON: {error}") from error


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
    definition = properties.get("Definition", properties.get("DefinitionObject"))
    if definition is None:
        definition = _decoded(path.parent / str(properties["DefinitionUri"]))
    express = "EXPRESS" in (properties.get("Type"), properties.get("StateMachineType"))
    given = properties.get("DefinitionSubstitutions", {})
    return Source(definition, {name: _stand_in(value, resources) for name, value in given.items()}, express)


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
