"""A CloudFormation/SAM template as text with lines, and its intrinsic functions."""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from expeditor.errors import ExpeditorError
from expeditor.payloads import JSONValue

TEMPLATE_BYTES_MAX = 1_048_576
"""Source: CloudFormation quotas, template body in an Amazon S3 object."""

_PLACEHOLDER = re.compile(r"\$\{(!?)([A-Za-z0-9_.:]+)\}")


class TemplateError(ExpeditorError):
    """The template asks for something this node cannot do; the message names line and reason."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}")
        self.path = path
        self.line = line
        self.reason = reason


class _Loader(yaml.SafeLoader):
    """Safe YAML that turns CloudFormation's short tags into their long form."""


def _long_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> JSONValue:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if name == "Fn::GetAtt":
            value = str(value).split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {name: value}


_Loader.add_multi_constructor("!", _long_form)


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template.

    Attributes:
        document: the whole of it, short tags in their long form.
        lines: line of each mapping key and list item, by its path such as ``("Resources", "Orders", "Type")``.
    """

    path: Path
    document: Mapping[str, Any]
    lines: Mapping[tuple[str, ...], int]

    @classmethod
    def read(cls, path: Path) -> "Template":
        """Raises TemplateError: missing, too large, not YAML, or not a mapping."""
        if not path.is_file():
            raise TemplateError(path, 1, "there is no such file; name a template, as in `expeditor up template.yaml`")
        text = path.read_bytes()
        if len(text) > TEMPLATE_BYTES_MAX:
            raise TemplateError(path, 1, f"{len(text)} bytes is more than {TEMPLATE_BYTES_MAX}; split the template")
        try:
            root = yaml.compose(text, Loader=_Loader)
            document = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise TemplateError(path, line, f"not YAML: {error.problem}") from error
        except yaml.YAMLError as error:
            raise TemplateError(path, 1, f"not YAML: {str(error).splitlines()[0]}") from error
        except RecursionError as error:
            raise TemplateError(path, 1, "nested too deeply; write it flatter") from error
        if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
            raise TemplateError(path, 1, "a template is a mapping with `Resources`")
        lines: dict[tuple[str, ...], int] = {}
        try:
            _collect_lines(root, (), lines)
        except RecursionError as error:
            raise TemplateError(path, 1, "an anchor stands within itself; write it out") from error
        return cls(path, document, lines)

    def refuse(self, where: tuple[str, ...], reason: str) -> TemplateError:
        """An error that names the line of *where*, or of its nearest parent that has one."""
        while where and where not in self.lines:
            where = where[:-1]
        return TemplateError(self.path, self.lines.get(where, 1), reason)

    @contextlib.contextmanager
    def reading(self, where: tuple[str, ...]) -> Iterator[None]:
        """Turns what a part of another shape than expected raises into a refusal: no schema is checked beforehand.

        Raises:
            TemplateError: something is missing in *where*, or is not what it should be there.
        """
        try:
            yield
        except KeyError as error:
            raise self.refuse(where, f"{'/'.join(where)} lacks {error}; add it") from error
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise self.refuse(where, f"{'/'.join(where)} is not written as it should be ({error})") from error

    def resolve(self, value: Any, values: Mapping[str, str], where: tuple[str, ...]) -> Any:
        """*value* with its intrinsic functions replaced.

        Args:
            values: what ``Ref`` and ``GetAtt`` give, by ``Logical`` or ``Logical.Attribute``.
            where: path of *value*, for errors.

        Raises:
            TemplateError: an unknown name, or an intrinsic function this node does not have.
        """
        if isinstance(value, list):
            return [self.resolve(each, values, (*where, str(index))) for index, each in enumerate(value)]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name == "Ref" or name.startswith("Fn::"):
                return self._call(name, argument, values, where)
        return {key: self.resolve(each, values, (*where, key)) for key, each in value.items()}

    def condition(self, name: str, values: Mapping[str, str]) -> bool:
        """Whether the condition *name* of the template's ``Conditions`` holds."""
        conditions = self.document.get("Conditions", {})
        if name not in conditions:
            raise self.refuse(("Conditions",), f"there is no condition {name!r}")
        return bool(self.resolve(conditions[name], values, ("Conditions", name)))

    def _call(self, name: str, argument: Any, values: Mapping[str, str], where: tuple[str, ...]) -> Any:
        function = _INTRINSICS.get(name)
        if function is None:
            known = ", ".join(sorted(_INTRINSICS))
            raise self.refuse(where, f"{name} is not supported on the node; it has {known}")
        return function(self, argument, values, where)


def _ref(template: Template, argument: Any, values: Mapping[str, str], where: tuple[str, ...]) -> str:
    if str(argument) not in values:
        raise template.refuse(where, f"nothing is called {argument!r}; is it declared in this template?")
    return values[str(argument)]


def _get_att(template: Template, argument: Any, values: Mapping[str, str], where: tuple[str, ...]) -> str:
    return _ref(template, ".".join(map(str, argument)), values, where)


def _sub(template: Template, argument: Any, values: Mapping[str, str], where: tuple[str, ...]) -> str:
    text, own = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])
    known = {**values, **template.resolve(own, values, where)}

    def replace(match: re.Match[str]) -> str:
        literal, name = match.groups()
        return "${" + name + "}" if literal else _ref(template, name, known, where)

    return _PLACEHOLDER.sub(replace, text)


def _equals(template: Template, argument: Any, values: Mapping[str, str], where: tuple[str, ...]) -> bool:
    left, right = template.resolve(argument, values, where)
    return bool(str(left) == str(right))


def _not(template: Template, argument: Any, values: Mapping[str, str], where: tuple[str, ...]) -> bool:
    return not template.resolve(argument[0], values, where)


def _if(template: Template, argument: Any, values: Mapping[str, str], where: tuple[str, ...]) -> Any:
    name, then, otherwise = argument
    return template.resolve(then if template.condition(name, values) else otherwise, values, where)


def _join(template: Template, argument: Any, values: Mapping[str, str], where: tuple[str, ...]) -> str:
    separator, parts = template.resolve(argument, values, where)
    return str(separator).join(map(str, parts))


_Intrinsic = Callable[[Template, Any, Mapping[str, str], tuple[str, ...]], Any]

_INTRINSICS: Mapping[str, _Intrinsic] = {
    "Ref": _ref,
    "Fn::GetAtt": _get_att,
    "Fn::Sub": _sub,
    "Fn::Equals": _equals,
    "Fn::Not": _not,
    "Fn::If": _if,
    "Fn::Join": _join,
}


def _collect_lines(node: yaml.Node | None, where: tuple[str, ...], lines: dict[tuple[str, ...], int]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            lines[(*where, str(key.value))] = key.start_mark.line + 1
            _collect_lines(value, (*where, str(key.value)), lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*where, str(index))] = value.start_mark.line + 1
            _collect_lines(value, (*where, str(index)), lines)
