"""Delays of retries in their four phases."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expeditor.topics import DEFAULT_RETRY_POLICY, InvalidParameterError, RetryPolicy
from expeditor.topics.retry import Backoff, parse_delivery_policy, retry_delay_seconds


def delays(policy: RetryPolicy) -> list[float]:
    return [retry_delay_seconds(policy, retry) for retry in range(1, policy.num_retries + 1)]


def test_default_is_three_at_once_two_after_a_second_then_slower_up_to_twenty_seconds() -> None:
    found = delays(DEFAULT_RETRY_POLICY)

    assert found[:5] == [0, 0, 0, 1, 1]
    assert found[5:15] == sorted(found[5:15])
    assert 1 < found[5] < 2
    assert set(found[15:]) == {20}
    assert len(found) == 50
    assert 12 * 60 < sum(found) < 15 * 60


@pytest.mark.parametrize("backoff", list(Backoff))
def test_every_backoff_grows_from_minimum_to_maximum(backoff: Backoff) -> None:
    found = delays(RetryPolicy(num_retries=10, min_delay_target=2, max_delay_target=60, backoff_function=backoff))

    assert found == sorted(found)
    assert 2 < found[0] < 60
    assert found[-1] == pytest.approx(60)


def test_exponential_is_the_slowest_to_rise() -> None:
    middle = {
        backoff: delays(RetryPolicy(num_retries=10, min_delay_target=2, max_delay_target=60, backoff_function=backoff))[
            4
        ]
        for backoff in Backoff
    }
    assert min(middle, key=lambda backoff: middle[backoff]) is Backoff.EXPONENTIAL
    assert max(middle, key=lambda backoff: middle[backoff]) is Backoff.LINEAR


@given(st.integers(1, 50), st.floats(0.001, 1))
def test_jitter_keeps_between_half_and_all_of_the_delay(retry: int, draw: float) -> None:
    whole = retry_delay_seconds(DEFAULT_RETRY_POLICY, retry)
    assert whole / 2 <= retry_delay_seconds(DEFAULT_RETRY_POLICY, retry, draw) <= whole


def test_policy_is_read_with_the_defaults_of_aws() -> None:
    policy = parse_delivery_policy('{"healthyRetryPolicy": {"minDelayTarget": 5}}')
    assert (policy.num_retries, policy.min_delay_target, policy.max_delay_target) == (3, 5, 20)
    assert policy.backoff_function is Backoff.LINEAR
    assert parse_delivery_policy("{}") is DEFAULT_RETRY_POLICY


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ({"numRetries": 101}, "between 0 and 100"),
        ({"numRetries": -1}, "between 0 and 100"),
        ({"numRetries": 2, "numNoDelayRetries": 3}, "at least the sum"),
        ({"minDelayTarget": 30}, "minDelayTarget <= maxDelayTarget"),
        ({"maxDelayTarget": 3601}, "<= 3600"),
        ({"minDelayTarget": 0}, "1 <="),
        ({"backoffFunction": "cubic"}, "Invalid enum value 'cubic'"),
        ({"retries": 5}, "unknown field `retries`"),
        ("fast", "Expected `object"),
    ],
)
def test_policies_that_break_a_rule(policy: Any, reason: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        parse_delivery_policy(json.dumps({"healthyRetryPolicy": policy}))
    assert reason in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", '{"throttlePolicy": {"maxReceivesPerSecond": 1}}'])
def test_what_is_no_delivery_policy(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="DeliveryPolicy"):
        parse_delivery_policy(text)
