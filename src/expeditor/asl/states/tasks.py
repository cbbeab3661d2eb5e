"""Task: one unit of work done elsewhere; its tries, time-outs and outcome."""

import re
from collections.abc import Mapping
from typing import NoReturn

import msgspec

from expeditor.asl import history as details_of
from expeditor.asl.commands import ScheduleTask
from expeditor.asl.events import TaskFailed, TaskStarted, TaskSubmitted, TaskSucceeded
from expeditor.asl.execution import Attempt, Failure, Frame, Purpose
from expeditor.asl.expressions import numeric, template
from expeditor.asl.fields import Fields
from expeditor.asl.history import Details
from expeditor.asl.model import Resource, ResourceKind, TaskState
from expeditor.asl.moves import leave
from expeditor.asl.retries import HEARTBEAT_TIMEOUT, RUNTIME, TIMEOUT
from expeditor.asl.scope import EvaluationError, Expression, Scope
from expeditor.asl.states.flows import result_flow
from expeditor.asl.states.reading import basics, catchers, retriers
from expeditor.asl.turn import Behaviour, StateFailedError, Turn, data_limit_exceeded
from expeditor.payloads import PAYLOAD_BYTES_MAX, JSONValue, decode, encode

_INTEGRATION = re.compile(r"arn:[^:]+:states:[^:]*:[^:]*:(?!activity:)((?:aws-sdk:)?[^:]+):(.+)")
_FUNCTION = re.compile(r"arn:[^:]+:lambda:[^:]*:[^:]*:function:.+")
_RUN_A_JOB = re.compile(r"\.sync(:\d)?$")
_ACTIVITY = re.compile(r"arn:[^:]+:states:[^:]*:[^:]*:activity:.+")

CALLBACK_SUFFIX = ".waitForTaskToken"


def compile_task(name: str, fields: Fields) -> TaskState:
    """The compiled state."""
    fields.require("Resource")
    flow = result_flow(fields)
    return TaskState(
        **basics(name, "Task", fields, flow),
        resource=_resource(fields),
        retriers=retriers(fields),
        catchers=catchers(fields),
        timeout_seconds=numeric(fields, "TimeoutSeconds"),
        heartbeat_seconds=numeric(fields, "HeartbeatSeconds"),
        credentials=_credentials(fields),
    )


def _resource(fields: Fields) -> Resource:
    text = fields.text("Resource") or ""
    resource = resource_of(text)
    if resource is None:
        fields.find("Value is not a valid resource ARN", "Resource")
        return Resource(text, ResourceKind.SERVICE, "", "", wants_token=False)
    if fields.express:
        _refuse_in_express(fields, resource)
    return resource


def _refuse_in_express(fields: Fields, resource: Resource) -> None:
    if resource.kind is ResourceKind.ACTIVITY:
        fields.find("Express state machine does not support Activity ARN", "Resource")
    elif resource.wants_token:
        # The blank at the end is AWS's.
        fields.find(f"Express state machine does not support '{CALLBACK_SUFFIX}' service integration ", "Resource")
    elif _RUN_A_JOB.search(resource.action):
        fields.find("Express state machine does not support '.sync' service integration", "Resource")


def resource_of(arn: str) -> Resource | None:
    """What a ``Resource`` names; None if it is nothing a Task can use."""
    if _FUNCTION.fullmatch(arn):
        return Resource(arn, ResourceKind.FUNCTION, "", "", wants_token=False)
    if _ACTIVITY.fullmatch(arn):
        return Resource(arn, ResourceKind.ACTIVITY, "", "", wants_token=True)
    match = _INTEGRATION.fullmatch(arn)
    if match is None:
        return None
    service, action = match.groups()
    return Resource(arn, ResourceKind.SERVICE, service, action, wants_token=action.endswith(CALLBACK_SUFFIX))


def _credentials(fields: Fields) -> Expression | None:
    inner = fields.mapping("Credentials")
    if inner is None:
        return None
    if "RoleArn" not in inner.raw and "RoleArn.$" not in inner.raw:
        inner.find("The field 'RoleArn' is required but was missing")
    return template(fields, "Credentials")


