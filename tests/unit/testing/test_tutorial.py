"""Every snippet of docs/testing-state-machines.md passes, as a reader would run it."""

import re
from pathlib import Path

import pytest

import expeditor.testing  # noqa: F401 - what is imported here is not imported anew by each pytest inside

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "testing-state-machines.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
ARGUMENTS = ("-p", "expeditor.pytest_plugin", "-p", "no:hypothesispytest", "--strict-markers", "-W", "error")


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: re.findall(r"def (test_\w+)", snippet)[0])
def test_snippet_passes(pytester: pytest.Pytester, snippet: str) -> None:
    folder = pytester.path / "src" / "order_processing"
    folder.parent.mkdir()
    folder.symlink_to(ROOT / "src" / "order_processing")
    pytester.makepyfile(snippet)

    result = pytester.runpytest_inprocess(*ARGUMENTS)

    result.assert_outcomes(passed=snippet.count("def test_"))


def test_page_has_snippets() -> None:
    assert len(SNIPPETS) == 5
