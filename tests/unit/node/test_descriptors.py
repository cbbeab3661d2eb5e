"""The node may open as many files as the system lets it have."""

import resource
from collections.abc import Iterator

import pytest

from expeditor.node.descriptors import DESCRIPTORS_MAX, raise_descriptor_limit

FILES = resource.RLIMIT_NOFILE


@pytest.fixture
def hard() -> Iterator[int]:
    soft, hard = resource.getrlimit(FILES)
    yield hard
    resource.setrlimit(FILES, (soft, hard))


def test_low_limit_is_raised_as_far_as_it_can_be(hard: int) -> None:
    resource.setrlimit(FILES, (256, hard))

    raise_descriptor_limit()

    assert resource.getrlimit(FILES) == (min(hard, DESCRIPTORS_MAX) if hard > 0 else DESCRIPTORS_MAX, hard)


def test_limit_that_is_high_already_stays(hard: int) -> None:
    resource.setrlimit(FILES, (hard, hard))

    raise_descriptor_limit()

    assert resource.getrlimit(FILES) == (hard, hard)


def test_limit_that_the_system_refuses_to_raise_stays(hard: int, monkeypatch: pytest.MonkeyPatch) -> None:
    resource.setrlimit(FILES, (256, hard))

    def refuse(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    with monkeypatch.context() as patched:
        patched.setattr(resource, "setrlimit", refuse)
        raise_descriptor_limit()

    assert resource.getrlimit(FILES)[0] == 256
