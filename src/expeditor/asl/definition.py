"""From a definition's text to a machine, or to everything that is wrong with it."""

from collections.abc import Iterator

import msgspec

from expeditor.asl.diagnostics import Code, DefinitionError, Diagnostic
from expeditor.asl.fields import Fields
from expeditor.asl.model import ChoiceState, Flow, Language, Machine, State
from expeditor.asl.state_types import STATE_TYPES
from expeditor.asl.states.flows import check_language
from expeditor.payloads import JSONValue, decode

DEFINITION_BYTES_MAX = 1_048_576
"""Source: Step Functions service quotas."""

DEPTH_MAX = 200
"""Objects and arrays inside each other; each Parallel or Map takes four."""

STATES_MAX = 10_000
EXPRESSIONS_MAX = 10_000
"""Paths, calls of intrinsic functions and JSONata expressions, so that compiling takes well under a second."""

NAME_CHARACTERS_MAX = 80


def compile_definition(text: str, *, express: bool = False) -> Machine:
    """The machine that *text* describes.

    Args:
        express: whether it is for Express executions, which have no callbacks, ``.sync`` tasks and activities.

    Raises:
        DefinitionError: with every finding of severity ``ERROR``.
    """
    findings: list[Diagnostic] = []
    raw = _parsed(text)
    flows = _Flows(Language.JSONATA if raw.get("QueryLanguage") == Language.JSONATA else Language.JSONPATH)
    fields = Fields(raw, "", flows.language, findings, flows.compile, express)
    fields.one_of("QueryLanguage", list(Language))
    comment = fields.take("Comment")
    fields.one_of("Version", ("1.0",))
    seconds = fields.number("TimeoutSeconds", 1, 99_999_999, None)
    flow = fields.compile_flow(fields)
    fields.end()
    if findings:
        raise DefinitionError(tuple(findings), text)
    return Machine(text, flow, fields.language, comment if isinstance(comment, str) else None, seconds)


def _parsed(text: str) -> dict[str, JSONValue]:
    if len(text.encode()) > DEFINITION_BYTES_MAX:
        raise _refused(f"The definition is longer than {DEFINITION_BYTES_MAX} bytes")
    try:
        raw = decode(text)
    except msgspec.DecodeError as error:
        raise _refused(str(error)) from error
    if not isinstance(raw, dict):
        raise _refused("The definition must be a JSON object")
    if _is_deeper_than(raw, DEPTH_MAX):
        raise _refused(f"The definition is nested deeper than {DEPTH_MAX} levels")
    if _expressions(raw) > EXPRESSIONS_MAX:
        raise _refused(f"The definition has more than {EXPRESSIONS_MAX} expressions")
    return raw


def _expressions(raw: JSONValue) -> int:
    """How many strings of a definition may be expressions."""
    count, pending = 0, [raw]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            count += one.startswith(("$", "{%", "States."))
        elif isinstance(one, dict | list):
            pending.extend(one.values() if isinstance(one, dict) else one)
    return count


def _refused(message: str) -> DefinitionError:
    return DefinitionError((Diagnostic(Code.INVALID_JSON, message),))


def _is_deeper_than(value: JSONValue, depth: int) -> bool:
    level: list[JSONValue] = [value]
    for _ in range(depth):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return False
    return True


def _inside(value: JSONValue) -> Iterator[JSONValue]:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (one for one in members if isinstance(one, dict | list))


class _Flows:
    """Compiles the flows of one definition; knows all state names so far, which must not repeat.

    Attributes:
        language: of the machine; holds for every state that names none, however deep inside.
    """

    def __init__(self, language: Language) -> None:
        self.language = language
        self._names: set[str] = set()

    def compile(self, fields: Fields) -> Flow:
        fields.require("StartAt", "States")
        start_at, inner = fields.text("StartAt"), fields.mapping("States")
        if start_at is None or inner is None:
            return Flow("", {})
        inner.language = self.language
        if not inner.raw:
            fields.find("Value cannot be empty", "States")
        states = dict(self._states(inner))
        flow = Flow(start_at, states)
        _check_targets(fields, flow, inner)
        return flow

    def _states(self, inner: Fields) -> Iterator[tuple[str, State]]:
        for name, raw in inner.raw.items():
            self._check_name(inner, name)
            if not isinstance(raw, dict):
                inner.find("Expected value of type Object", name)
                continue
            state = _compile_state(name, inner.inner(name, raw))
            if state is not None:
                yield name, state

    def _check_name(self, inner: Fields, name: str) -> None:
        if not 0 < len(name) <= NAME_CHARACTERS_MAX:
            inner.find(f"State names must have 1 to {NAME_CHARACTERS_MAX} characters", name)
        if name in self._names:
            inner.find(f"Duplicate state name: {name}", name, Code.DUPLICATE_STATE)
        if len(self._names) == STATES_MAX:
            inner.find(f"The definition has more than {STATES_MAX} states", name)
        self._names.add(name)


def _compile_state(name: str, fields: Fields) -> State | None:
    fields.label = ""
    fields.require("Type")
    kind = fields.one_of("Type", STATE_TYPES)
    if kind is None:
        return None
    fields.take("Comment")
    _choose_language(fields)
    check_language(fields)
    state = STATE_TYPES[kind].compile(name, fields)
    fields.end()
    return state


def _choose_language(fields: Fields) -> None:
    chosen = fields.one_of("QueryLanguage", list(Language))
    if chosen == Language.JSONPATH and fields.language is Language.JSONATA:
        fields.find("'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine")
    if chosen is not None:
        fields.language = Language(chosen)


def _check_targets(fields: Fields, flow: Flow, inner: Fields) -> None:
    """Every target exists, and every state is one."""
    known = inner.raw.keys()
    if flow.start_at not in known:
        fields.find(f"Missing 'StartAt' target: {flow.start_at}", "StartAt", Code.MISSING_TARGET)
    reached = {flow.start_at}
    for state in flow.states.values():
        for label, target in _targets(state):
            reached.add(target)
            if target not in known:
                inner.find(f"Missing '{label}' target: {target}", f"{state.name}/{label}", Code.MISSING_TARGET)
    for name in flow.states:
        if name not in reached:
            inner.find(f'State "{name}" is not reachable.', name, Code.MISSING_TARGET)


def _targets(state: State) -> Iterator[tuple[str, str]]:
    if state.next is not None:
        yield "Next", state.next
    for index, catcher in enumerate(state.catchers):
        yield f"Catch[{index}]/Next", catcher.next
    if isinstance(state, ChoiceState):
        for index, choice in enumerate(state.choices):
            yield f"Choices[{index}]/Next", choice.next
        if state.default is not None:
            yield "Default", state.default
