"""One contract for every place flags are kept in: what is written is in force, traced, and never written over."""

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from expeditor.releases import FileFlagStore, FlagsChangedError, ParameterFlagStore
from expeditor.rollout import Author, Flags, FlagsError, Target, first_flags, moved, render, shifted

V1, V2 = "shop-v1.0.0", "shop-v1.1.0"
FIRST = first_flags(V1, 1.0, "up")
Store = FileFlagStore | ParameterFlagStore


@pytest.fixture(params=["file", "parameter"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    if request.param == "file":
        yield FileFlagStore(tmp_path / "experiments.json")
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield ParameterFlagStore(boto3.client("ssm", region_name="us-east-1"), "/shop/experiments")


def then(flags: Flags, share: int) -> Flags:
    return moved(flags, shifted(flags, "release", V2, share, Target()), Author("me", 2.0, "why"), f"{share}")


def test_nothing_is_there_at_first(store: Store) -> None:
    assert not store.exists()
    with pytest.raises(FlagsError, match="there is no"):
        store.read()


def test_what_is_written_is_in_force_and_in_the_history(store: Store) -> None:
    second = then(FIRST, 1_000)
    third = then(second, 2_000)
    for flags in (FIRST, second, third):
        store.write(flags)

    assert store.exists()
    assert store.read() == third
    assert store.history() == (FIRST, second, third)


def test_a_change_that_cannot_be_written_leaves_what_was_in_force(tmp_path: Path) -> None:
    store = FileFlagStore(tmp_path / "experiments.json")
    store.write(FIRST)
    (tmp_path / "experiments.draft").mkdir()  # as good as a full disk: nothing can be written there

    with pytest.raises(FlagsError, match=r"experiments.json cannot be written \(Is a directory\)"):
        store.write(then(FIRST, 1_000))

    assert store.read() == FIRST
    assert store.history() == (FIRST,)


def test_a_change_of_what_is_not_in_force_any_more_is_refused(store: Store) -> None:
    store.write(FIRST)
    store.write(then(FIRST, 1_000))

    with pytest.raises(FlagsChangedError, match="at revision 2 by now, not 1"):
        store.write(then(FIRST, 5_000))

    assert store.read() == then(FIRST, 1_000)


def test_a_document_that_a_crash_kept_from_coming_into_force_is_no_history(tmp_path: Path) -> None:
    store, second = FileFlagStore(tmp_path / "experiments.json"), then(FIRST, 1_000)
    store.write(FIRST)
    with (tmp_path / "experiments.history.jsonl").open("a") as file:
        file.write(json.dumps(render(then(FIRST, 9_000))) + "\n")
    assert store.history() == (FIRST,)

    store.write(second)

    assert store.history() == (FIRST, second)


def test_a_line_that_was_not_written_to_its_end_does_not_matter(tmp_path: Path) -> None:
    store = FileFlagStore(tmp_path / "experiments.json")
    store.write(FIRST)
    with (tmp_path / "experiments.history.jsonl").open("a") as file:
        file.write('{"flags": {"rel')
    assert store.history() == (FIRST,)

    store.write(then(FIRST, 1_000))

    assert store.history() == (FIRST, then(FIRST, 1_000))


def test_a_file_that_is_no_json_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "experiments.json").write_text("{")

    with pytest.raises(FlagsError, match="put back a line of"):
        FileFlagStore(tmp_path / "experiments.json").read()
