"""A gateway that is silent is left alone, tried by few, and asked again once it answers."""

from hypothesis import given
from hypothesis import strategies as st

from order_processing.domain import (
    Breaker,
    BreakerPolicy,
    BreakerState,
    admitted,
    answered,
    closed_by_hand,
    opened_by_hand,
    unanswered,
)

POLICY = BreakerPolicy(failures_max=3, open_seconds=5, open_seconds_max=15, probes_max=2, probe_seconds=30)
CLOSED = Breaker(gateway="g")


def silent(breaker: Breaker, count: int, now: float = 0.0) -> Breaker:
    for number in range(count):
        breaker = unanswered(breaker, POLICY, f"o-{number}", now)
    return breaker


def trying(now: float = 5.0, count: int = 1) -> Breaker:
    """Half-open, with callers on their way."""
    breaker: Breaker | None = silent(CLOSED, 3)
    for _ in range(count):
        assert breaker is not None
        breaker = admitted(breaker, POLICY, now)
    assert breaker is not None
    return breaker


def test_enough_orders_without_an_answer_in_a_row_open_it() -> None:
    assert silent(CLOSED, 2).state is BreakerState.CLOSED
    assert silent(CLOSED, 3).state is BreakerState.OPEN


def test_one_order_that_is_never_answered_does_not_stop_the_others() -> None:
    breaker = CLOSED
    for _ in range(20):
        breaker = unanswered(breaker, POLICY, "o-1", 0.0)

    assert breaker.state is BreakerState.CLOSED


def test_an_answer_begins_the_count_again_and_so_does_time() -> None:
    assert silent(answered(silent(CLOSED, 2)), 2).state is BreakerState.CLOSED
    assert silent(silent(CLOSED, 2), 2, now=POLICY.window_seconds + 1).state is BreakerState.CLOSED


def test_an_answer_while_all_is_well_changes_nothing() -> None:
    assert answered(CLOSED) is CLOSED
    assert admitted(CLOSED, POLICY, 0.0) is CLOSED


def test_an_open_one_lets_nobody_pass_before_its_time_then_a_few() -> None:
    breaker = silent(CLOSED, 3)

    assert admitted(breaker, POLICY, 4.9) is None
    assert trying().state is BreakerState.HALF_OPEN
    assert admitted(trying(count=2), POLICY, 5.0) is None


def test_an_answer_closes_a_half_open_one_and_enough_silences_open_it_for_longer() -> None:
    assert answered(trying()) == Breaker(gateway="g", opened_at=0.0)

    again = silent(trying(count=2), 2, now=6.0)
    assert (again.state, again.retry_at) == (BreakerState.OPEN, 16.0)
    once_more = silent(admitted(again, POLICY, 16.0) or CLOSED, 2, now=17.0)
    assert once_more.retry_at == 17.0 + POLICY.open_seconds_max


def test_a_try_that_ended_with_its_process_makes_room_for_another() -> None:
    assert admitted(trying(count=2), POLICY, 5.0 + POLICY.probe_seconds) is not None


def test_an_answer_that_was_on_its_way_does_not_close_an_open_one() -> None:
    breaker = silent(CLOSED, 3)

    assert answered(breaker) is breaker
    assert unanswered(breaker, POLICY, "late", 1.0) is breaker


def test_what_a_person_opened_only_a_person_closes() -> None:
    breaker = opened_by_hand(CLOSED, 1.0, by="ann", reason="why")

    assert admitted(breaker, POLICY, 1e9) is None
    assert answered(breaker) is breaker
    closed = closed_by_hand(breaker, by="bob", reason="done")
    assert (closed.state, closed.by) == (BreakerState.CLOSED, "bob")


@given(st.lists(st.tuples(st.sampled_from(["ask", "answer", "silence"]), st.integers(0, 9), st.floats(0, 20))))
def test_it_never_locks_up_a_gateway_that_answers_again(events: list[tuple[str, int, float]]) -> None:
    breaker, now = CLOSED, 0.0
    for kind, order, pause in events:
        now += pause
        if kind == "ask":
            breaker = admitted(breaker, POLICY, now) or breaker
        else:
            breaker = answered(breaker) if kind == "answer" else unanswered(breaker, POLICY, f"o-{order}", now)

    now += POLICY.open_seconds_max + POLICY.probe_seconds
    passed = admitted(breaker, POLICY, now)

    assert passed is not None
    assert answered(passed).state is BreakerState.CLOSED
