"""The outbox is emptied at least once, whatever fails in between."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from order_processing.clock import ManualClock
from order_processing.ids import SeededIds
from order_processing.service.relay import BATCH_MAX, PublishError, Relay
from order_processing.stores import (
    CommitUnknownError,
    Notification,
    PutNotification,
    RemoveNotifications,
    SqliteOrderStore,
    Transaction,
)

PATIENCE_SECONDS = 10


@dataclass
class Topic:
    """Takes what *accepts* says; wakes those who wait for a number of notifications."""

    accepts: Callable[[int, Sequence[Notification]], Sequence[Notification]] = lambda _, batch: batch
    batches: list[list[str]] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def publish(self, batch: Sequence[Notification]) -> frozenset[Notification]:
        with self.arrived:
            self.batches.append([notification.order_id for notification in batch])
            taken = self.accepts(len(self.batches), batch)
            self.arrived.notify_all()
        return frozenset(taken)

    @property
    def published(self) -> list[str]:
        return [order_id for batch in self.batches for order_id in batch]

    def wait_for(self, count: int) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.published) >= count, PATIENCE_SECONDS)


def a_relay(store: SqliteOrderStore, topic: Topic) -> Relay:
    return Relay(store, lambda: topic, ManualClock(), SeededIds())


def opened(folder: Path) -> SqliteOrderStore:
    return SqliteOrderStore(folder / "orders.db")


def put(store: SqliteOrderStore, *numbers: int) -> None:
    writes = tuple(PutNotification(Notification(f"o-{each}", '{"kind": "voucher"}', float(each))) for each in numbers)
    store.commit(writes).result()


def wait_until_empty(store: SqliteOrderStore) -> None:
    """Waits for the commit that leaves the outbox empty."""
    emptied = threading.Event()
    original = store.commit

    def watched(transaction: Transaction) -> object:
        future = original(transaction)
        future.add_done_callback(lambda _: emptied.set())
        return future

    store.commit = watched  # type: ignore[method-assign, assignment]
    while store.unpublished():
        assert emptied.wait(PATIENCE_SECONDS)
        emptied.clear()


def test_what_is_in_the_outbox_is_published_in_batches_and_removed(tmp_path: Path) -> None:
    store, topic = opened(tmp_path), Topic()
    put(store, *range(25))

    left = a_relay(store, topic).publish_once()

    assert left == 0
    assert [len(batch) for batch in topic.batches] == [BATCH_MAX, BATCH_MAX, 5]
    assert topic.published == [f"o-{number}" for number in range(25)]
    assert store.unpublished() == []
    store.close()


def test_what_the_topic_did_not_take_stays(tmp_path: Path) -> None:
    store = opened(tmp_path)
    topic = Topic(accepts=lambda _, batch: [each for each in batch if each.order_id != "o-1"])
    put(store, 0, 1, 2)

    left = a_relay(store, topic).publish_once()

    assert left == 1
    assert [each.order_id for each in store.unpublished()] == ["o-1"]
    store.close()


def test_batches_taken_before_a_failure_are_removed(tmp_path: Path) -> None:
    def first_only(number: int, batch: Sequence[Notification]) -> Sequence[Notification]:
        if number > 1:
            raise PublishError("the node is down")
        return batch

    store = opened(tmp_path)
    put(store, *range(15))

    with pytest.raises(PublishError):
        a_relay(store, Topic(accepts=first_only)).publish_once()

    assert [each.order_id for each in store.unpublished()] == [f"o-{number}" for number in range(10, 15)]
    store.close()


def test_a_notification_that_is_put_while_an_older_one_is_published_is_published_too(tmp_path: Path) -> None:
    store = opened(tmp_path)

    def put_another(number: int, batch: Sequence[Notification]) -> Sequence[Notification]:
        if number == 1:
            store.commit((PutNotification(Notification("o-1", '{"kind": "voucher"}', 1.0, 2)),)).result()
        return batch

    topic = Topic(accepts=put_another)
    relay = a_relay(store, topic)
    put(store, 1)

    relay.publish_once()
    relay.publish_once()

    assert topic.published == ["o-1", "o-1"]
    assert store.unpublished() == []
    store.close()


def test_a_crash_between_publishing_and_removing_publishes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(transaction: Transaction) -> None:
        assert isinstance(transaction[0], RemoveNotifications)
        raise CommitUnknownError("the process ends here")

    store, topic = opened(tmp_path), Topic()
    put(store, 1)
    monkeypatch.setattr(store, "commit", crash)
    with pytest.raises(CommitUnknownError):
        a_relay(store, topic).publish_once()
    store.close()

    after = opened(tmp_path)
    a_relay(after, topic).publish_once()

    assert topic.published == ["o-1", "o-1"]
    assert after.unpublished() == []
    after.close()


def test_a_start_publishes_what_the_last_process_left(tmp_path: Path) -> None:
    before = opened(tmp_path)
    put(before, 1, 2)
    before.close()
    store, topic = opened(tmp_path), Topic()

    relay = a_relay(store, topic)
    relay.start()
    topic.wait_for(2)
    relay.close()

    assert topic.published == ["o-1", "o-2"]
    store.close()


def test_a_new_order_wakes_the_relay(tmp_path: Path) -> None:
    store, topic = opened(tmp_path), Topic()
    relay = a_relay(store, topic)
    relay.start()

    for number in (1, 2, 3):
        put(store, number)
        relay.wake()
        topic.wait_for(number)

    relay.close()
    assert store.unpublished() == []
    store.close()


def test_a_topic_that_is_down_is_tried_until_it_is_back(tmp_path: Path) -> None:
    def third_time(number: int, batch: Sequence[Notification]) -> Sequence[Notification]:
        if number < 3:
            raise PublishError("the node is down")
        return batch

    store, topic = opened(tmp_path), Topic(accepts=third_time)
    relay = a_relay(store, topic)
    relay.start()
    put(store, 1)
    relay.wake()

    wait_until_empty(store)
    relay.close()

    assert topic.published == ["o-1"] * 3
    assert relay.figures.failures == 2
    store.close()


def test_one_notification_that_is_never_taken_does_not_hold_up_the_others(tmp_path: Path) -> None:
    store = opened(tmp_path)
    topic = Topic(accepts=lambda _, batch: [each for each in batch if each.order_id != "o-0"])
    relay = a_relay(store, topic)
    put(store, 0)
    relay.start()
    topic.wait_for(1)

    put(store, 1)
    relay.wake()
    with topic.arrived:
        assert topic.arrived.wait_for(lambda: "o-1" in topic.published, PATIENCE_SECONDS)
    relay.close()

    assert [each.order_id for each in store.unpublished()] == ["o-0"]
    store.close()
