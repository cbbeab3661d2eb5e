"""Mocks of one test, and the calls they answered."""

from dataclasses import dataclass, field
from difflib import get_close_matches

from expeditor.payloads import JSONValue, decode, encode
from expeditor.testing.failures import MachineTestError, UnmockedTaskError
from expeditor.testing.names import Function, Site, called_function, function_of, short_resource
from expeditor.testing.outcomes import Answer, Outcome, Returns, check_json, outcome_of

__tracebackhide__ = True

_CALLBACK = ".waitForTaskToken"


@dataclass(frozen=True, slots=True)
class Call:
    """One try of a task.

    Attributes:
        parameters: the effective input.
        at: virtual seconds since the execution began.
        token: the task token, where the task waits for one.
    """

    state: str
    resource: str
    parameters: JSONValue
    at: float
    token: str | None = None

    @property
    def function(self) -> Function | None:
        """The function it calls, if it calls one."""
        return called_function(self.resource, self.parameters)

    @property
    def event(self) -> JSONValue:
        """What the function gets: ``Payload`` of lambda:invoke, else the effective input."""
        if short_resource(self.resource) == "lambda:invoke" and isinstance(self.parameters, dict):
            return self.parameters.get("Payload", {})
        return self.parameters

    @property
    def waits_for_token(self) -> bool:
        """Whether the service's answer only begins the wait."""
        return self.resource.endswith(_CALLBACK)


@dataclass(slots=True)
class Mock:
    """The answers of one target, used in order; the last one also for every call after it.

    Attributes:
        target: as the test says.
        state, resource, function: which of them the target is; the others are None.
        is_optional: whether it is fine that nothing calls it.
        is_used: whether something did.
    """

    target: str
    state: str | None = None
    resource: str | None = None
    function: Function | None = None
    answers: list[Answer] = field(default_factory=list)
    is_optional: bool = False
    is_used: bool = False

    def fits(self, call: Call) -> bool:
        """Whether it answers *call*."""
        if self.state is not None:
            return self.state == call.state
        if self.resource is not None:
            return self.resource in (call.resource, short_resource(call.resource))
        return self.function is not None and call.function is not None and call.function.is_meant_by(self.function)


class Mocks:
    """All mocks of one machine under test."""

    def __init__(self, sites: tuple[Site, ...]) -> None:
        self._sites = sites
        self._mocks: dict[str, Mock] = {}

    @property
    def unused(self) -> list[str]:
        """Targets that nothing called, though they are not optional."""
        return [mock.target for mock in self._mocks.values() if not mock.is_used and not mock.is_optional]

    def add(self, target: str, answers: list[Answer], *, is_optional: bool) -> None:
        """Raises MachineTestError: nothing in the machine is called *target*."""
        mock = self._mocks.get(target)
        if mock is None:
            mock = self._mocks[target] = self._mock(target)
        mock.answers.extend(answers)
        mock.is_optional = mock.is_optional or is_optional

    def find(self, call: Call) -> Mock | None:
        """The mock for *call*; one by state goes before one by resource or function."""
        fitting = [mock for mock in self._mocks.values() if mock.fits(call)]
        return min(fitting, key=lambda mock: mock.state is None, default=None)

    def require(self, call: Call) -> Mock:
        """The mock for *call*. Raises UnmockedTaskError."""
        mock = self.find(call)
        if mock is None:
            function = call.function
            name = function.name if function is not None else call.state
            called = f"the function {name}" if function is not None else call.resource
            raise UnmockedTaskError(call.state, called, f'machine.mock("{name}", result={{...}})')
        return mock

    def _mock(self, target: str) -> Mock:
        if any(site.state == target for site in self._sites):
            return Mock(target, state=target)
        if any(target in (site.resource, short_resource(site.resource)) for site in self._sites if not site.function):
            return Mock(target, resource=target)
        function = function_of(target)
        known = any(site.is_dynamic or (site.function and site.function.is_meant_by(function)) for site in self._sites)
        if known:
            return Mock(target, function=function)
        raise MachineTestError(self._unknown(target))

    def _unknown(self, target: str) -> str:
        names = sorted({name for site in self._sites for name in (site.state, *site.names)})
        close = get_close_matches(target, names, n=1)
        hint = f'; did you mean "{close[0]}"?' if close else ""
        return f'no task of the machine is called "{target}"{hint} It calls: {", ".join(names) or "nothing"}'


def outcome(mock: Mock, call: Call, number: int) -> Outcome:
    """What *mock* answers to its call number *number*, from 0."""
    mock.is_used = True
    # A function gets an event of its own, as it does over the wire: what it changes there is nobody else's.
    found = outcome_of(mock.answers[min(number, len(mock.answers) - 1)], decode(encode(call.event)))
    if isinstance(found, Returns):
        check_json(found.value, f'the mock of "{mock.target}"')
    return found


def output_of(returned: Returns, mock: Mock, call: Call) -> bytes:
    """The task's result as JSON text: a function's result comes inside the answer of lambda:invoke."""
    if mock.function is None or returned.is_whole or short_resource(call.resource) != "lambda:invoke":
        return encode(returned.value)
    return encode({"ExecutedVersion": "$LATEST", "Payload": returned.value, "StatusCode": 200})
