"""History events as GetExecutionHistory answers them: their types, links and details."""

from collections.abc import Mapping

import msgspec

from expeditor.payloads import JSONValue, encode

Details = dict[str, JSONValue]

NOT_TRUNCATED: Details = {"truncated": False}


class HistoryEvent(msgspec.Struct, frozen=True):
    """One entry of an execution's history.

    Attributes:
        id: 1, 2, 3, ... within the execution.
        previous_event_id: the event that led to this one; 0 for the first events.
        at: seconds since the epoch.
        type: AWS's name, such as ``PassStateEntered``.
        details: empty, or one key of AWS's such as ``stateEnteredEventDetails`` with its object.
    """

    id: int
    previous_event_id: int
    at: float
    type: str
    details: Details


ID_MAX = 2**63 - 1

PAGE_BYTES_MAX = 16 * 1024 * 1024
"""Texts of one page of a history; AWS's pages too end earlier than asked where events are large."""

DATA = frozenset(
    {"input", "inputDetails", "output", "outputDetails", "assignedVariables", "assignedVariablesDetails", "parameters"}
)
"""What an event's details leave out where its data is not wanted. Source: API_GetExecutionHistory."""


class HistoryPage(list[HistoryEvent]):
    """A whole history of which only one page keeps its data, so that it fits into memory.

    Attributes:
        first_id, last_id: of the page; it shrinks to what fits into *bytes_max*, one event at the least.
    """

    def __init__(
        self, first_id: int = 1, last_id: int = ID_MAX, *, newest_first: bool = False, bytes_max: int = PAGE_BYTES_MAX
    ) -> None:
        """*newest_first*: whether it is the oldest events that the page gives up."""
        super().__init__()
        self.first_id = first_id
        self.last_id = last_id
        self._newest_first = newest_first
        self._left = bytes_max

    @property
    def page(self) -> list[HistoryEvent]:
        """The events of the page, oldest first."""
        return self[self.first_id - 1 : self.last_id]

    def append(self, event: HistoryEvent) -> None:
        """Adds the next event; outside the page without its data."""
        if not self.first_id <= event.id <= self.last_id:
            super().append(without_data(event))
            return
        super().append(event)
        self._left -= _size(event)
        if self._newest_first:
            while self._left < 0 and self.first_id < event.id:
                self._left += _size(self[self.first_id - 1])
                self[self.first_id - 1] = without_data(self[self.first_id - 1])
                self.first_id += 1
        elif self._left < 0:
            self.last_id = event.id


def without_data(event: HistoryEvent) -> HistoryEvent:
    """*event* without inputs, outputs and variables."""
    details: Details = {
        key: {name: value for name, value in body.items() if name not in DATA} if isinstance(body, dict) else body
        for key, body in event.details.items()
    }
    return HistoryEvent(event.id, event.previous_event_id, event.at, event.type, details)


def _size(event: HistoryEvent) -> int:
    bodies = (body for body in event.details.values() if isinstance(body, dict))
    return sum(len(value) for body in bodies for value in body.values() if isinstance(value, str | dict))


def text_of(value: JSONValue) -> str:
    """*value* as the JSON text that AWS puts into a history event."""
    return encode(value).decode()


def execution_started(payload: bytes, role_arn: str, alias_arn: str | None, version_arn: str | None) -> Details:
    """Details of ExecutionStarted; *payload* is the input's JSON text."""
    body: Details = {"input": payload.decode(), "inputDetails": NOT_TRUNCATED, "roleArn": role_arn}
    if alias_arn is not None:
        body["stateMachineAliasArn"] = alias_arn
    if version_arn is not None:
        body["stateMachineVersionArn"] = version_arn
    return {"executionStartedEventDetails": body}


def execution_succeeded(output: bytes) -> Details:
    """Details of ExecutionSucceeded."""
    return {"executionSucceededEventDetails": {"output": output.decode(), "outputDetails": NOT_TRUNCATED}}


def state_entered(name: str, value: JSONValue) -> Details:
    """Details of every ...StateEntered."""
    body: Details = {"name": name, "input": text_of(value), "inputDetails": NOT_TRUNCATED}
    return {"stateEnteredEventDetails": body}


def state_exited(name: str, output: JSONValue, assigned: Mapping[str, JSONValue] | None) -> Details:
    """Details of every ...StateExited; *assigned* are the variables the state wrote."""
    body: Details = {"name": name, "output": text_of(output), "outputDetails": NOT_TRUNCATED}
    if assigned:
        body["assignedVariables"] = {variable: text_of(value) for variable, value in assigned.items()}
        body["assignedVariablesDetails"] = NOT_TRUNCATED
    return {"stateExitedEventDetails": body}


def failure(key: str, error: str | None, cause: str | None, extra: Mapping[str, JSONValue] | None = None) -> Details:
    """Details named *key* that carry an error and a cause as far as they are known, and *extra*."""
    body: Details = dict(extra or {})
    if error is not None:
        body["error"] = error
    if cause is not None:
        body["cause"] = cause
    return {key: body}


def aborted(error: str | None, cause: str | None) -> Details:
    """Details of ExecutionAborted: none where StopExecution gave no reason."""
    return {} if error is None and cause is None else failure("executionAbortedEventDetails", error, cause)


def evaluation_failed(state: str, error: str, cause: str, location: str | None) -> Details:
    """Details of EvaluationFailed; *location* is the field, such as ``Output/result``, where there is one."""
    body: Details = {"state": state, "error": error, "cause": cause}
    if location is not None:
        body["location"] = location
    return {"evaluationFailedEventDetails": body}


def output_details(key: str, output: bytes, extra: Mapping[str, JSONValue] | None = None) -> Details:
    """Details named *key* that carry a task's output, JSON text, and *extra*."""
    return {key: {"output": output.decode(), "outputDetails": NOT_TRUNCATED, **(extra or {})}}


def map_started(length: int) -> Details:
    """Details of MapStateStarted."""
    return {"mapStateStartedEventDetails": {"length": length}}


def iteration(key: str, name: str, index: int) -> Details:
    """Details of MapIterationStarted, -Succeeded, -Failed and -Aborted, named *key*."""
    return {key: {"name": name, "index": index}}
