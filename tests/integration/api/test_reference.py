"""The reference page says what is registered."""

import os
from pathlib import Path

from expeditor.api import render

from .conftest import Endpoint

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "aws-operations.md"


def test_reference_page_lists_what_is_registered(endpoint: Endpoint) -> None:
    page = render(endpoint.api.endpoints.values())

    if os.environ.get("WRITE_REFERENCE"):
        PAGE.write_text(page)
    assert PAGE.read_text() == page, "run WRITE_REFERENCE=1 pytest tests/integration/api/test_reference.py"