def run_task(turn: Turn, frame: Frame) -> None:
    """Begins one try."""
    state = frame.state
    assert isinstance(state, TaskState)
    task_id = turn.execution.next_task_id
    turn.execution.next_task_id = task_id + 1
    frame.attempt = attempt = Attempt(ScheduleTask(task_id, state.resource.arn, None, _token(turn, state, task_id)))
    try:
        _prepare(turn, frame, state, attempt)
    except (EvaluationError, StateFailedError):
        frame.attempt = None
        raise
    turn.execution.tasks[task_id] = frame
    turn.commands.append(attempt.command)
    _note_scheduled(turn, frame, state, attempt)
    if state.resource.kind is not ResourceKind.ACTIVITY:
        _note_started(turn, frame, state)
        _start_timers(turn, frame, attempt)


def _token(turn: Turn, state: TaskState, task_id: int) -> str | None:
    if not state.resource.wants_token:
        return None
    return f"{turn.execution.context.token_prefix}{task_id}.{turn.draws.digest(f'token/{task_id}')}"


def _prepare(turn: Turn, frame: Frame, state: TaskState, attempt: Attempt) -> None:
    """Evaluates what the try needs. Raises EvaluationError, StateFailedError."""
    scope = turn.scope(frame)
    heartbeat = _seconds(state.heartbeat_seconds, scope)
    attempt.timeout_seconds = _seconds(state.timeout_seconds, scope)
    credentials = None if state.credentials is None else state.credentials(scope)
    parameters = state.flow.take(scope)
    if parameters is not frame.input and len(encode(parameters)) > PAYLOAD_BYTES_MAX:
        raise data_limit_exceeded(state.name)
    if heartbeat is not None and attempt.command.token is not None:
        attempt.heartbeat_timer_id = turn.new_timer_id()
    attempt.command = ScheduleTask(
        task_id=attempt.command.task_id,
        resource=state.resource.arn,
        parameters=parameters,
        token=attempt.command.token,
        heartbeat_seconds=heartbeat,
        heartbeat_timer_id=attempt.heartbeat_timer_id,
        credentials=credentials,
    )


def _seconds(read: Expression | None, scope: Scope) -> float | None:
    value = None if read is None else read(scope)
    return value if isinstance(value, int | float) else None


def _start_timers(turn: Turn, frame: Frame, attempt: Attempt) -> None:
    if attempt.timeout_seconds is not None:
        due_at = turn.at + attempt.timeout_seconds
        attempt.timeout_timer_id = turn.start_timer(frame, Purpose.TIMEOUT, due_at)
    heartbeat = attempt.command.heartbeat_seconds
    if heartbeat is not None and attempt.heartbeat_timer_id is not None:
        turn.start_timer(frame, Purpose.HEARTBEAT, turn.at + heartbeat, attempt.heartbeat_timer_id)


def _state_of(frame: Frame) -> TaskState:
    assert isinstance(frame.state, TaskState)
    return frame.state


def started(turn: Turn, frame: Frame, event: TaskStarted) -> None:
    """A worker took up an activity task; from here on its time-outs count.

    Source: ASL, "Task (TimeoutSeconds)" for activities, in the Step Functions developer guide.
    """
    if _state_of(frame).resource.kind is not ResourceKind.ACTIVITY:
        return
    body: Details = {"workerName": event.worker_name} if event.worker_name else {}
    turn.note(frame, "ActivityStarted", details=lambda: {"activityStartedEventDetails": body})
    if frame.attempt is not None:
        _start_timers(turn, frame, frame.attempt)


def submitted(turn: Turn, frame: Frame, event: TaskSubmitted) -> None:
    """The service accepted the request and works on it."""
    service = _service(_state_of(frame).resource)
    turn.note(
        frame,
        "TaskSubmitted",
        details=lambda: details_of.output_details("taskSubmittedEventDetails", event.output, service),
    )


