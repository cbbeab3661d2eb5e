"""Placing orders: all or nothing, once per key, never more than there is."""

import json
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from order_processing.domain import (
    NewOrder,
    OfferClosedError,
    OrderStatus,
    Pipeline,
    QuantityError,
    SoldOutError,
    UnknownOfferError,
)
from order_processing.experiments import Experiments
from order_processing.operations import IdempotencyMismatchError, Placed, place
from order_processing.stores import CommitUnknownError, OrderFilter, Transaction

from ...order_samples import an_offer
from .worlds import World, a_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return a_world(tmp_path)


def test_an_order_its_hold_and_its_notification_are_one(world: World) -> None:
    order = world.place()

    hold = world.store.hold(order.order_id)
    assert hold is not None
    assert (hold.quantity, world.stock()) == (2, 8)
    assert world.order(order.order_id) == order
    (notification,) = world.store.unpublished()
    body = msgspec.json.decode(notification.body)
    assert {key: body[key] for key in ("order_id", "user_guid", "unit_id", "schema")} == {
        "order_id": order.order_id,
        "user_guid": "u-1",
        "unit_id": "spa",
        "schema": 1,
    }


def test_a_new_order_says_what_it_costs_and_who_decided_its_pipeline(world: World) -> None:
    order = world.place(quantity=3)

    assert (order.status, order.pipeline, order.version) == (OrderStatus.RECEIVED, Pipeline.INSTANT, 1)
    assert (order.amount.amount_minor, order.time_zone) == (7_500, "America/Chicago")
    assert [(each.experiment, each.variant, each.rule) for each in order.assignments] == [
        ("pipeline", "instant", "default")
    ]


def test_the_same_key_and_request_give_the_same_order(world: World) -> None:
    request = NewOrder(user_guid="u-1", unit_id="spa", quantity=1, payment_token="tok_ok")

    first = place(world.services, request, "key").result(10)
    second = place(world.services, request, "key").result(10)

    assert (first.replayed, second.replayed) == (False, True)
    assert second.order == first.order
    assert world.stock() == 9


def test_the_same_key_with_another_request_is_refused(world: World) -> None:
    world.place(key="key")

    with pytest.raises(IdempotencyMismatchError):
        world.place(key="key", quantity=1)


def test_a_repeated_request_gets_its_order_even_when_the_offer_has_sold_out_since(world: World) -> None:
    first = world.place(key="key")
    world.place(quantity=8)

    assert world.place(key="key") == first


def test_what_cannot_be_bought_leaves_nothing_behind(world: World) -> None:
    for wanted, error in (
        ({"unit_id": "nothing"}, UnknownOfferError),
        ({"quantity": 0}, QuantityError),
        ({"quantity": 11}, QuantityError),
    ):
        with pytest.raises(error):
            world.place(**wanted)
    world.place(quantity=9)
    with pytest.raises(SoldOutError) as refused:
        world.place(quantity=2)

    assert refused.value.left == 1
    assert len(world.store.orders(OrderFilter())) == 1


def test_a_sale_that_is_over_sells_nothing(tmp_path: Path) -> None:
    world = a_world(tmp_path, offer=an_offer(ends_at=1_700_000_000.0))

    with pytest.raises(OfferClosedError):
        world.place()


def test_five_hundred_buyers_get_the_last_ten_units(world: World) -> None:
    def buys(buyer: int) -> "Future[Placed]":
        request = NewOrder(user_guid=f"u-{buyer}", unit_id="spa", quantity=1, payment_token="tok_ok")
        return place(world.services, request, f"key-{buyer}")

    outcomes = [future.exception(10) for future in [buys(buyer) for buyer in range(500)]]

    assert outcomes.count(None) == 10
    assert all(outcome is None or isinstance(outcome, SoldOutError) for outcome in outcomes)
    assert world.stock() == 0
    assert len(world.store.orders(OrderFilter(limit=1000))) == 10


def test_the_same_request_many_times_at_once_is_one_order(world: World) -> None:
    request = NewOrder(user_guid="u-1", unit_id="spa", quantity=1, payment_token="tok_ok")

    placed = [future.result(10) for future in [place(world.services, request, "key") for _ in range(64)]]

    assert len({each.order.order_id for each in placed}) == 1
    assert sum(not each.replayed for each in placed) == 1
    assert world.stock() == 9


class ForgetfulStore:
    """Commits, and cannot say whether it did."""

    def __init__(self, world: World, *, writes: bool) -> None:
        self._store = world.store
        self._writes = writes

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def commit(self, transaction: Transaction) -> "Future[None]":
        if self._writes:
            self._store.commit(transaction).result(10)
        answer: Future[None] = Future()
        answer.set_exception(CommitUnknownError("the disk said nothing"))
        return answer


def test_a_commit_of_unknown_outcome_is_looked_up(world: World) -> None:
    request = NewOrder(user_guid="u-1", unit_id="spa", quantity=1, payment_token="tok_ok")
    written = world.over(ForgetfulStore(world, writes=True))  # type: ignore[arg-type]
    lost = world.over(ForgetfulStore(world, writes=False))  # type: ignore[arg-type]

    placed = place(written, request, "key-written").result(10)
    assert world.order(placed.order.order_id) == placed.order
    with pytest.raises(CommitUnknownError):
        place(lost, request, "key-lost").result(10)


def test_weights_send_orders_to_legacy_and_unreadable_ones_do_too(tmp_path: Path, world: World) -> None:
    weights = tmp_path / "weights.json"
    legacy = {"state": "ENABLED", "variants": {"legacy@everyone": "legacy"}, "defaultVariant": "legacy@everyone"}
    usable = json.dumps({"flags": {"pipeline": legacy}})
    for text, rule in ((usable, "everyone"), ("{", "fallback"), ('{"flags": {}}', "fallback")):
        weights.write_text(text)
        world.services = replace(world.services, experiments=Experiments(weights))
        order = world.place(quantity=1)
        assert order.pipeline is Pipeline.LEGACY
        assert order.assignments[0].rule.startswith(rule)
