"""An execution's history as a recording: the path it took, and each call with its answer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from expeditor.payloads import JSONValue, decode
from expeditor.releases.errors import ReleaseError

_FUNCTION = re.compile(r":function:(?P<name>[A-Za-z0-9_-]+)")
_SCHEDULED = {
    "LambdaFunctionScheduled": ("lambdaFunctionScheduledEventDetails", "input"),
    "TaskScheduled": ("taskScheduledEventDetails", "parameters"),
    "ActivityScheduled": ("activityScheduledEventDetails", "input"),
}
"""Event type: where its details are, and what the call's input is called there."""
_SUCCEEDED = {"LambdaFunctionSucceeded", "TaskSucceeded", "ActivitySucceeded"}
_TIMED_OUT = {"LambdaFunctionTimedOut", "TaskTimedOut", "ActivityTimedOut"}
_FAILED = {
    "LambdaFunctionFailed",
    "LambdaFunctionScheduleFailed",
    "LambdaFunctionStartFailed",
    "TaskFailed",
    "TaskStartFailed",
    "TaskSubmitFailed",
    "ActivityFailed",
    "ActivityScheduleFailed",
}


class TruncatedError(ReleaseError):
    """A history does not hold everything that is needed."""

    def __init__(self, execution: str, state: str) -> None:
        super().__init__(f"the history of {execution} truncates the data of {state}; it cannot be used")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call came to.

    Attributes:
        output: JSON text; None when it failed.
        error, cause: when it failed, as far as known.
    """

    output: str | None
    error: str | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt of a task.

    Attributes:
        called: name of the function, or the resource if it is none.
        input: JSON text.
        answer: None if the execution ended first.
    """

    state: str
    called: str
    input: str
    answer: Answer | None


@dataclass(frozen=True, slots=True)
class Recording:
    """One execution that ended.

    Attributes:
        name: the execution's; of an order, its id.
        input, output: JSON text; output None when it did not succeed.
        path: states entered, in order.
        inputs: of each state, when it was entered last; JSON text.
    """

    name: str
    arn: str
    status: str
    input: str
    output: str | None
    path: tuple[str, ...]
    inputs: Mapping[str, str]
    calls: tuple[Call, ...]

    @property
    def failed_state(self) -> str:
        """The last state that called something and did not get it done, or where the execution ended.

        Raises:
            ReleaseError: it entered no state.
        """
        last_calls = {call.state: call for call in self.calls}
        failed = [call.state for call in last_calls.values() if call.answer is None or call.answer.output is None]
        if failed:
            return max(failed, key=lambda state: max(i for i, name in enumerate(self.path) if name == state))
        if not self.path:
            raise ReleaseError(f"{self.arn} entered no state")
        return self.path[-1]


def recording_of(description: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Recording:
    """The recording in what DescribeExecution and GetExecutionHistory answer.

    Raises:
        TruncatedError: data is missing in the history.
    """
    arn = description["executionArn"]
    entered = [event["stateEnteredEventDetails"] for event in events if "stateEnteredEventDetails" in event]
    for details in entered:
        if details.get("inputDetails", {}).get("truncated"):
            raise TruncatedError(arn, details["name"])
    return Recording(
        name=description["name"],
        arn=arn,
        status=description["status"],
        input=description["input"],
        output=description.get("output"),
        path=tuple(details["name"] for details in entered),
        inputs={details["name"]: details["input"] for details in entered},
        calls=tuple(_calls(events)),
    )


def called_by(resource: str, parameters: JSONValue) -> str:
    """The function's name, whatever version of it is called and however, or the resource of another service."""
    named = parameters.get("FunctionName", "") if isinstance(parameters, dict) else ""
    for text in (resource, named):
        match = _FUNCTION.search(text) if isinstance(text, str) else None
        if match is not None:
            return match["name"]
    return str(named or resource)


def _calls(events: Sequence[Mapping[str, Any]]) -> list[Call]:
    by_id = {event["id"]: event for event in events}
    answers = {_scheduled_before(event, by_id): _answer(event) for event in events if _is_answer(event)}
    calls = []
    for event in events:
        if event["type"] in _SCHEDULED:
            details_key, input_key = _SCHEDULED[event["type"]]
            details = event[details_key]
            text = details.get(input_key) or "{}"
            called = called_by(str(details.get("resource", "")), decode(text))
            calls.append(Call(_state_of(event, by_id), called, text, answers.get(event["id"])))
    return calls


def _is_answer(event: Mapping[str, Any]) -> bool:
    return event["type"] in _SUCCEEDED | _TIMED_OUT | _FAILED


def _answer(event: Mapping[str, Any]) -> Answer:
    kind = event["type"]
    details: Mapping[str, Any] = event.get(f"{kind[0].lower()}{kind[1:]}EventDetails", {})
    if kind in _SUCCEEDED:
        return Answer(details.get("output") or "null")
    error = details.get("error") or ("States.Timeout" if kind in _TIMED_OUT else None)
    return Answer(None, error, details.get("cause"))


def _scheduled_before(event: Mapping[str, Any], by_id: Mapping[int, Mapping[str, Any]]) -> int:
    """Id of the event that scheduled what *event* answers; 0 if the history does not have it."""
    at = event
    while at["type"] not in _SCHEDULED:
        if at["previousEventId"] not in by_id:
            return 0
        at = by_id[at["previousEventId"]]
    return int(at["id"])


def _state_of(event: Mapping[str, Any], by_id: Mapping[int, Mapping[str, Any]]) -> str:
    at = event
    while "stateEnteredEventDetails" not in at:
        if at["previousEventId"] not in by_id:
            return ""
        at = by_id[at["previousEventId"]]
    return str(at["stateEnteredEventDetails"]["name"])
