"""Fixtures that every test may use."""

import pytest

pytest_plugins = ["expeditor.pytest_plugin"]


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the node does."""
    return "asyncio"
