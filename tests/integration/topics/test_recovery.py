"""Kills at any moment: what was acknowledged arrives or is in a queue; twice is allowed, never is not."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expeditor.clock import ManualClock
from expeditor.store import CommitUnknownError
from expeditor.topics import notification_fields
from tests.integration.topics.harness import DEFERRED, DELIVERED, FAILED, FUNCTION, World, texts, world


@pytest.mark.anyio
async def test_configuration_survives(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        queue = await w.topics.queues.create("dead")
        attributes = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": queue}), "FilterPolicy": '{"a":["b"]}'}
        arn = await w.subscribed(attributes)
        await w.topics.tag(arn, {"team": "a"})
        await w.topics.pause(w.topics.subscriptions(arn)[0].subscription_arn)
        topics, (before,) = w.topics.topics, w.topics.subscriptions(arn)

        await w.restart(kill=True)

        (after,) = w.topics.subscriptions(arn)
        assert w.topics.topics == topics
        assert w.topics.queues.names == {"dead", "discarded"}
        assert (after.attributes, after.paused, after.dead_letter_queue) == (before.attributes, True, "dead")
        assert after.accepts is not None


@pytest.mark.anyio
async def test_killed_before_the_endpoint_answers(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed()
        w.endpoint.behave = lambda _: None
        await w.topics.publish(arn, texts("one"))
        await w.node.settle()

        w.endpoint.behave = lambda _: DELIVERED
        await w.restart(kill=True)
        await w.node.settle()

        assert w.endpoint.seen == ["one", "one"]
        assert w.node.count("deliveries") == 0


@pytest.mark.anyio
async def test_killed_between_the_answer_and_its_commit(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed()
        await w.topics.publish(arn, texts("one"))
        while not w.endpoint.seen:
            await asyncio.sleep(0)

        await w.restart(kill=True)
        await w.node.settle()

        assert w.endpoint.seen == ["one", "one"]


@pytest.mark.anyio
async def test_clock_that_was_put_back_holds_no_delivery_up(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed()
        w.endpoint.behave = lambda _: None
        await w.topics.publish(arn, texts("one"))
        await w.node.settle()
        w.clock = ManualClock(w.clock.now() - 86_400)

        w.endpoint.behave = lambda _: DELIVERED
        await w.restart(kill=True)
        await w.node.advance(20)

        assert w.endpoint.seen == ["one", "one"]
        assert w.node.count("deliveries") == 0


@pytest.mark.anyio
async def test_ids_go_on_after_a_restart(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed()
        w.endpoint.behave = lambda _: None
        await w.topics.publish(arn, texts("one"))
        await w.restart(kill=True)
        w.endpoint.behave = lambda _: DELIVERED

        await w.topics.publish(arn, texts("two"))
        await w.topics.subscribe(arn, "lambda", f"{FUNCTION}:prod")
        await w.node.settle()

        assert set(w.endpoint.seen) == {"one", "two"}


@pytest.mark.anyio
async def test_retry_is_due_at_its_time_also_after_a_restart(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        policy = {"healthyRetryPolicy": {"numRetries": 3, "minDelayTarget": 100, "maxDelayTarget": 100}}
        arn = await w.subscribed({"DeliveryPolicy": json.dumps(policy)})
        w.endpoint.behave = lambda _: FAILED
        await w.topics.publish(arn, texts("one"))
        await w.node.settle()

        await w.restart(kill=True)
        await w.node.advance(49)
        assert w.endpoint.seen == ["one"]
        await w.node.advance(51)
        assert w.endpoint.seen == ["one", "one"]


@pytest.mark.anyio
async def test_attempts_used_before_a_restart_count(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed({"DeliveryPolicy": json.dumps({"healthyRetryPolicy": {"numRetries": 3}})})
        w.endpoint.behave = lambda _: FAILED
        await w.topics.publish(arn, texts("one"))
        for _ in range(6):
            await w.node.advance(25)
            await w.restart(kill=True)

        (letter,) = w.topics.queues.letters("discarded")
        assert (letter.attempts, len(w.endpoint.seen)) == (4, 4)


def raising_commit(w: World, *, after: bool) -> None:
    """Makes the next commit raise, before or after it took place."""
    database: Any = w.node.database

    def once(batch: list[Any]) -> Any:
        del database._try_commit
        if after:
            database._try_commit(batch)
        return None, CommitUnknownError(database.path, "the disk said nothing")

    database._try_commit = once


@pytest.mark.anyio
@pytest.mark.parametrize("after", [True, False])
async def test_publish_whose_commit_is_unknown_is_delivered_if_it_is_on_disk(tmp_path: Path, after: bool) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed()
        raising_commit(w, after=after)

        with pytest.raises(CommitUnknownError):
            await w.topics.publish(arn, texts("one"))
        await w.topics.publish(arn, texts("two"))
        await w.node.settle()

        assert w.endpoint.seen == (["one", "two"] if after else ["two"])
        assert w.node.count("deliveries") == 0
        assert w.topics.stats().subscriptions[0].waiting == 0


@pytest.mark.anyio
@pytest.mark.parametrize("after", [True, False])
async def test_outcome_whose_commit_is_unknown_is_written_again(tmp_path: Path, after: bool) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed()
        w.endpoint.behave = lambda _: None
        await w.topics.publish(arn, texts("one"))
        await w.node.settle()

        raising_commit(w, after=after)
        w.endpoint.open[0][1].set_result(DELIVERED)
        await w.node.advance(2)

        assert (w.node.count("deliveries"), w.node.count("messages")) == (0, 0)
        assert w.endpoint.seen == ["one"]


@pytest.mark.anyio
@pytest.mark.parametrize("after", [True, False])
async def test_redrive_whose_commit_is_unknown_loses_nothing(tmp_path: Path, after: bool) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed({"DeliveryPolicy": json.dumps({"healthyRetryPolicy": {"numRetries": 0}})})
        w.endpoint.behave = lambda _: FAILED
        await w.topics.publish(arn, texts("one"))
        await w.node.settle()
        w.endpoint.behave = lambda _: DELIVERED

        raising_commit(w, after=after)
        with pytest.raises(CommitUnknownError):
            await w.topics.queues.redrive("discarded")
        await w.topics.queues.redrive("discarded")
        await w.node.settle()

        assert w.endpoint.seen == ["one", "one"]
        assert w.node.count("messages") == 0


@pytest.mark.anyio
async def test_full_disk_is_waited_out(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        arn = await w.subscribed()
        w.endpoint.behave = lambda _: None
        await w.topics.publish(arn, texts("one"))
        await w.node.settle()
        database: Any = w.node.database
        real = database._try_commit
        database._try_commit = lambda batch: (batch[0], apsw.FullError("disk full"))
        w.endpoint.open[0][1].set_result(DELIVERED)
        while w.node.alarm.next_at is None:
            await asyncio.sleep(0)

        database._try_commit = real
        await w.node.advance(2)

        assert w.node.count("deliveries") == 0


@pytest.mark.anyio
@pytest.mark.parametrize("what", ["topic", "subscription"])
async def test_deletion_that_a_full_disk_prevented_can_be_made_again(tmp_path: Path, what: str) -> None:
    async with world(tmp_path) as w:
        topic_arn = await w.subscribed()
        (subscription,) = w.topics.subscriptions(topic_arn)

        async def delete() -> None:
            if what == "topic":
                await w.topics.delete_topic(topic_arn)
            else:
                await w.topics.unsubscribe(subscription.subscription_arn)

        database: Any = w.node.database
        real = database._try_commit
        database._try_commit = lambda batch: (batch[0], apsw.FullError("disk full"))
        with pytest.raises(apsw.FullError):
            await delete()
        database._try_commit = real
        await delete()
        await w.restart()

        assert w.topics.subscriptions() == []
        assert len(w.topics.topics) == (what == "subscription")


STEPS = st.one_of(
    st.tuples(st.just("publish"), st.integers(1, 4)),
    st.tuples(st.just("advance"), st.sampled_from([0.1, 1.0, 6.0])),
    st.tuples(st.just("kill"), st.just(0)),
    st.tuples(st.just("close"), st.just(0)),
    st.tuples(st.just("answer"), st.sampled_from(["delivered", "failed", "deferred", "lost"])),
    st.tuples(st.just("redrive"), st.sampled_from([0.0, 5.0])),
    st.tuples(st.just("spin"), st.integers(1, 5)),
    st.tuples(st.just("unknown"), st.booleans()),
    st.tuples(st.just("behave"), st.sampled_from(["delivered", "failed", "deferred", "open", "some fail"])),
)

ANSWERS = {"delivered": DELIVERED, "failed": FAILED, "deferred": DEFERRED}


class Run:
    """One random life of a topic, with the oracle beside it."""

    def __init__(self, w: World, arn: str) -> None:
        self.w = w
        self.arn = arn
        self.published = 0
        self.acknowledged: set[str] = set()
        self.taken: set[str] = set()
        self.publishing: list[asyncio.Future[Any]] = []
        self.redriving: list[asyncio.Future[Any]] = []
        self.behaviour = "delivered"
        w.endpoint.behave = self.behave

    def behave(self, text: str) -> Any:
        answer = "failed" if self.behaviour == "some fail" and text.endswith("0") else self.behaviour
        answer = "delivered" if answer == "some fail" else answer
        if answer == "delivered":
            self.taken.add(text)
        return ANSWERS.get(answer)

    async def publish(self, count: int) -> None:
        values = [f"m{self.published + index}" for index in range(count)]
        self.published += count
        future = self.w.topics.publish(self.arn, texts(*values))
        future.add_done_callback(lambda done: self._acknowledge(done, values))
        self.publishing.append(future)

    def _acknowledge(self, future: "asyncio.Future[list[str]]", values: list[str]) -> None:
        if not future.cancelled() and future.exception() is None:
            self.acknowledged.update(values)

    async def advance(self, seconds: float) -> None:
        await self.w.node.advance(seconds)

    async def kill(self, _: int) -> None:
        await self._stop(kill=True)

    async def close(self, _: int) -> None:
        await self._stop(kill=False)

    async def _stop(self, *, kill: bool) -> None:
        for future in self.redriving:
            future.cancel()
        await asyncio.gather(*self.redriving, return_exceptions=True)
        self.redriving.clear()
        self.w.endpoint.open.clear()
        await self.w.restart(kill=kill)

    async def answer(self, how: str) -> None:
        if self.w.endpoint.open:
            text, future = self.w.endpoint.open.pop()
            if how == "delivered":
                self.taken.add(text)
            if how == "lost":
                future.cancel()
            elif not future.done():
                future.set_result(ANSWERS[how])

    async def redrive(self, rate: float) -> None:
        self.redriving.append(asyncio.ensure_future(self.w.topics.queues.redrive("dead", rate=rate or None)))

    async def spin(self, turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)

    async def unknown(self, after: bool) -> None:
        raising_commit(self.w, after=after)

    async def behave_like(self, how: str) -> None:
        self.behaviour = how

    async def end(self) -> None:
        """Faults stop; all that was acknowledged must have been taken or be in the queue, once."""
        self.behaviour = "delivered"
        for text, future in self.w.endpoint.open:
            self.taken.add(text)
            if not future.done():
                future.set_result(DELIVERED)
        await self.w.node.advance(60)
        await asyncio.gather(*self.publishing, *self.redriving, return_exceptions=True)
        letters = self.w.topics.queues.letters("dead", limit=10_000)
        dead = [notification_fields(letter.message).message for letter in letters]
        assert self.acknowledged <= self.taken | set(dead)
        assert all(letter.attempts == 3 for letter in letters)
        assert self.w.node.count("deliveries") == 0
        assert self.w.node.count("messages") == len(letters) == len(set(dead))
        stats = self.w.topics.stats().subscriptions[0]
        assert (stats.waiting, stats.in_flight) == (0, 0)


async def live(path: Path, steps: list[tuple[str, Any]]) -> None:
    async with world(path, in_flight_max=3) as w:
        queue = await w.topics.queues.create("dead")
        policy = {"numRetries": 2, "numNoDelayRetries": 1, "minDelayTarget": 1, "maxDelayTarget": 1}
        attributes = {"healthyRetryPolicy": policy}
        arn = await w.subscribed(
            {
                "RedrivePolicy": json.dumps({"deadLetterTargetArn": queue}),
                "DeliveryPolicy": json.dumps(attributes),
            }
        )
        run = Run(w, arn)
        doing: dict[str, Callable[[Any], Awaitable[None]]] = {
            "publish": run.publish,
            "advance": run.advance,
            "kill": run.kill,
            "close": run.close,
            "answer": run.answer,
            "redrive": run.redrive,
            "spin": run.spin,
            "unknown": run.unknown,
            "behave": run.behave_like,
        }
        for name, argument in steps:
            await doing[name](argument)
        await run.end()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=30))
def test_whatever_happens_nothing_acknowledged_is_lost(steps: list[tuple[str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        anyio.run(live, Path(folder), steps)
