"""One endpoint for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.serving import Endpoint, Serving


@pytest.fixture(scope="package")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    serving = Serving(tmp_path_factory.mktemp("node"))
    yield serving.start()
    serving.stop()
