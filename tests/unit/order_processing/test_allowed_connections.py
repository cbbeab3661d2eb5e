"""How many connections are let in follows how many files the process may open."""

import resource

import pytest

from order_processing.serving import CONNECTIONS_MAX, FILES_RESERVED, allowed_connections

ALL = CONNECTIONS_MAX + FILES_RESERVED
ANY = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        pytest.param((1024, 1_048_576), (ALL, 1_048_576), CONNECTIONS_MAX, id="raised as far as needed"),
        pytest.param((1024, 2048), (2048, 2048), 2048 - FILES_RESERVED, id="raised as far as allowed"),
        pytest.param((1024, ANY), (ALL, ANY), CONNECTIONS_MAX, id="raised where nothing bounds it"),
        pytest.param((20_000, 20_000), (20_000, 20_000), CONNECTIONS_MAX, id="left alone where it suffices"),
        pytest.param((ANY, ANY), (ANY, ANY), CONNECTIONS_MAX, id="left alone where there is none"),
        pytest.param((100, 100), (100, 100), 1, id="one at least"),
    ],
)
def test_the_limit_of_open_files_is_raised_and_obeyed(
    monkeypatch: pytest.MonkeyPatch, before: tuple[int, int], after: tuple[int, int], allowed: int
) -> None:
    limits = [before]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: limits.append(wanted))

    assert allowed_connections() == allowed
    assert limits[-1] == after
