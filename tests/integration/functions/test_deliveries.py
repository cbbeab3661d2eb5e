"""Deliveries of a topic to functions on real workers."""

from typing import Any

import pytest

from expeditor.node.wiring import function_deliverer
from expeditor.topics import Message, Outcome, Region, Subscription

from .test_pools import no_descriptor_left

pytestmark = pytest.mark.anyio

REGION = Region()
TOPIC = REGION.topic_arn("orders")
SUBSCRIPTION = Subscription(1, f"{TOPIC}:s-1", TOPIC, "lambda", "fn", {}, 0.0)
MESSAGE = Message(1, "m-1", TOPIC, b'{"Message":"1"}', 0.0)


async def test_delivery_that_no_process_can_be_started_for_uses_up_no_attempt(region: Any) -> None:
    deliver = function_deliverer(region.functions, REGION)
    await region.deploy("handlers.echo")

    with no_descriptor_left():
        refused = await deliver(SUBSCRIPTION, MESSAGE)

    assert refused.outcome is Outcome.DEFERRED
    assert "Too many open files" in refused.error
    assert (await deliver(SUBSCRIPTION, MESSAGE)).outcome is Outcome.DELIVERED


async def test_delivery_to_a_function_that_fails_uses_up_an_attempt(region: Any) -> None:
    await region.deploy("handlers.raise_error")

    assert (await function_deliverer(region.functions, REGION)(SUBSCRIPTION, MESSAGE)).outcome is Outcome.FAILED
