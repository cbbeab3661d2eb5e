"""Retriers and catchers by themselves."""

import pytest

from expeditor.asl.retries import Retrier, is_matched, next_retry, retry_delay_seconds
from expeditor.ids import Draws

DRAWS = Draws(b"0123456789abcdef")


@pytest.mark.parametrize(
    ("error", "name", "matched"),
    [
        ("E", "E", True),
        ("E", "F", False),
        ("E", "States.ALL", True),
        ("E", "States.TaskFailed", True),
        ("States.Timeout", "States.TaskFailed", False),
        ("States.HeartbeatTimeout", "States.TaskFailed", False),
        ("States.HeartbeatTimeout", "States.Timeout", True),
        ("States.Timeout", "States.HeartbeatTimeout", False),
        ("States.DataLimitExceeded", "States.ALL", True),
        ("States.Runtime", "States.ALL", False),
        ("States.Runtime", "States.Runtime", False),
        (None, "States.ALL", True),
        (None, "E", False),
    ],
)
def test_error_names_and_wildcards(error: str | None, name: str, matched: bool) -> None:
    assert is_matched(error, frozenset({name})) is matched


def test_delays_grow_up_to_the_most_allowed() -> None:
    retrier = Retrier(frozenset({"E"}), interval_seconds=3, backoff_rate=2, max_delay_seconds=10)

    assert [retry_delay_seconds(retrier, attempt, DRAWS) for attempt in (1, 2, 3, 4)] == [3, 6, 10, 10]


def test_full_jitter_draws_between_zero_and_the_delay_alike_on_replay() -> None:
    retrier = Retrier(frozenset({"E"}), interval_seconds=100, full_jitter=True)

    delay = retry_delay_seconds(retrier, 1, Draws(b"0123456789abcdef"))

    assert 0 < delay < 100
    assert delay == retry_delay_seconds(retrier, 1, Draws(b"0123456789abcdef"))


def test_delays_beyond_all_numbers_stay_numbers() -> None:
    retrier = Retrier(frozenset({"E"}), interval_seconds=99_999_999, backoff_rate=1e9, max_attempts=99_999_999)

    assert retry_delay_seconds(retrier, 99_999_999, DRAWS) < 1e14


def test_the_first_retrier_that_matches_decides_alone() -> None:
    retriers = (Retrier(frozenset({"E"}), max_attempts=1), Retrier(frozenset({"States.ALL"}), interval_seconds=9))
    attempts = [0, 0]

    assert next_retry(retriers, attempts, "E", DRAWS) == 1
    assert next_retry(retriers, attempts, "E", DRAWS) is None
    assert next_retry(retriers, attempts, "F", DRAWS) == 9
    assert attempts == [1, 1]
