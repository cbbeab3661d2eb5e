"""Whose turn it is, and how much of a backlog is in memory."""

from expeditor.topics import Message, Region, Subscription
from expeditor.topics import lane as lane_module
from expeditor.topics.lane import HELD_MAX, Delivery, Lane

TOPIC = Region().topic_arn("orders")


def lane(in_flight_max: int = 4, *, paused: bool = False) -> Lane:
    subscription = Subscription(1, f"{TOPIC}:s", TOPIC, "lambda", "arn:f", {}, 0.0, paused=paused)
    return Lane(subscription, in_flight_max, behind=False)


def deliveries(of: Lane, first: int, last: int, size: int = 10) -> list[Delivery]:
    return [Delivery(n, Message(n, f"m-{n}", TOPIC, b"x" * size, 0.0), of) for n in range(first, last + 1)]


def take_all(of: Lane) -> list[int]:
    taken = []
    while of.may_start():
        taken.append(of.take().delivery_id)
    return taken


def test_fresh_deliveries_start_in_order_up_to_the_bound() -> None:
    made = lane()
    made.arrived(deliveries(made, 1, 6))
    assert take_all(made) == [1, 2, 3, 4]


def test_those_tried_before_get_half_of_the_places() -> None:
    made = lane()
    made.arrived(deliveries(made, 1, 8))
    poison = [made.fresh.popleft() for _ in range(4)]
    made.again.extend(poison)
    assert take_all(made) == [1, 2, 5, 6]

    made.landed(poison[0])
    assert take_all(made) == [3]


def test_single_place_is_given_to_those_tried_before_too() -> None:
    made = lane(in_flight_max=1)
    made.arrived(deliveries(made, 1, 2))
    made.again.append(made.fresh.popleft())
    assert take_all(made) == [1]


def test_paused_and_closed_lanes_start_nothing() -> None:
    paused, closed = lane(paused=True), lane()
    for each in (paused, closed):
        each.arrived(deliveries(each, 1, 2))
    closed.closed = True
    assert take_all(paused) + take_all(closed) == []


def test_what_was_read_in_before_its_report_is_not_taken_twice() -> None:
    made = lane()
    first, *rest = deliveries(made, 1, 3)
    made.hold(first)
    made.fresh.append(first)

    made.arrived([first, *rest])

    assert take_all(made) == [1, 2, 3]


def test_memory_is_bounded_by_count() -> None:
    made = lane()
    made.arrived(deliveries(made, 1, HELD_MAX + 5))

    assert made.held == HELD_MAX
    assert made.behind
    made.arrived(deliveries(made, HELD_MAX + 6, HELD_MAX + 7))
    assert made.cursor == HELD_MAX  # what follows stays on disk as well, so the order is kept


def test_memory_is_bounded_by_bytes() -> None:
    made = lane()
    size = lane_module.HELD_BYTES_MAX // 4
    made.arrived(deliveries(made, 1, 6, size))

    assert (made.held, made.behind) == (4, True)


def test_text_given_up_is_counted_once() -> None:
    made = lane()
    (one,) = deliveries(made, 1, 1)
    made.arrived([one])

    made.drop_text(one)
    made.release(one)

    assert (made.held, made.held_bytes, one.message) == (0, 0, None)
