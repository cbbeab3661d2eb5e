"""The node's processes do not interrupt each other."""

import os
from collections.abc import Iterator

import pytest

from expeditor.node.scheduling import run_in_turns


@pytest.fixture(autouse=True)
def _policy_stays() -> Iterator[None]:
    before = os.sched_getscheduler(0)
    yield
    os.sched_setscheduler(0, before, os.sched_param(0))


def test_processes_run_in_turns_and_so_do_those_they_start() -> None:
    run_in_turns()

    assert os.sched_getscheduler(0) == os.SCHED_BATCH
    child = os.fork()
    if not child:
        os._exit(os.sched_getscheduler(0))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == os.SCHED_BATCH


def test_system_that_forbids_it_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.sched_getscheduler(0)

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    run_in_turns()
    monkeypatch.undo()

    assert os.sched_getscheduler(0) == before
