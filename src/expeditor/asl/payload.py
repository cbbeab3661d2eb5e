"""Payload templates: JSON with paths, intrinsic functions or JSONata inside; static parts are shared, not rebuilt."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from expeditor.asl.intrinsics import compile_intrinsic
from expeditor.asl.jsonata import compile_jsonata, is_computing, is_jsonata
from expeditor.asl.paths import compile_path
from expeditor.asl.scope import Expression, Scope
from expeditor.payloads import JSONValue

DEPTH_MAX = 100
"""Deepest nesting of a template."""

EXPRESSIONS_MAX = 1_000
"""Most expressions in one template; they are evaluated in one go."""


class TemplateError(ValueError):
    """A template cannot be compiled.

    Attributes:
        pointer: where in the template, such as ``/a/0/b.$``.
        reason: what is wrong there.
    """

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(f"{reason} (at '{pointer}')")
        self.pointer = pointer
        self.reason = reason


def compile_path_or_intrinsic(text: str, *, field: str) -> Expression:
    """What may stand behind a key that ends in ``.$``. Raises PathSyntaxError."""
    if text.startswith("$"):
        return compile_path(text, field=field)
    return compile_intrinsic(text)


def compile_template(value: JSONValue) -> Expression:
    """A JSONPath payload template: ``"a.$": "$.b"`` becomes ``"a": ...``.

    Without such keys the expression gives *value* itself.

    Raises:
        TemplateError: a ``.$`` key without a path or intrinsic function, or too deep a template.
    """
    _check_count(sum(key.endswith(".$") for key, _ in _strings(value)))
    return _whole(value, _path_node(value, "", 0))


def compile_jsonata_template(value: JSONValue, *, field: str = "Output") -> Expression:
    """A JSONata payload template: ``{% ... %}`` in any string, at any depth.

    Args:
        field: the field it stands in; failures name the member, as in ``Output/total``.

    Raises:
        TemplateError: an expression is not JSONata, or too deep a template.
    """
    texts = [text for _, text in _strings(value) if is_jsonata(text)]
    _check_count(len(texts))
    return _whole(value, _jsonata_node(value, "", 0, field, sum(map(is_computing, texts))))


def _check_count(expressions: int) -> None:
    if expressions > EXPRESSIONS_MAX:
        raise TemplateError("", f"{expressions} expressions, more than {EXPRESSIONS_MAX} in one template")


def _strings(value: JSONValue) -> Iterator[tuple[str, str]]:
    """All strings inside *value*, each behind its key, or behind nothing where it has none."""
    pending: list[tuple[str, JSONValue]] = [("", value)]
    while pending:
        key, one = pending.pop()
        if isinstance(one, str):
            yield key, one
        elif isinstance(one, dict):
            pending.extend(one.items())
        elif isinstance(one, list):
            pending.extend(("", item) for item in one)


_Node: TypeAlias = Expression | None
"""A compiled part; None where nothing in it depends on the scope."""


def _whole(value: JSONValue, node: _Node) -> Expression:
    return node or (lambda _scope: value)


def _path_node(value: JSONValue, pointer: str, depth: int) -> _Node:
    _check_depth(pointer, depth)
    if isinstance(value, dict):
        parts = [_path_member(key, member, f"{pointer}/{key}", depth) for key, member in value.items()]
        return _object(parts)
    if isinstance(value, list):
        return _array(value, [_path_node(item, f"{pointer}/{index}", depth + 1) for index, item in enumerate(value)])
    return None


def _path_member(key: str, value: JSONValue, pointer: str, depth: int) -> tuple[str, JSONValue, _Node]:
    if not key.endswith(".$"):
        return key, value, _path_node(value, pointer, depth + 1)
    if not isinstance(value, str):
        raise TemplateError(pointer, f"the value of {key} must be a path or an intrinsic function")
    return key[:-2], None, _compiled(pointer, lambda: compile_path_or_intrinsic(value, field=key))


def _jsonata_node(value: JSONValue, pointer: str, depth: int, field: str, shared_by: int) -> _Node:
    _check_depth(pointer, depth)
    if isinstance(value, str):
        if not is_jsonata(value):
            return None
        return _compiled(pointer, lambda: compile_jsonata(value, field=field, shared_by=shared_by))
    if isinstance(value, dict):
        return _object([
            (key, member, _jsonata_node(member, f"{pointer}/{key}", depth + 1, f"{field}/{key}", shared_by))
            for key, member in value.items()
        ])  # fmt: skip
    if isinstance(value, list):
        nodes = [
            _jsonata_node(item, f"{pointer}/{index}", depth + 1, f"{field}[{index}]", shared_by)
            for index, item in enumerate(value)
        ]
        return _array(value, nodes)
    return None


def _check_depth(pointer: str, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise TemplateError(pointer, f"nested more than {DEPTH_MAX} deep")


def _compiled(pointer: str, compile_one: Callable[[], Expression]) -> Expression:
    try:
        return compile_one()
    except ValueError as error:
        raise TemplateError(pointer, str(error)) from error


def _object(parts: list[tuple[str, JSONValue, _Node]]) -> _Node:
    dynamic = tuple((key, node) for key, _, node in parts if node is not None)
    if not dynamic:
        return None
    # Keys keep the order of the template; the values that depend on the scope are filled in.
    start = {key: None if node else value for key, value, node in parts}

    def build(scope: Scope) -> JSONValue:
        built = start.copy()
        for key, node in dynamic:
            built[key] = node(scope)
        return built

    return build


def _array(items: list[JSONValue], nodes: list[_Node]) -> _Node:
    dynamic = tuple((index, node) for index, node in enumerate(nodes) if node is not None)
    if not dynamic:
        return None

    def build(scope: Scope) -> JSONValue:
        built = items.copy()
        for index, node in dynamic:
            built[index] = node(scope)
        return built

    return build