def succeeded(turn: Turn, frame: Frame, event: TaskSucceeded) -> None:
    """The try ended well: the state's output follows from the result."""
    state = _state_of(frame)
    turn.end_attempt(frame, cancel=False)
    if len(event.output) > PAYLOAD_BYTES_MAX:
        _end_badly(turn, frame, _too_large(state.resource))
    kind = state.resource.kind
    turn.note(
        frame,
        f"{kind}Succeeded",
        details=lambda: details_of.output_details(_key(kind, "Succeeded"), event.output, _service(state.resource)),
    )
    assigned, output = state.flow.give(turn.scope(frame), frame.input, _decoded(event.output))
    leave(turn, frame, output, assigned)


def _decoded(output: bytes) -> JSONValue:
    try:
        return decode(output)
    except msgspec.DecodeError as error:
        raise EvaluationError(RUNTIME, f"The task's output is not JSON: {error}") from error


def _too_large(resource: Resource) -> Failure:
    who = resource.service if resource.kind is ResourceKind.SERVICE else resource.arn
    return data_limit_exceeded(who).failure


def failed(turn: Turn, frame: Frame, event: TaskFailed) -> None:
    """The try ended badly."""
    turn.end_attempt(frame, cancel=False)
    _end_badly(turn, frame, Failure(event.error, event.cause))


def _end_badly(turn: Turn, frame: Frame, failure: Failure) -> NoReturn:
    _note_failure(turn, frame, "Failed", failure)
    raise StateFailedError(failure)


def timed_out(turn: Turn, frame: Frame) -> None:
    """The try took too long."""
    _end_late(turn, frame, TIMEOUT)


def missed_heartbeat(turn: Turn, frame: Frame) -> None:
    """Nothing was heard of the try for too long."""
    _end_late(turn, frame, HEARTBEAT_TIMEOUT)


def _end_late(turn: Turn, frame: Frame, error: str) -> None:
    turn.end_attempt(frame, cancel=True)
    failure = Failure(error, None)
    _note_failure(turn, frame, "TimedOut", failure)
    raise StateFailedError(failure)


def _note_failure(turn: Turn, frame: Frame, outcome: str, failure: Failure) -> None:
    resource = _state_of(frame).resource
    turn.note(
        frame,
        f"{resource.kind}{outcome}",
        details=lambda: details_of.failure(
            _key(resource.kind, outcome), failure.error, failure.cause, _service(resource)
        ),
    )


def _key(kind: ResourceKind, outcome: str) -> str:
    return f"{kind[0].lower()}{kind[1:]}{outcome}EventDetails"


def _service(resource: Resource) -> Mapping[str, JSONValue]:
    if resource.kind is not ResourceKind.SERVICE:
        return {}
    return {"resource": resource.action, "resourceType": resource.service}


def _note_scheduled(turn: Turn, frame: Frame, state: TaskState, attempt: Attempt) -> None:
    region = turn.execution.context.region
    turn.note(
        frame,
        f"{state.resource.kind}Scheduled",
        details=lambda: _scheduled(state.resource, attempt, region),
    )


def _scheduled(resource: Resource, attempt: Attempt, region: str) -> Details:
    command, text = attempt.command, details_of.text_of(attempt.command.parameters)
    if resource.kind is ResourceKind.SERVICE:
        body: Details = {**_service(resource), "region": region, "parameters": text}
    else:
        body = {"resource": resource.arn, "input": text, "inputDetails": details_of.NOT_TRUNCATED}
    if attempt.timeout_seconds is not None:
        body["timeoutInSeconds"] = attempt.timeout_seconds
    if command.heartbeat_seconds is not None:
        body["heartbeatInSeconds"] = command.heartbeat_seconds
    if isinstance(command.credentials, dict):
        body["taskCredentials"] = {"roleArn": command.credentials.get("RoleArn")}
    return {_key(resource.kind, "Scheduled"): body}


def _note_started(turn: Turn, frame: Frame, state: TaskState) -> None:
    resource = state.resource
    if resource.kind is ResourceKind.FUNCTION:
        turn.note(frame, "LambdaFunctionStarted")
    else:
        turn.note(frame, "TaskStarted", details=lambda: {"taskStartedEventDetails": dict(_service(resource))})


BEHAVIOUR = Behaviour(
    run=run_task,
    resume=run_task,
    on_task={TaskStarted: started, TaskSubmitted: submitted, TaskSucceeded: succeeded, TaskFailed: failed},
)
