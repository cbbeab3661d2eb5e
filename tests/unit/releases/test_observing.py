"""From the shop's rows to what is compared."""

from dataclasses import replace
from typing import Any

import pytest

from expeditor.releases import OperatorObservations, SeenOrder, arm_of
from expeditor.rollout import Arm

NEW = "shop-v1.1.0"
DONE = SeenOrder(NEW, "completed", "instant", 100.0, 101.5, "cleared", True)
NOW = 110.0


def test_a_completed_order_counts_in_everything_good() -> None:
    assert arm_of([DONE], NEW, NOW) == Arm(
        assigned=1, settled=1, issued=1, failed=0, attempted=1, authorized=1, fraud=0, seconds=[1.5]
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "declined", "authorized": False, "completed_at": None}, Arm(1, 1, 0, 0, 1, 0, 0, [])),
        (
            {"status": "rejected", "authorized": False, "completed_at": None, "fraud_verdict": "fraud"},
            Arm(1, 1, 0, 0, 0, 0, 1, []),
        ),
        ({"status": "failed", "completed_at": None}, Arm(1, 1, 0, 1, 1, 1, 0, [])),
        ({"status": "processing", "completed_at": None, "authorized": False, "fraud_verdict": None}, Arm(1)),
        (
            {"pipeline": "legacy", "status": "cleared", "completed_at": None, "authorized": False},
            Arm(1, 1, 0, 1, 1, 0, 0, [10.0]),
        ),
        ({"release": "shop-v1.0.0"}, Arm()),
    ],
)
def test_other_ends_count_where_they_belong(changes: dict[str, Any], expected: Arm) -> None:
    assert arm_of([replace(DONE, **changes)], NEW, NOW) == replace(expected, seconds=list(expected.seconds))


def test_an_order_that_takes_too_long_has_failed_but_one_in_review_has_not() -> None:
    stuck = replace(DONE, status="fulfilling", completed_at=None)

    late = arm_of([stuck, replace(stuck, status="in_review")], NEW, 200.0)

    assert (late.assigned, late.settled, late.failed, late.seconds) == (2, 1, 1, [100.0])


def test_an_order_during_which_the_clock_was_put_back_tells_no_duration() -> None:
    arm = arm_of([replace(DONE, completed_at=95.0), DONE], NEW, NOW)

    assert (arm.settled, arm.seconds) == (2, [1.5])


def test_only_orders_placed_since_then_are_seen() -> None:
    asked: list[Any] = []
    row = {name: getattr(DONE, name) for name in SeenOrder.__slots__} | {"order_id": "o-1"}

    def fetch(query: Any) -> Any:
        asked.append(query)
        return [row, {**row, "created_at": 99.0}]

    assert OperatorObservations(fetch).orders(100.0) == [DONE]
    assert asked == [{"since": 100.0, "limit": 1_000}]
