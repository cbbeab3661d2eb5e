"""Tests of state machines in one process and virtual time: no server, no AWS account, no network.

The pytest plugin (``expeditor.pytest_plugin``) gives tests the fixture ``machine``; everything behind it works without
pytest as well, beginning with ``load_machine``. Tutorial: docs/testing-state-machines.md.
"""

from expeditor.testing.calls import Call
from expeditor.testing.execution import TestedExecution
from expeditor.testing.failures import MachineTestError, StuckExecutionError, UnmockedTaskError
from expeditor.testing.machine import TestedMachine, load_machine
from expeditor.testing.outcomes import Fails, Never, Outcome, Returns, fails, never, returns

__all__ = [
    "Call",
    "Fails",
    "MachineTestError",
    "Never",
    "Outcome",
    "Returns",
    "StuckExecutionError",
    "TestedExecution",
    "TestedMachine",
    "UnmockedTaskError",
    "fails",
    "load_machine",
    "never",
    "returns",
]
