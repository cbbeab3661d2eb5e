"""What cannot be delivered: into which queue, with which facts, and back."""

import asyncio
import json
from pathlib import Path

import pytest

from expeditor.topics import DeadReason, NotFoundError, notification_fields
from tests.integration.topics.harness import DELIVERED, FAILED, FUNCTION, World, texts, world

pytestmark = pytest.mark.anyio

ONE_RETRY = json.dumps({"healthyRetryPolicy": {"numRetries": 1, "minDelayTarget": 5, "maxDelayTarget": 5}})


async def with_queue(w: World) -> str:
    """A topic whose subscription gives up after one retry, into the queue called dead."""
    queue = await w.topics.queues.create("dead")
    redrive = json.dumps({"deadLetterTargetArn": queue})
    return await w.subscribed({"DeliveryPolicy": ONE_RETRY, "RedrivePolicy": redrive})


async def fail(w: World, arn: str, *values: str) -> None:
    """Publishes while the endpoint fails, until all have used up their attempts."""
    w.endpoint.behave = lambda _: FAILED
    for start in range(0, len(values), 10):
        await w.topics.publish(arn, texts(*values[start : start + 10]))
    await w.node.advance(10)
    w.endpoint.seen.clear()


async def test_message_that_used_up_its_attempts_is_in_the_queue_with_the_facts(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await with_queue(w)
        started_at = w.clock.now()
        await fail(w, arn, "one")

        (letter,) = w.topics.queues.letters("dead")

        assert (letter.reason, letter.attempts, letter.endpoint) == (DeadReason.ATTEMPTS_EXHAUSTED, 2, FUNCTION)
        assert (letter.first_error, letter.last_error) == ("Boom: it failed", "Boom: it failed")
        assert letter.first_failed_at == started_at
        assert letter.last_failed_at == letter.dead_at
        assert started_at + 2.5 <= letter.dead_at <= started_at + 5
        assert notification_fields(letter.message).message == "one"
        assert letter == w.topics.queues.letter(letter.dead_letter_id)
        assert w.node.count("deliveries") == 0


async def test_queue_holds_nothing_that_still_has_attempts(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await with_queue(w)
        w.endpoint.behave = lambda _: FAILED
        await w.topics.publish(arn, texts("one"))
        await w.node.settle()

        assert w.topics.queues.letters("dead") == []
        assert w.node.count("deliveries") == 1


async def test_subscription_without_queue_keeps_its_dead_among_the_discarded(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await fail(w, await w.subscribed({"DeliveryPolicy": ONE_RETRY}), "one")
        assert len(w.topics.queues.letters("discarded")) == 1


@pytest.mark.parametrize("whole_topic", [True, False])
async def test_deleting_keeps_what_was_waiting(tmp_path: Path, whole_topic: bool) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed()
        (subscription,) = w.topics.subscriptions(arn)
        await w.topics.pause(subscription.subscription_arn)
        await w.topics.publish(arn, texts("one", "two"))

        await (w.topics.delete_topic(arn) if whole_topic else w.topics.unsubscribe(subscription.subscription_arn))

        letters = w.topics.queues.letters("discarded")
        assert {letter.reason for letter in letters} == {
            DeadReason.TOPIC_DELETED if whole_topic else DeadReason.SUBSCRIPTION_DELETED
        }
        assert [letter.attempts for letter in letters] == [0, 0]
        await w.restart()
        assert w.topics.stats().subscriptions == []


async def test_redrive_empties_the_queue_and_gives_all_attempts_again(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await with_queue(w)
        await fail(w, arn, *(f"m{n}" for n in range(25)))
        assert w.topics.stats().queues[0].depth == 25

        w.endpoint.behave = lambda _: DELIVERED
        redriven = await w.topics.queues.redrive("dead")
        await w.node.settle()

        assert (redriven.moved, redriven.left) == (25, [])
        assert sorted(w.endpoint.seen) == sorted(f"m{n}" for n in range(25))
        assert [w.node.count(table) for table in ("dead_letters", "deliveries", "messages")] == [0, 0, 0]


async def test_redriven_message_that_fails_again_comes_back_once(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await with_queue(w)
        await fail(w, arn, "one")

        await w.topics.queues.redrive("dead")
        await w.node.advance(10)

        (letter,) = w.topics.queues.letters("dead")
        assert letter.attempts == 2
        assert w.endpoint.seen == ["one", "one"]


async def test_redrive_of_chosen_letters_leaves_the_others(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await with_queue(w)
        await fail(w, arn, "a", "b", "c")
        chosen = w.topics.queues.letters("dead")[1]

        w.endpoint.behave = lambda _: DELIVERED
        redriven = await w.topics.queues.redrive("dead", [chosen.dead_letter_id, 999])
        await w.node.settle()

        assert redriven.moved == 1
        assert w.endpoint.seen == [notification_fields(chosen.message).message]
        assert len(w.topics.queues.letters("dead")) == 2


async def test_redrive_keeps_to_its_rate(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await with_queue(w)
        await fail(w, arn, *(f"m{n}" for n in range(10)))
        w.endpoint.behave = lambda _: DELIVERED

        redriving = asyncio.ensure_future(w.topics.queues.redrive("dead", rate=2))
        counts = []
        for _ in range(5):
            await w.node.advance(0.9)
            counts.append(len(w.endpoint.seen))
            await w.node.advance(0.1)
        await w.node.advance(1)

        assert (await redriving).moved == 10
        assert counts == [2, 4, 6, 8, 10]


async def test_redrive_finds_the_subscription_that_took_the_place(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await with_queue(w)
        await fail(w, arn, "one")
        await w.topics.unsubscribe(w.topics.subscriptions(arn)[0].subscription_arn)
        letters = w.topics.queues.letters("dead")

        assert (await w.topics.queues.redrive("dead")).left == [letters[0].dead_letter_id]
        await w.topics.subscribe(arn, "lambda", FUNCTION)
        w.endpoint.behave = lambda _: DELIVERED
        assert (await w.topics.queues.redrive("dead")).moved == 1
        await w.node.settle()

        assert w.endpoint.seen == ["one"]


async def test_purge_empties_a_queue_for_good(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await with_queue(w)
        await fail(w, arn, "a", "b")

        assert await w.topics.queues.purge("dead") == 2
        assert (w.node.count("dead_letters"), w.node.count("messages")) == (0, 0)


async def test_letters_come_in_pages(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await with_queue(w)
        await fail(w, arn, *(f"m{n}" for n in range(15)))

        first = w.topics.queues.letters("dead", limit=10)
        rest = w.topics.queues.letters("dead", limit=10, after=first[-1].dead_letter_id)

        assert (len(first), len(rest)) == (10, 5)
        found = {notification_fields(letter.message).message for letter in (*first, *rest)}
        assert found == {f"m{n}" for n in range(15)}


async def test_queue_and_letter_that_do_not_exist(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        with pytest.raises(NotFoundError, match="Queue gone does not exist; there are: discarded"):
            w.topics.queues.letters("gone")
        with pytest.raises(NotFoundError, match="Dead letter 7"):
            w.topics.queues.letter(7)


async def test_age_of_a_queue_is_that_of_its_oldest_letter(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await fail(w, await with_queue(w), "one")
        dead_at = w.topics.queues.letters("dead")[0].dead_at
        await w.node.advance(100)

        dead, discarded = w.topics.stats().queues
        assert (dead.queue, dead.depth, discarded.depth) == ("dead", 1, 0)
        assert dead.oldest_age_seconds == w.clock.now() - dead_at


async def test_dead_letter_keeps_its_text_when_another_subscription_got_the_message(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await with_queue(w)
        w.endpoint.behave = lambda _: None
        await w.topics.subscribe(arn, "lambda", f"{FUNCTION}:prod")
        await w.topics.publish(arn, texts("one"))
        await w.node.settle()

        w.endpoint.behave = lambda _: FAILED
        w.endpoint.open[0][1].set_result(FAILED)
        await w.node.advance(10)
        w.endpoint.open[1][1].set_result(DELIVERED)
        await w.node.settle()

        (letter,) = w.topics.queues.letters("dead")
        assert notification_fields(letter.message).message == "one"
        assert w.node.count("deliveries") == 0
