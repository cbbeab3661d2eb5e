"""The system is asked seldom what a process has used, and what it says then stands for a moment."""

import resource
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from expeditor.functions.sandbox import usage
from expeditor.functions.sandbox.usage import LOOK_SECONDS, OwnProcess


@dataclass
class System:
    """What the system says."""

    now: float = 100.0
    ru_maxrss: int = 40 * 1024
    ru_nvcsw: int = 0
    asked: int = 0

    def getrusage(self, who: int) -> "System":
        assert who == resource.RUSAGE_SELF
        self.asked += 1
        return self

    def goes_on(self) -> None:
        self.now += 2 * LOOK_SECONDS


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    system = System()
    monkeypatch.setattr(usage, "monotonic", lambda: system.now)
    monkeypatch.setattr(resource, "getrusage", system.getrusage)
    return system


@pytest.fixture
def process(system: System) -> Iterator[OwnProcess]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield OwnProcess(ours)


def test_memory_is_that_of_the_last_look(system: System, process: OwnProcess) -> None:
    process.waited()
    system.ru_maxrss = 50 * 1024
    process.waited()
    before = process.memory_mb()
    system.goes_on()
    process.waited()

    assert (before, process.memory_mb()) == (40, 50)
    assert system.asked == 2


def test_invocations_that_pause_for_their_requests_alone_only_compute(system: System, process: OwnProcess) -> None:
    process.waited()
    system.ru_nvcsw += 3
    system.goes_on()

    assert [process.waited() for _ in range(1)] == [True]  # three pauses of one invocation

    system.ru_nvcsw += 3
    [process.waited() for _ in range(2)]
    system.goes_on()

    assert process.waited() is False  # three pauses of three


def test_invocations_between_two_looks_count_as_those_before(system: System, process: OwnProcess) -> None:
    system.ru_nvcsw = 9
    first = process.waited()
    system.ru_nvcsw = 9

    assert first is process.waited() is True
