"""Ids: unique from any thread, well formed, and repeatable where they are seeded."""

import threading
import uuid

from expeditor.ids import Draws, SeededIds, SystemIds


def test_uuids_are_version_4_in_their_usual_form() -> None:
    ids = SystemIds()

    for _ in range(1_000):
        text = ids.uuid()
        parsed = uuid.UUID(text)
        assert (str(parsed), parsed.version, parsed.variant) == (text, 4, uuid.RFC_4122)


def test_threads_never_share_a_seed() -> None:
    ids = SystemIds()
    drawn: list[bytes] = []

    def draw() -> None:
        drawn.extend(ids.seed() for _ in range(5_000))

    threads = [threading.Thread(target=draw) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(drawn)) == len(drawn) == 40_000
    assert {len(seed) for seed in drawn} == {16}


def test_the_same_seed_gives_the_same_ids() -> None:
    first, second = SeededIds(7), SeededIds(7)

    assert [first.uuid(), first.seed(), first.draw()] == [second.uuid(), second.seed(), second.draw()]


def test_a_digest_depends_on_seed_and_label() -> None:
    assert Draws(b"a").digest("token/1") == Draws(b"a").digest("token/1")
    assert Draws(b"a").digest("token/1") != Draws(b"a").digest("token/2") != Draws(b"b").digest("token/2")
