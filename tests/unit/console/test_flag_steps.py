"""Stores behind a form: one only tries, the other demands that nothing changed since the form was shown."""

from pathlib import Path

import pytest

from expeditor.console.flag_steps import SeenStore, TryingStore
from expeditor.releases import FileFlagStore, FlagsChangedError
from expeditor.rollout import Author, Flags, first_flags, moved, switched


@pytest.fixture
def store(tmp_path: Path) -> FileFlagStore:
    made = FileFlagStore(tmp_path / "experiments.json")
    made.write(first_flags("shop-v1.0.0", 1.0, "up"))
    return made


def stopped(flags: Flags) -> Flags:
    return moved(flags, switched(flags, "pipeline", enabled=False), Author("anna", 2.0), "pipeline off")


def test_what_is_tried_is_not_written(store: FileFlagStore) -> None:
    trying = TryingStore(store)

    trying.write(stopped(trying.read()))

    assert store.read().change.revision == 1
    assert trying.history() == store.history()


def test_what_was_seen_is_followed(store: FileFlagStore) -> None:
    seen = SeenStore(store, 1)

    seen.write(stopped(seen.read()))

    assert store.read().change.revision == 2


def test_a_change_since_then_refuses_the_move(store: FileFlagStore) -> None:
    store.write(stopped(store.read()))

    with pytest.raises(FlagsChangedError):
        SeenStore(store, 1).read()


def test_a_change_between_reading_and_writing_refuses_it_as_well(store: FileFlagStore) -> None:
    seen = SeenStore(store, 1)
    wanted = stopped(seen.read())
    store.write(stopped(store.read()))

    with pytest.raises(FlagsChangedError):
        seen.write(wanted)
    assert len(store.history()) == 2
