"""Orders whose notification came to nothing are announced again."""

from itertools import pairwise

import pytest

from order_processing.operations import claim
from order_processing.service.sweep import AGAIN_MAX_SECONDS
from order_processing.stores import RemoveNotifications, StoreUnavailableError

from .conftest import Shop

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 10.0


async def lost(shop: Shop, key: str = "k-1") -> str:
    """An order whose notification was taken out of the outbox and never heard of again."""
    order_id: str = (await shop.order(key)).json["order_id"]
    shop.store.commit((RemoveNotifications(((order_id, 1),)),)).result()
    return order_id


def outbox(shop: Shop) -> list[str]:
    return [notification.order_id for notification in shop.store.unpublished()]


async def test_a_forgotten_order_is_announced_again(shop: Shop) -> None:
    order_id = await lost(shop)
    shop.clock.advance(PATIENCE_SECONDS + 1)

    assert shop.service.sweep.round() == 1
    assert outbox(shop) == [order_id]
    assert '"kind":"voucher"' in shop.store.unpublished()[0].body


async def test_a_young_order_is_left_alone(shop: Shop) -> None:
    await lost(shop)
    shop.clock.advance(PATIENCE_SECONDS - 1)

    assert shop.service.sweep.round() == 0


async def test_an_order_that_was_claimed_is_left_alone(shop: Shop) -> None:
    order_id = await lost(shop)
    claim(shop.services, order_id)
    shop.clock.advance(PATIENCE_SECONDS + 1)

    assert shop.service.sweep.round() == 0


async def test_the_intervals_grow_while_nobody_listens(shop: Shop) -> None:
    await lost(shop)
    rounds = []
    for second in range(2_000):
        shop.clock.advance(1)
        if shop.service.sweep.round():
            rounds.append(second)

    gaps = [later - earlier for earlier, later in pairwise(rounds)]
    assert gaps[:4] == [10, 20, 40, 80]
    assert max(gaps) == AGAIN_MAX_SECONDS


async def test_a_store_that_is_down_is_left_to_the_next_round(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_: object) -> None:
        raise StoreUnavailableError("orders.db", "disk full")

    await lost(shop)
    shop.clock.advance(PATIENCE_SECONDS + 1)
    with monkeypatch.context() as broken:
        broken.setattr(shop.store, "commit", failing)
        assert shop.service.sweep.try_round() == 0

    assert shop.service.sweep.try_round() == 1
