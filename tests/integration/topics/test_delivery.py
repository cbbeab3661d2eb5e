"""Publishing and delivering on a real file: who gets what, retries, order, fairness."""

import asyncio
import json
from pathlib import Path

import pytest

from expeditor.topics import MessageAttribute, NewMessage, NotFoundError
from expeditor.topics.errors import TooManyEntriesInBatchRequestError
from expeditor.topics.lane import HELD_BYTES_MAX
from tests.integration.topics.harness import DEFERRED, DELIVERED, FAILED, FUNCTION, texts, world

pytestmark = pytest.mark.anyio


async def test_message_reaches_its_subscriber_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed()

        (message_id,) = await w.topics.publish(arn, texts("one"))
        await w.node.settle()

        assert w.endpoint.seen == ["one"]
        assert len(message_id) == 36
        assert (w.node.count("deliveries"), w.node.count("messages")) == (0, 0)


async def test_acknowledgement_comes_after_the_rows_are_on_disk(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed()
        w.endpoint.behave = lambda _: None

        await w.topics.publish(arn, texts("one", "two"))

        assert (w.node.count("deliveries"), w.node.count("messages")) == (2, 2)


async def test_text_is_stored_once_for_all_subscriptions(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed()
        await w.topics.subscribe(arn, "lambda", f"{FUNCTION}:prod")
        w.endpoint.behave = lambda _: None

        await w.topics.publish(arn, texts("one"))

        assert (w.node.count("deliveries"), w.node.count("messages")) == (2, 1)


async def test_text_stays_until_the_last_subscription_has_it(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed()
        await w.topics.subscribe(arn, "lambda", f"{FUNCTION}:prod")
        w.endpoint.behave = lambda _: None
        await w.topics.publish(arn, texts("one"))
        await w.node.settle()

        counts = []
        for _, future in w.endpoint.open:
            future.set_result(DELIVERED)
            await w.node.settle()
            counts.append(w.node.count("messages"))

        assert counts == [1, 0]


async def test_message_nobody_wants_is_acknowledged_and_not_stored(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        topic = await w.topics.create_topic("orders")

        assert len(await w.topics.publish(topic.topic_arn, texts("one", "two"))) == 2
        assert w.node.count("messages") == 0


async def test_filter_decides_who_gets_a_message(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed({"FilterPolicy": json.dumps({"city": ["Chicago"]})})
        body = {"FilterPolicy": json.dumps({"city": ["Austin"]}), "FilterPolicyScope": "MessageBody"}
        await w.topics.subscribe(arn, "lambda", f"{FUNCTION}:prod", body)

        await w.topics.publish(
            arn,
            [
                NewMessage("by attribute", attributes={"city": MessageAttribute("String", "Chicago")}),
                NewMessage('{"city": "Austin"}'),
                NewMessage("no JSON"),
            ],
        )
        await w.node.settle()

        assert sorted(w.endpoint.seen) == ["by attribute", '{"city": "Austin"}']


async def test_failed_delivery_is_tried_again_at_once_and_then_later_and_later(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed()
        w.endpoint.behave = lambda _: FAILED
        await w.topics.publish(arn, texts("one"))
        await w.node.settle()
        attempts = [len(w.endpoint.seen)]

        for seconds in (1, 1, 30, 60):
            await w.node.advance(seconds)
            attempts.append(len(w.endpoint.seen))

        assert attempts[0] == 4  # the first try and three retries without delay
        assert attempts[1] >= 5
        assert attempts == sorted(set(attempts))
        assert attempts[-1] < 25


async def test_retried_message_arrives_when_the_endpoint_recovers(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed()
        w.endpoint.behave = lambda _: FAILED
        await w.topics.publish(arn, texts("one"))
        await w.node.advance(60)

        w.endpoint.behave = lambda _: DELIVERED
        await w.node.advance(60)

        assert w.node.count("deliveries") == 0
        (stats,) = w.topics.stats().subscriptions
        assert (stats.delivered, stats.waiting, stats.oldest_age_seconds) == (1, 0, None)


async def test_endpoint_without_room_uses_up_no_attempt(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        policy = json.dumps({"healthyRetryPolicy": {"numRetries": 0}})
        arn = await w.subscribed({"DeliveryPolicy": policy})
        w.endpoint.behave = lambda _: DEFERRED
        await w.topics.publish(arn, texts("one"))
        await w.node.advance(10)
        assert len(w.endpoint.seen) > 10

        w.endpoint.behave = lambda _: DELIVERED
        await w.node.advance(1)

        assert w.node.count("deliveries") + w.node.count("dead_letters") == 0


async def test_exception_of_the_port_counts_as_a_failed_attempt(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed({"DeliveryPolicy": json.dumps({"healthyRetryPolicy": {"numRetries": 0}})})
        w.endpoint.behave = lambda _: RuntimeError("bug")
        await w.topics.publish(arn, texts("one"))
        await w.node.settle()

        (letter,) = w.topics.queues.letters("discarded")
        assert letter.last_error == "RuntimeError: bug"


async def test_call_taken_back_by_the_endpoint_is_made_again(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed()
        w.endpoint.behave = lambda _: None
        await w.topics.publish(arn, texts("one"))
        await w.node.settle()
        w.endpoint.behave = lambda _: DELIVERED

        w.endpoint.open[0][1].cancel()
        await w.node.advance(1)

        assert w.endpoint.seen == ["one", "one"]
        assert w.node.count("deliveries") == 0


async def test_concurrency_of_a_subscription_is_bounded(tmp_path: Path) -> None:
    async with world(tmp_path, in_flight_max=4) as w:
        arn = await w.subscribed()
        w.endpoint.behave = lambda _: None
        await w.topics.publish(arn, texts(*"abcdefgh"))
        await w.node.settle()
        assert len(w.endpoint.open) == 4

        w.endpoint.open[0][1].set_result(DELIVERED)
        await w.node.settle()

        assert w.endpoint.seen == list("abcde")


async def test_slow_poison_leaves_places_to_the_others(tmp_path: Path) -> None:
    async with world(tmp_path, in_flight_max=4) as w:
        arn = await w.subscribed()
        w.endpoint.behave = lambda _: FAILED
        await w.topics.publish(arn, texts(*(f"poison {n}" for n in range(8))))
        await w.node.settle()
        w.endpoint.behave = lambda text: None if text.startswith("poison") else DELIVERED  # now they hang
        await w.node.advance(2)

        await w.topics.publish(arn, texts(*(f"good {n}" for n in range(9))))
        await w.node.settle()

        assert [text for text in w.endpoint.seen if text.startswith("good")] == [f"good {n}" for n in range(9)]


async def test_poison_1_in_100_delays_nobody_and_ends_alone_in_the_queue(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        queue = await w.topics.queues.create("dead")
        arn = await w.subscribed({"RedrivePolicy": json.dumps({"deadLetterTargetArn": queue})})
        w.endpoint.behave = lambda text: FAILED if text.endswith("00") else DELIVERED
        for start in range(0, 1000, 10):
            await w.topics.publish(arn, texts(*(f"m{n:04}" for n in range(start, start + 10))))
        await w.node.settle()

        delivered = {text for text in w.endpoint.seen if not text.endswith("00")}
        assert len(delivered) == 990  # no time has passed
        await w.node.advance(3600)
        letters = w.topics.queues.letters("dead")
        assert len(letters) == 10
        assert {letter.attempts for letter in letters} == {51}
        assert w.node.count("messages") == 10


async def test_backlog_is_read_from_disk_page_by_page_in_order(tmp_path: Path) -> None:
    async with world(tmp_path, in_flight_max=1) as w:
        arn = await w.subscribed()
        (subscription,) = w.topics.subscriptions(arn)
        await w.topics.pause(subscription.subscription_arn)
        for start in range(0, 1500, 10):
            w.topics.publish(arn, texts(*(f"m{n:04}" for n in range(start, start + 10))))
        await w.node.settle()
        await w.restart()
        assert w.endpoint.seen == []

        await w.topics.pause(subscription.subscription_arn, paused=False)
        while w.node.count("deliveries"):
            await w.node.settle()

        assert w.endpoint.seen == [f"m{n:04}" for n in range(1500)]


async def test_messages_published_while_behind_come_after_the_backlog(tmp_path: Path) -> None:
    async with world(tmp_path, in_flight_max=1) as w:
        arn = await w.subscribed()
        w.endpoint.behave = lambda _: None
        for start in range(0, 1200, 10):
            w.topics.publish(arn, texts(*(f"m{n:04}" for n in range(start, start + 10))))
        await w.node.settle()
        await w.restart(kill=True)
        w.endpoint.seen.clear()
        w.endpoint.behave = lambda _: DELIVERED

        await w.topics.publish(arn, texts("last"))
        while w.node.count("deliveries"):
            await w.node.settle()

        assert w.endpoint.seen == [*(f"m{n:04}" for n in range(1200)), "last"]


async def test_caller_that_hangs_up_does_not_stop_the_delivery(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed()

        w.topics.publish(arn, texts("one")).cancel()
        await w.node.settle()

        assert w.endpoint.seen == ["one"]


async def test_caller_that_hangs_up_does_not_half_make_a_topic(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        creating = asyncio.ensure_future(w.topics.create_topic("orders"))
        await asyncio.sleep(0)
        creating.cancel()
        await w.node.settle()

        assert len(w.topics.topics) == w.node.count("topics") == 1


async def test_publishing_to_nowhere_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        with pytest.raises(NotFoundError, match="Topic does not exist"):
            w.topics.publish("arn:aws:sns:us-east-1:000000000000:gone", texts("one"))


async def test_eleven_messages_are_too_many(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed()
        with pytest.raises(TooManyEntriesInBatchRequestError):
            w.topics.publish(arn, texts(*"abcdefghijk"))


async def test_paused_subscription_waits_and_others_go_on(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed()
        other = await w.topics.subscribe(arn, "lambda", f"{FUNCTION}:prod")
        await w.topics.pause(other.subscription_arn)

        await w.topics.publish(arn, texts("one"))
        await w.node.settle()

        assert other.subscription_arn not in w.endpoint.arns
        waiting = {stats.subscription_arn: stats.waiting for stats in w.topics.stats().subscriptions}
        assert sorted(waiting.values()) == [0, 1]
        assert waiting[other.subscription_arn] == 1


async def test_large_backlog_that_fails_stays_on_disk_and_arrives(tmp_path: Path) -> None:
    async with world(tmp_path, in_flight_max=8) as w:
        arn = await w.subscribed()
        large = "x" * 250_000
        w.endpoint.behave = lambda _: FAILED
        for number in range(100):
            await w.topics.publish(arn, texts(f"{number} {large}"))
        await w.node.settle()
        (lane,) = w.topics._catalog.lanes.values()
        assert lane.held_bytes <= HELD_BYTES_MAX + 262_144

        w.endpoint.behave = lambda _: DELIVERED
        await w.node.advance(60)

        assert len({text.partition(" ")[0] for text in w.endpoint.seen}) == 100
        assert (w.node.count("deliveries"), lane.held, lane.held_bytes) == (0, 0, 0)
