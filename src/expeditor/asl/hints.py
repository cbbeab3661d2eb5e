"""What is allowed in a definition but hardly meant: warnings of ValidateStateMachineDefinition.

Source: API_ValidateStateMachineDefinitionDiagnostic, list of warning codes. Only JSONPath has such traps.
"""

import re
from collections.abc import Iterator, Mapping

import msgspec

from expeditor.asl.diagnostics import Code, Diagnostic
from expeditor.asl.model import Language
from expeditor.asl.references import RawState, each_state
from expeditor.payloads import JSONValue, decode

_PATH = re.compile(r"\$(?:\$?[.\[]|\$?$|[^\W\d]\w*(?:[.\[]|$))")
_CALL = re.compile(r"States\.\w+\(")
_TEMPLATES = ("Parameters", "ResultSelector", "ItemSelector", "Assign", "BatchInput")
_NO_VALUES = ("Path", "Variable", "Comment", "Next")
_PLAIN = ("Comment", "Result", "Type", "Resource", "QueryLanguage", "Label")

_NO_DOLLAR = "The value looks like a path or an intrinsic function; end the field's name with '.$' to have it evaluated"
_NO_PATH = "The value looks like a path, but the field's name does not end with 'Path', so it is taken as it is"
_STATIC = "The Result of a Pass state is taken as it is; use Parameters to have paths evaluated"


def definition_hints(definition: str) -> tuple[Diagnostic, ...]:
    """Warnings about a definition whose syntax was checked; none about what is no JSON object."""
    try:
        raw = decode(definition)
    except (msgspec.DecodeError, RecursionError):
        return ()
    return tuple(hint for state in each_state(raw) if state.language != Language.JSONATA for hint in _hints(state))


def _hints(state: RawState) -> Iterator[Diagnostic]:
    for name, value in state.raw.items():
        pointer = f"{state.pointer}/{name}"
        if name == "Result" and state.raw.get("Type") == "Pass":
            if any(_is_path(text) for _, text in _texts(value, pointer)):
                yield _warning(Code.STATIC_RESULT, _STATIC, pointer)
        elif name in _TEMPLATES:
            yield from _undollared(value, pointer)
        elif isinstance(value, str) and not name.endswith("Path") and name not in _PLAIN and _is_path(value):
            yield _warning(Code.NO_PATH, _NO_PATH, pointer)
        elif name in ("Catch", "Choices") and isinstance(value, list):
            yield from _rules(value, pointer)


def _rules(rules: list[JSONValue], pointer: str) -> Iterator[Diagnostic]:
    for at, rule in enumerate(rules):
        yield from _rule(rule, f"{pointer}[{at}]")


def _rule(rule: JSONValue, pointer: str) -> Iterator[Diagnostic]:
    """Hints about a catcher, a choice, or what a choice combines."""
    for name, value in rule.items() if isinstance(rule, Mapping) else ():
        here = f"{pointer}/{name}"
        if name == "Assign":
            yield from _undollared(value, here)
        elif name in ("And", "Or") and isinstance(value, list):
            yield from _rules(value, here)
        elif name == "Not":
            yield from _rule(value, here)
        elif isinstance(value, str) and not name.endswith(_NO_VALUES) and _is_path(value):
            yield _warning(Code.NO_PATH, _NO_PATH, here)


def _undollared(value: JSONValue, pointer: str) -> Iterator[Diagnostic]:
    for at, text in _texts(value, pointer):
        if not at.endswith(".$") and (_is_path(text) or _CALL.match(text)):
            yield _warning(Code.NO_DOLLAR, _NO_DOLLAR, at)


def _texts(value: JSONValue, pointer: str) -> Iterator[tuple[str, str]]:
    """Every text inside *value*, with the pointer to it."""
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _texts(one, f"{pointer}/{name}")
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from _texts(one, f"{pointer}[{at}]")


def _is_path(text: str) -> bool:
    return _PATH.match(text) is not None


def _warning(code: Code, message: str, pointer: str) -> Diagnostic:
    return Diagnostic(code, message, pointer, "WARNING")
