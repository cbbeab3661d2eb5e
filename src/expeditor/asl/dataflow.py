"""How data goes into a state and out of it, in either query language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from expeditor.asl.scope import Expression, Scope
from expeditor.payloads import JSONValue

Variables = Mapping[str, JSONValue]


class Placing(Protocol):
    """``ResultPath``: puts a result into a document, which itself stays as it is."""

    def set(self, document: JSONValue, value: JSONValue) -> JSONValue:
        """The new document. Raises EvaluationError."""
        ...


class Dataflow(Protocol):
    """The data-flow fields of one state, choice rule or catcher."""

    def take(self, scope: Scope) -> JSONValue:
        """The effective input, from ``scope.input``. Raises EvaluationError."""
        ...

    def give(self, scope: Scope, raw: JSONValue, result: JSONValue) -> tuple[Variables | None, JSONValue]:
        """Assigned variables and output, from the raw input and the result. Changes *scope*. Raises EvaluationError."""
        ...

    def hand_on(self, scope: Scope, effective: JSONValue) -> tuple[Variables | None, JSONValue]:
        """As ``give``, for states without a result of their own. Changes *scope*. Raises EvaluationError."""
        ...


def empty(scope: Scope) -> JSONValue:  # noqa: ARG001 - an Expression like any other
    """What a null ``InputPath`` or ``OutputPath`` selects."""
    return {}


def discarded(document: JSONValue) -> JSONValue:
    """What a null ``ResultPath`` leaves: the raw input."""
    return document


@dataclass(frozen=True, slots=True)
class PathFlow:
    """JSONPath's fields; None means the field's default, which changes nothing.

    Attributes:
        discards: whether ``ResultPath`` is null.
    """

    input_path: Expression | None = None
    parameters: Expression | None = None
    result_selector: Expression | None = None
    result_path: Placing | None = None
    output_path: Expression | None = None
    assign: Expression | None = None
    discards: bool = False

    def take(self, scope: Scope) -> JSONValue:
        if self.input_path is not None:
            scope.input = self.input_path(scope)
        return scope.input if self.parameters is None else self.parameters(scope)

    def give(self, scope: Scope, raw: JSONValue, result: JSONValue) -> tuple[Variables | None, JSONValue]:
        scope.input = result
        assigned = None if self.assign is None else self.assign(scope)
        if self.result_selector is not None:
            result = self.result_selector(scope)
        return _variables(assigned), self._selected(scope, self._placed(raw, result))

    def hand_on(self, scope: Scope, effective: JSONValue) -> tuple[Variables | None, JSONValue]:
        scope.input = effective
        assigned = None if self.assign is None else self.assign(scope)
        return _variables(assigned), self._selected(scope, effective)

    def _placed(self, raw: JSONValue, result: JSONValue) -> JSONValue:
        if self.discards:
            return raw
        return result if self.result_path is None else self.result_path.set(raw, result)

    def _selected(self, scope: Scope, document: JSONValue) -> JSONValue:
        if self.output_path is None:
            return document
        scope.input = document
        return self.output_path(scope)


@dataclass(frozen=True, slots=True)
class JSONataFlow:
    """JSONata's fields; None means the field's default."""

    arguments: Expression | None = None
    output: Expression | None = None
    assign: Expression | None = None

    def take(self, scope: Scope) -> JSONValue:
        return scope.input if self.arguments is None else self.arguments(scope)

    def give(self, scope: Scope, raw: JSONValue, result: JSONValue) -> tuple[Variables | None, JSONValue]:
        scope.input = raw
        scope.result = result
        return self._written(scope, result)

    def hand_on(self, scope: Scope, effective: JSONValue) -> tuple[Variables | None, JSONValue]:
        return self._written(scope, effective)

    def _written(self, scope: Scope, default: JSONValue) -> tuple[Variables | None, JSONValue]:
        output = default if self.output is None else self.output(scope)
        assigned = None if self.assign is None else self.assign(scope)
        return _variables(assigned), output


@dataclass(frozen=True, slots=True)
class JSONataErrorFlow(JSONataFlow):
    """JSONata's fields of a catcher, which sees the error output but no result."""

    def give(self, scope: Scope, raw: JSONValue, result: JSONValue) -> tuple[Variables | None, JSONValue]:
        scope.input = raw
        return self._written(scope, result)


def _variables(assigned: JSONValue) -> Variables | None:
    return assigned if isinstance(assigned, dict) and assigned else None
