"""Compiled definitions: what each state says, with its paths, templates and rules as closures. Immutable and shared."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from expeditor.asl.dataflow import Dataflow
from expeditor.asl.datasets import Format
from expeditor.asl.retries import Catcher, Retrier
from expeditor.asl.scope import MISSING, Expression, Missing, Scope
from expeditor.payloads import JSONValue


class Language(StrEnum):
    """Query languages. Source: ASL specification, "QueryLanguage"."""

    JSONPATH = "JSONPath"
    JSONATA = "JSONata"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What every state has.

    Attributes:
        type: such as ``Task``.
        next: name of the state after this one; None ends the flow.
        reads_context: False where no expression of this state can see the context object.
        entered, exited: types of its history events.
    """

    name: str
    type: str
    next: str | None
    flow: Dataflow
    language: Language
    reads_context: bool
    entered: str
    exited: str
    retriers: tuple[Retrier, ...] = ()
    catchers: tuple[Catcher, ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    """States that transition only among themselves: a machine, a branch, an item processor."""

    start_at: str
    states: Mapping[str, State]


@dataclass(frozen=True, slots=True, kw_only=True)
class PassState(State):
    """``Pass``; *result* is MISSING without ``Result``."""

    result: "JSONValue | Missing" = MISSING


@dataclass(frozen=True, slots=True, kw_only=True)
class SucceedState(State):
    """``Succeed``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailState(State):
    """``Fail``; both may be None."""

    error: Expression | None = None
    cause: Expression | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One rule of a Choice state; *flow* writes its ``Assign`` and ``Output``."""

    matches: Callable[[Scope], bool]
    next: str
    flow: Dataflow


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceState(State):
    """``Choice``; without a default, no match is an error."""

    choices: tuple[Choice, ...]
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitState(State):
    """``Wait``; *due_at* gives the instant from the scope and the instant of entry."""

    due_at: Callable[[Scope, float], float]


class ResourceKind(StrEnum):
    """What a Task's ``Resource`` names; decides on the history events."""

    FUNCTION = "LambdaFunction"
    ACTIVITY = "Activity"
    SERVICE = "Task"


@dataclass(frozen=True, slots=True)
class Resource:
    """A Task's ``Resource``.

    Attributes:
        arn: as written.
        service: ``resourceType`` of the history events, such as ``lambda`` or ``aws-sdk:sfn``.
        action: ``resource`` of the history events, such as ``invoke.waitForTaskToken``.
        wants_token: whether the outcome is reported by task token.
    """

    arn: str
    kind: ResourceKind
    service: str
    action: str
    wants_token: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState(State):
    """``Task``."""

    resource: Resource
    timeout_seconds: Expression | None = None
    heartbeat_seconds: Expression | None = None
    credentials: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelState(State):
    """``Parallel``."""

    branches: tuple[Flow, ...]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How many failed children a distributed map bears: a count and a percentage, whichever is passed first."""

    count: Expression | None = None
    percentage: Expression | None = None


@dataclass(frozen=True, slots=True)
class Batching:
    """``ItemBatcher``: at most so many items, or bytes of items, in the input of one child, and what else is in it."""

    items_max: Expression | None = None
    bytes_max: Expression | None = None
    batch_input: Expression | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """``ItemReader``: where a distributed map gets its items; *arguments* are those of the call of *resource*."""

    resource: str
    arguments: Expression
    form: Format
    items_max: Expression | None = None


@dataclass(frozen=True, slots=True)
class Writing:
    """``ResultWriter``: how a distributed map's results look, and where they are put.

    Attributes:
        resource: None where they stay in the state's output.
        transformation: ``NONE``, ``COMPACT`` or ``FLATTEN``.
        lines: whether they are written as JSON lines.
    """

    resource: str | None
    arguments: Expression
    transformation: str
    lines: bool = False


@dataclass(frozen=True, slots=True)
class Distribution:
    """What only a distributed map has."""

    label: str | None
    tolerance: Tolerance
    batching: Batching | None = None
    reading: Reading | None = None
    writing: Writing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MapState(State):
    """``Map``; *items* gives the array from the raw input, *selector* the input of one iteration."""

    processor: Flow
    items: Expression
    selector: Expression | None = None
    width: Expression | None = None
    distribution: Distribution | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Machine:
    """A definition, compiled once and shared by all its executions.

    Attributes:
        definition: the text it was compiled from.
        timeout_seconds: of a whole execution, None without limit.
    """

    definition: str
    flow: Flow
    query_language: Language
    comment: str | None = None
    timeout_seconds: float | None = None

    @property
    def start_at(self) -> str:
        """Name of the first state."""
        return self.flow.start_at

    @property
    def states(self) -> Mapping[str, State]:
        """The top-level states by name."""
        return self.flow.states
