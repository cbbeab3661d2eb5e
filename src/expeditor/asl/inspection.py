"""What TestState shows of a state's data flow: its fields are wrapped to note what they gave, never evaluated anew.

Source: API_InspectionData.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from expeditor.asl.dataflow import Dataflow, JSONataFlow, PathFlow, Placing, Variables
from expeditor.asl.execution import Failure, Frame
from expeditor.asl.model import Language, ParallelState, PassState, Resource, ResourceKind, State, TaskState
from expeditor.asl.retries import Catcher
from expeditor.asl.scope import MISSING, EvaluationError, Expression, Scope
from expeditor.asl.turn import Behaviour, StateFailedError, Turn
from expeditor.payloads import JSONValue


@dataclass(slots=True)
class Seen:
    """What was noted while one state ran.

    Attributes:
        values: by AWS's member name, such as ``afterInputPath``.
        failure: the latest one, handled or not.
        catch_index: of the catcher that took it; None if none did.
    """

    values: dict[str, JSONValue] = field(default_factory=dict)
    failure: Failure | None = None
    catch_index: int | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """Which steps AWS shows, for one type of state.

    Attributes:
        input_path, parameters: in JSONPath.
        arguments: in JSONata.
        result: in either language.
    """

    input_path: bool = True
    parameters: bool = False
    arguments: bool = False
    result: bool = False


def inspected(flow: Dataflow, seen: Seen, shown: Shown) -> Dataflow:
    """*flow*, which notes its steps in *seen* as far as they are *shown*."""
    if isinstance(flow, PathFlow):
        return _inspected_paths(flow, seen, shown)
    return _InspectedArguments(flow, seen, shown) if isinstance(flow, JSONataFlow) else flow


def watched(catchers: tuple[Catcher, ...], seen: Seen) -> tuple[Catcher, ...]:
    """*catchers*, of which the one that is used notes its place."""
    return tuple(replace(one, flow=_Watched(one.flow, seen, index)) for index, one in enumerate(catchers))


def _inspected_paths(flow: PathFlow, seen: Seen, shown: Shown) -> PathFlow:
    raw_result = "result" if shown.result else None
    return replace(
        flow,
        input_path=_noting(flow.input_path, seen, "afterInputPath" if shown.input_path else None),
        parameters=_noting(flow.parameters, seen, "afterParameters" if shown.parameters else None),
        result_selector=_noting(flow.result_selector, seen, "afterResultSelector", raw_result),
        result_path=_InspectedPlacing(flow, seen),
        discards=False,
    )


def _noting(read: Expression | None, seen: Seen, name: str | None, name_before: str | None = None) -> Expression | None:
    """*read*, by default what hands its input on, noting what it gives as *name* and got as *name_before*."""
    if name is None:
        return read

    def noted(scope: Scope) -> JSONValue:
        if name_before is not None:
            seen.values[name_before] = scope.input
        value = seen.values[name] = scope.input if read is None else read(scope)
        return value

    return noted


@dataclass(frozen=True, slots=True)
class _InspectedPlacing:
    """``ResultPath`` of *flow*, also where it is missing or null."""

    flow: PathFlow
    seen: Seen

    def set(self, document: JSONValue, value: JSONValue) -> JSONValue:
        placed = self.seen.values["afterResultPath"] = self._placed(self.flow.result_path, document, value)
        return placed

    def _placed(self, placing: Placing | None, document: JSONValue, value: JSONValue) -> JSONValue:
        if self.flow.discards:
            return document
        return value if placing is None else placing.set(document, value)


@dataclass(frozen=True, slots=True)
class _InspectedArguments:
    """JSONata's fields."""

    flow: JSONataFlow
    seen: Seen
    shown: Shown

    def take(self, scope: Scope) -> JSONValue:
        taken = self.flow.take(scope)
        if self.shown.arguments:
            self.seen.values["afterArguments"] = taken
        return taken

    def give(self, scope: Scope, raw: JSONValue, result: JSONValue) -> tuple[Variables | None, JSONValue]:
        if self.shown.result:
            self.seen.values["result"] = result
        return self.flow.give(scope, raw, result)

    def hand_on(self, scope: Scope, effective: JSONValue) -> tuple[Variables | None, JSONValue]:
        return self.flow.hand_on(scope, effective)


@dataclass(frozen=True, slots=True)
class _Watched:
    """The data flow of a catcher."""

    flow: Dataflow
    seen: Seen
    index: int

    def take(self, scope: Scope) -> JSONValue:
        return self.flow.take(scope)

    def give(self, scope: Scope, raw: JSONValue, result: JSONValue) -> tuple[Variables | None, JSONValue]:
        self.seen.catch_index = self.index
        return self.flow.give(scope, raw, result)

    def hand_on(self, scope: Scope, effective: JSONValue) -> tuple[Variables | None, JSONValue]:
        return self.flow.hand_on(scope, effective)


def as_task(state: State, flow: Dataflow, catchers: tuple[Catcher, ...]) -> TaskState:
    """A task in place of *state*, a Map or Parallel."""
    return TaskState(
        name=state.name,
        type="Task",
        next=state.next,
        flow=flow,
        language=state.language,
        reads_context=True,
        entered=state.entered,
        exited=state.exited,
        retriers=state.retriers,
        catchers=catchers,
        resource=Resource(state.type, ResourceKind.SERVICE, "", "", wants_token=False),
    )


def shown(state: State) -> Shown:
    """What AWS shows of *state*, as recorded."""
    if isinstance(state, PassState):
        own = state.result is not MISSING
        return Shown(input_path=not own, parameters=not own, result=own and state.language is Language.JSONPATH)
    if isinstance(state, TaskState):
        return Shown(parameters=True, arguments=True, result=True)
    return Shown(parameters=isinstance(state, ParallelState))


def noting_failures(behaviour: Behaviour, seen: Seen) -> Behaviour:
    """*behaviour*, of which every failure is noted."""
    handlers = {event: _noting_failure(handle, seen) for event, handle in behaviour.on_task.items()}
    return replace(behaviour, run=_noting_failure(behaviour.run, seen), on_task=handlers)


def _noting_failure(action: Callable[..., None], seen: Seen) -> Callable[..., None]:
    """*action*, whose failure is noted on its way to retriers and catchers."""

    def noted(turn: Turn, frame: Frame, *more: object) -> None:
        try:
            action(turn, frame, *more)
        except StateFailedError as error:
            seen.failure = error.failure
            raise
        except EvaluationError as error:
            seen.failure = Failure(error.error, f"{turn.where(frame)} {error.cause}")
            raise

    return noted
