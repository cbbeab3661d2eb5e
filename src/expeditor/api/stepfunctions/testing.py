"""Step Functions' TestState."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec

from expeditor.api.errors import ValidationError
from expeditor.api.protocol import Answer, Call, Operation, Operations, Params
from expeditor.api.stepfunctions.mock_results import check_result
from expeditor.api.stepfunctions.state_machines import DEFINITION_BODY_BYTES_MAX
from expeditor.api.stepfunctions.verbatim import text_of
from expeditor.asl import (
    AnyEvent,
    ExecutionContext,
    Failure,
    MapState,
    Missing,
    ParallelState,
    ScheduleTask,
    SingleState,
    State,
    StateReport,
    TaskFailed,
    TaskState,
    TaskSucceeded,
    TimerFired,
    Trial,
    compile_single_state,
)
from expeditor.errors import ServiceError
from expeditor.executions import check_input
from expeditor.ids import Ids
from expeditor.integrations import Failed, Outcome, Succeeded, TaskRequest
from expeditor.payloads import JSONValue, decode

RUN_SECONDS_MAX = 300.0
"""Source: API_TestState."""

ACCOUNT = "000000000000"
REGION = "us-east-1"

NUMBERS: Final = frozenset({"maxConcurrency", "toleratedFailureCount", "toleratedFailurePercentage", "errorDetails"})
"""Members of inspectionData that are no JSON texts."""

ONLY_MOCKED: Final[Mapping[str, str]] = {
    "retrierRetryCount": "RetrierRetryCount",
    "errorCausedByState": "ErrorCausedByState",
    "mapIterationFailureCount": "MapIterationFailureCount",
    "mapItemReaderData": "MapItemReaderData",
}
"""Members of stateConfiguration, which say something about a mock, and their names in refusals."""

NOT_WITHOUT_A_MOCK: Final = "TestState API does not support"
"""Source: API_TestState, "TestState only supports the following when a mock is specified"."""

TIMED_OUT: Final = Failed("States.Timeout", "")


class UntestableStateError(ServiceError):
    """The state cannot be tested without a mock."""

    code = "InvalidDefinition"


class Performer(Protocol):
    """Performs single tasks and tells the time."""

    def now(self) -> float:
        """The instant now."""
        ...

    async def perform(self, request: TaskRequest, seconds: float) -> Outcome | None:
        """The end of a task; None when it did not end within *seconds*."""
        ...


class TrialOperations:
    """Tests of single states."""

    def __init__(self, performer: Performer, ids: Ids) -> None:
        self._performer = performer
        self._ids = ids

    def table(self) -> Operations:
        """The operations by name."""
        missing = "a Wait state is through at once; `request` and `response` of HTTP Tasks"
        return {
            "TestState": Operation(self._test, missing=missing, body_bytes_max=DEFINITION_BODY_BYTES_MAX, waits=True)
        }

    async def _test(self, call: Call) -> Answer:
        params = call.params
        _check_combination(params)
        state = _compiled(params)
        _check_testable(state, params)
        tested = SingleState(state, self._trial(state, params))
        at = self._performer.now()
        task = tested.begin(at, self._ids.seed())
        if task is not None:
            await self._perform(tested, task, at)
        return _answer(tested.report(at), params)

    def _trial(self, state: State, params: Params) -> Trial:
        mock, configuration = params.get("mock"), params.get("stateConfiguration") or {}
        text = params.get("input", "{}").encode()
        check_input(text)
        dataset = configuration.get("mapItemReaderData")
        return Trial(
            context=self._context(text, params.get("roleArn")),
            variables=_object(params.get("variables", "{}"), "variables"),
            context_object=_object(params["context"], "context") if "context" in params else None,
            outcome=None if mock is None else _outcome(mock, state),
            retry_count=configuration.get("retrierRetryCount", 0),
            failed_items=configuration.get("mapIterationFailureCount", 0),
            dataset=None if dataset is None else dataset.encode(),
        )

    def _context(self, text: bytes, role_arn: str | None) -> ExecutionContext:
        """Who the execution would be: one of an express machine."""
        machine, execution = self._ids.uuid(), self._ids.uuid()
        prefix = f"arn:aws:states:{REGION}:{ACCOUNT}"
        return ExecutionContext(
            execution_arn=f"{prefix}:express:{machine}:{execution}",
            execution_name=execution,
            role_arn=role_arn or f"arn:aws:iam::{ACCOUNT}:role/TestState",
            started_at=self._performer.now(),
            state_machine_arn=f"{prefix}:stateMachine:{machine}",
            state_machine_name=machine,
            input=text,
        )

    async def _perform(self, tested: SingleState, task: ScheduleTask, at: float) -> None:
        due = tested.timeouts
        seconds = min([RUN_SECONDS_MAX, *(instant - at for instant in due.values())])
        arn = f"arn:aws:states:{REGION}:{ACCOUNT}:express:TestState:{self._ids.uuid()}"
        request = TaskRequest(task.resource, task.parameters, arn, task.task_id)
        outcome = await self._performer.perform(request, seconds)
        now, seed = self._performer.now(), self._ids.seed()
        timer_id = min(due, key=due.__getitem__, default=None)
        if outcome is None and timer_id is not None and due[timer_id] - at <= RUN_SECONDS_MAX:
            tested.hand(TimerFired(now, seed, timer_id))
        else:
            tested.hand(_event(outcome or TIMED_OUT, task, now, seed))


def _event(outcome: Outcome, task: ScheduleTask, at: float, seed: bytes) -> AnyEvent:
    if isinstance(outcome, Succeeded):
        return TaskSucceeded(at, seed, task.task_id, outcome.output)
    assert isinstance(outcome, Failed)
    return TaskFailed(at, seed, task.task_id, outcome.error, outcome.cause or None)


def _check_combination(params: Params) -> None:
    """Refuses parameters that exclude each other. Raises ValidationError."""
    mock = params.get("mock")
    if mock is None:
        if "context" in params:
            raise ValidationError("TestState does not support Context when a mock is not specified.")
        for name, shown in ONLY_MOCKED.items():
            if name in (params.get("stateConfiguration") or {}):
                raise ValidationError(f"TestState does not support {shown} when a mock is not specified.")
        return
    if ("result" in mock) == ("errorOutput" in mock):
        some = "only one" if "result" in mock else "one"
        raise ValidationError(f"A test mock should have {some} of the following fields: [result, errorOutput].")
    if params.get("revealSecrets"):
        raise ValidationError("TestState does not support RevealSecrets when a mock is specified.")


def _compiled(params: Params) -> State:
    name = params.get("stateName")
    try:
        return compile_single_state(params["definition"], name)
    except KeyError:
        raise ValidationError(f"State '{name}' does not exist in the state machine definition.") from None


def _check_testable(state: State, params: Params) -> None:
    """Raises UntestableStateError, ValidationError."""
    if params.get("mock") is not None:
        if not isinstance(state, TaskState | MapState | ParallelState):
            raise ValidationError(f"State type '{state.type}' is not supported when a mock is specified")
    elif isinstance(state, MapState | ParallelState):
        raise UntestableStateError(f"{NOT_WITHOUT_A_MOCK} Parallel or Map states when a mock is not specified.")
    elif isinstance(state, TaskState):
        if "roleArn" not in params:
            raise ValidationError("RoleArn must be specified when testing a Task state")
        if state.resource.wants_token or ".sync" in state.resource.action:
            raise UntestableStateError(
                f"{NOT_WITHOUT_A_MOCK} Activity tasks, .sync or .waitForTaskToken service integration patterns "
                "when a mock is not specified."
            )


def _outcome(mock: dict[str, Any], state: State) -> bytes | Failure:
    if "errorOutput" in mock:
        given = mock["errorOutput"]
        return Failure(given.get("error"), given.get("cause"))
    text: str = mock["result"]
    try:
        result = decode(text)
    except msgspec.DecodeError:
        raise ValidationError("Mocked result must be valid JSON.") from None
    _check_result(state, result, mock.get("fieldValidationMode", "STRICT"))
    return text.encode()


def _check_result(state: State, result: JSONValue, mode: str) -> None:
    writing = state.distribution.writing if isinstance(state, MapState) and state.distribution is not None else None
    if isinstance(state, TaskState):
        if mode != "NONE":
            check_result(state.resource.arn, result, needs_required=mode == "STRICT")
    elif writing is not None and writing.resource is not None:
        if not isinstance(result, dict):
            raise ValidationError("Mocked result must be a JSON object.")
    elif not isinstance(result, list):
        raise ValidationError("Mocked result must be an array.")


def _object(text: str, name: str) -> dict[str, JSONValue]:
    try:
        value = decode(text)
    except msgspec.DecodeError:
        value = None
    if not isinstance(value, dict):
        raise ValidationError(f"The value of '{name}' must be a JSON object.")
    return value


def _answer(report: StateReport, params: Params) -> Answer:
    sources = [params.get("input", "{}"), (params.get("mock") or {}).get("result", "{}")]
    shown: dict[str, Any] = {
        "output": None if isinstance(report.output, Missing) else text_of(report.output, sources),
        "error": report.error,
        "cause": report.cause,
        "nextState": report.next_state,
        "status": report.status.value,
    }
    if params.get("inspectionLevel", "INFO") != "INFO":
        shown["inspectionData"] = {
            name: value if name in NUMBERS else text_of(value, sources) for name, value in report.inspection.items()
        }
    return shown
