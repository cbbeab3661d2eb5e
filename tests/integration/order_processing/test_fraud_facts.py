"""The fraud scan over real traces: counted per user, card and address, within their windows, and never by guess."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from order_processing.domain import FraudPolicy, NewOrder, Order, OrderStatus, Verdict
from order_processing.operations import Services, claim, place, scan_fraud, start_processing
from order_processing.operations.facts import signals_of
from order_processing.operations.fraud_rules import FraudRules, FraudRulesError
from order_processing.stores import OrderStore, PutOffer, StoreUnavailableError

from ...order_samples import an_offer
from .worlds import World, a_world

HOUR = 3_600.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = a_world(tmp_path, offer=an_offer(stock_left=500))
    yield made
    made.store.close()


def bought(world: World, *, source: str = "", **wanted: object) -> Order:
    """An order for one spa day, from an address."""
    world.placed += 1
    values = {"user_guid": "u-1", "unit_id": "spa", "quantity": 1, "payment_token": "card-1", **wanted}
    request = NewOrder(**values)  # type: ignore[arg-type]
    return place(world.services, request, f"k-{world.placed}", source).result(10).order


def scanned(world: World, order: Order) -> Order:
    claimed = claim(world.services, order.order_id)
    assert claimed is not None
    start_processing(world.services, order.order_id, claimed.epoch)
    return scan_fraud(world.services, order.order_id, claimed.epoch)


def test_orders_are_counted_per_user_card_and_address_within_their_windows(world: World) -> None:
    bought(world, source="10.0.0.1")
    world.clock.advance(HOUR)
    bought(world, user_guid="u-2", source="10.0.0.1")
    bought(world, user_guid="u-3", payment_token="card-2", source="10.0.0.1")
    world.clock.advance(HOUR / 2)

    found = signals_of(world.services, bought(world, source="10.0.0.1"), FraudPolicy(new_account_amount_minor=1))

    assert (found.orders_of_user, found.orders_of_card, found.users_of_card) == (1, 2, 2)
    assert found.orders_from_source == 1  # the others came more than ten minutes ago
    assert found.account_age_seconds == 1.5 * HOUR


def test_the_age_of_an_account_is_asked_for_only_where_the_amount_matters(world: World) -> None:
    order = bought(world)

    def age(least: int) -> float | None:
        return signals_of(world.services, order, FraudPolicy(new_account_amount_minor=least)).account_age_seconds

    price = order.amount.amount_minor
    assert (age(price), age(price + 1)) == (0.0, None)


def test_cities_are_counted_with_the_order_s_own(world: World) -> None:
    world.store.commit(
        tuple(PutOffer(an_offer(unit_id=f"in-{city}", city=city)) for city in ("Boston", "Miami"))
    ).result()
    bought(world, unit_id="in-Boston")
    bought(world, unit_id="in-Miami")

    assert signals_of(world.services, bought(world), FraudPolicy()).cities_of_user == 3


def test_the_scan_of_an_old_order_finds_what_was_known_then(world: World) -> None:
    first = bought(world)
    before = signals_of(world.services, first, FraudPolicy())
    world.clock.advance(1)
    for _ in range(20):
        bought(world)

    assert signals_of(world.services, first, FraudPolicy()) == before


def test_test_cards_and_unknown_addresses_are_nobody_s(world: World) -> None:
    for number in range(20):
        last = bought(world, user_guid=f"u-{number}", payment_token="tok_ok")

    found = signals_of(world.services, last, FraudPolicy())
    assert (found.orders_of_card, found.users_of_card, found.orders_from_source) == (0, 0, 0)


def test_a_card_that_many_use_is_reviewed_with_the_reason(world: World) -> None:
    for number in range(3):
        last = bought(world, user_guid=f"u-{number}")

    order = scanned(world, last)

    assert order.status is OrderStatus.IN_REVIEW
    assert order.fraud is not None
    assert order.fraud.rules == ("card_shared",)
    assert "more than 2 users paid with the card" in order.timeline[-1].detail


def test_a_busy_user_of_the_sandbox_is_cleared(world: World) -> None:
    for _ in range(40):
        last = bought(world, payment_token="tok_ok", source="127.0.0.1")

    order = scanned(world, last)

    assert order.fraud is not None
    assert (order.fraud.verdict, order.fraud.rules) == (Verdict.CLEARED, ("user_velocity", "source_velocity"))


def test_an_address_is_not_kept_as_it_is(world: World) -> None:
    order = bought(world, source="203.0.113.9")

    assert len(order.source) == 32
    assert "203.0.113.9" not in repr(order)


def test_the_file_s_thresholds_are_followed_as_soon_as_they_change(world: World, tmp_path: Path) -> None:
    rules = tmp_path / "fraud-rules.json"
    world.services = replace(world.services, fraud_policy=FraudRules(rules).current)
    assert scanned(world, bought(world)).status is OrderStatus.CLEARED

    written(rules, '{"large_amount_minor": 2500}')
    assert scanned(world, bought(world, user_guid="u-2")).status is OrderStatus.IN_REVIEW

    rules.unlink()
    assert scanned(world, bought(world, user_guid="u-3", payment_token="tok_ok")).status is OrderStatus.CLEARED


@pytest.mark.parametrize("text", ["{", '{"review_score": "low"}', '{"reveiw_score": 1}'])
def test_a_file_that_makes_no_sense_holds_orders_and_clears_none(world: World, tmp_path: Path, text: str) -> None:
    rules = tmp_path / "fraud-rules.json"
    written(rules, text)
    world.services = replace(world.services, fraud_policy=FraudRules(rules).current)
    order = bought(world)
    claimed = claim(world.services, order.order_id)
    assert claimed is not None
    start_processing(world.services, order.order_id, claimed.epoch)

    for _ in range(2):
        with pytest.raises(FraudRulesError, match="repair it"):
            scan_fraud(world.services, order.order_id, claimed.epoch)
    assert world.order(order.order_id).status is OrderStatus.PROCESSING

    written(rules, "{}")
    assert scan_fraud(world.services, order.order_id, claimed.epoch).status is OrderStatus.CLEARED


class ForgetfulStore:
    """A store whose traces cannot be read."""

    def __init__(self, store: OrderStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def records(self, *_: object, **__: object) -> object:
        raise StoreUnavailableError("here", "no answer")


def test_a_scan_that_cannot_find_out_clears_nothing(world: World) -> None:
    order_id, epoch = world.claimed()
    start_processing(world.services, order_id, epoch)
    blind: Services = world.over(ForgetfulStore(world.store))  # type: ignore[arg-type]

    with pytest.raises(StoreUnavailableError):
        scan_fraud(blind, order_id, epoch)

    assert world.order(order_id).status is OrderStatus.PROCESSING


def written(path: Path, text: str) -> None:
    """Replaces the file, as editors do."""
    draft = path.with_suffix(".new")
    draft.write_text(text)
    draft.replace(path)
