"""The pytest plugin: the mark and the fixture ``machine``.

It is loaded by every pytest that runs where this package is installed, so it imports the rest only when it is used.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from expeditor.testing import TestedMachine

MARK = (
    "machine(source, *, substitutions=None, seed=0): the state machine of the fixture `machine`: "
    "a definition such as orders.asl.json, or template.yaml#LogicalId"
)


class UnusedMockWarning(UserWarning):
    """A test that passed gave a mock that nothing called."""


def pytest_configure(config: pytest.Config) -> None:
    """Registers the mark."""
    config.addinivalue_line("markers", MARK)


@pytest.fixture
def machine(request: pytest.FixtureRequest) -> "Iterator[TestedMachine]":
    """The state machine named by ``@pytest.mark.machine(...)``, in this process, on a virtual clock."""
    from expeditor.testing import load_machine

    mark = request.node.get_closest_marker("machine")
    if mark is None or not mark.args:
        pytest.fail('say which machine: @pytest.mark.machine("orders.asl.json") above the test', pytrace=False)
    tested = load_machine(mark.args[0], _folders(request), **mark.kwargs)
    yield tested
    if unused := tested.unused_mocks:
        names = ", ".join(f'"{name}"' for name in unused)
        warnings.warn(
            UnusedMockWarning(f"nothing called the mock of {names}; take it away, or pass optional=True"), stacklevel=2
        )


def _folders(request: pytest.FixtureRequest) -> list[Path]:
    """The test's folder and the ones above it, up to the root of the test run."""
    folder, root = request.path.parent, request.config.rootpath
    return [folder, *(parent for parent in folder.parents if parent == root or root in parent.parents)]
