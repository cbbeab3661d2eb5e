"""One node for all tests that leave it running."""

from collections.abc import Iterator

import pytest

from .running import RunningNode, running_node


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    with running_node(tmp_path_factory.mktemp("node") / "home") as started:
        yield started
