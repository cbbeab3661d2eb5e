"""``expeditor compare``, whole: the same figures for the same seed, every order at rest in both pipelines."""

import json

from click.testing import CliRunner

from expeditor.cli.compare import command


def test_the_same_day_through_both_pipelines_twice() -> None:
    first, second = (
        json.loads(CliRunner().invoke(command, ["--orders", "20", "--seed", "3", "-o", "json"]).stdout)
        for _ in range(2)
    )

    assert first == second
    for pipeline in ("instant", "legacy"):
        assert (first[pipeline]["orders"], first[pipeline]["unfinished"]) == (20, 0)
        assert first[pipeline]["delivered"] == first[pipeline]["statuses"]["completed"] > 15
    assert first["instant"]["p50_seconds"] < 5
    assert 900 <= first["legacy"]["p50_seconds"] <= 1_800
