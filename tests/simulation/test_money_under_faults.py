"""Money under faults: processes that die at a commit, answers that get lost; it adds up all the same."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from order_processing.domain import OrderStatus, Outcome, Purpose, RefundRequest, total_minor
from order_processing.errors import RefusedError, TransientError
from order_processing.gateways.sandbox_ledger import Change
from order_processing.operations import (
    Services,
    authorize,
    capture,
    issue_vouchers,
    refund,
    release,
    resolve,
    resolve_unknown,
    scan_fraud,
    start_processing,
)

from ..integration.order_processing.worlds import Crash, CrashingStore, World, a_world

Deed = Callable[[Services, str, int], object]


def whole_refund(services: Services, order_id: str, _epoch: int) -> object:
    return refund(services, order_id, RefundRequest(key="r-1", by="ann", reason="why"))


def half_refund(services: Services, order_id: str, _epoch: int) -> object:
    return refund(services, order_id, RefundRequest(key="r-1", by="ann", reason="why", units=(1,)))


def cancel(services: Services, order_id: str, epoch: int) -> object:
    return release(services, order_id, epoch, OrderStatus.CANCELLED, "no")


DEEDS: dict[str, tuple[Deed, tuple[Deed, ...], int]] = {
    "authorize": (authorize, (), 0),
    "capture": (capture, (authorize, issue_vouchers), 0),
    "cancel": (cancel, (authorize, issue_vouchers), 0),
    "refund": (whole_refund, (authorize, issue_vouchers, capture), 5_000),
    "refund a unit": (half_refund, (authorize, issue_vouchers, capture), 2_500),
}
"""By name: what is done, what comes before it, and what is paid back when it is done."""


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("name", DEEDS)
def test_a_process_that_dies_at_a_commit_leaves_nothing_done_twice(
    tmp_path: Path, name: str, at: int, after: bool
) -> None:
    deed, before, refunded = DEEDS[name]
    world = a_world(tmp_path)
    order_id, epoch = world.claimed()
    for step in (start_processing, scan_fraud, *before):
        step(world.services, order_id, epoch)

    with suppress(Crash):
        deed(world.over(CrashingStore(world.store, at, after=after)), order_id, epoch)  # type: ignore[arg-type]
    resolve_unknown(world.services)
    deed(world.services, order_id, epoch)

    (payment,) = {payment.id: payment for payment in world.payments.payments_of(world.order(order_id))}.values()
    ledger = world.order(order_id).payments
    assert payment.refunded_minor == total_minor(ledger, Purpose.REFUND) == refunded
    assert payment.captured_minor == total_minor(ledger, Purpose.CAPTURE)
    assert all(attempt.outcome is not Outcome.UNKNOWN for attempt in ledger)
    assert resolve_unknown(world.services).waiting == {}
    world.store.close()
    world.payments.ledger.close()


def attempt_refund(world: World, order_id: str, number: int, amount_minor: int) -> None:
    with suppress(RefusedError, TransientError):
        refund(
            world.services,
            order_id,
            RefundRequest(key=f"r-{number}", by="ann", reason="why", amount_minor=amount_minor),
        )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("refund"), st.integers(1, 3), st.integers(1, 4_000)),
            st.tuples(st.just("lose"), st.integers(1, 3), st.just(0)),
            st.tuples(st.just("resolve"), st.just(0), st.just(0)),
            st.tuples(st.just("by hand"), st.just(0), st.integers(1, 2_000)),
        ),
        max_size=12,
    )
)
def test_refunds_lost_answers_and_refunds_by_hand_add_up(events: list[tuple[str, int, int]]) -> None:
    with TemporaryDirectory() as folder:
        world = a_world(Path(folder))
        order_id, epoch = world.claimed()
        for step in (start_processing, scan_fraud, authorize, issue_vouchers, capture):
            step(world.services, order_id, epoch)
        (payment,) = world.payments.payments_of(world.order(order_id))
        for number, (what, count, amount_minor) in enumerate(events):
            if what == "refund":
                attempt_refund(world, order_id, count, amount_minor)
            elif what == "lose":
                world.payments.lose = count
            elif what == "by hand":
                world.payments.ledger.change(f"hand-{number}", payment.id, "refund", Change(amount_minor))
            else:
                resolve_unknown(world.services)
        world.payments.lose = 0
        for _ in range(3):
            resolve_unknown(world.services)
            with suppress(TransientError):
                resolve(world.services, order_id)

        (payment,) = world.payments.payments_of(world.order(order_id))
        order = world.order(order_id)
        ours = total_minor(order.payments, Purpose.REFUND)
        assert 0 <= ours <= payment.refunded_minor <= payment.captured_minor == 5_000
        assert all(each.outcome is not Outcome.UNKNOWN for each in order.payments)
        assert (order.status is OrderStatus.REFUNDED) == (ours == 5_000)
        world.store.close()
        world.payments.ledger.close()
