"""The demonstration catalogue: offers in all 13 cities, of all four categories, vouchers and sale items."""

from collections.abc import Iterator

from order_processing.domain import CITIES, Category, Money, Offer, OfferKind
from order_processing.stores.contract import ConflictError, OrderStore, PutOffer

_EXPERIENCES: tuple[tuple[Category, str, str, int], ...] = (
    (Category.DINING, "Chef's table for two", "Harbor & Vine", 12_900),
    (Category.ENTERTAINMENT, "An evening of live jazz", "The Blue Room", 4_500),
    (Category.BEAUTY, "Sixty-minute facial", "Lumen Studio", 8_500),
    (Category.FITNESS, "Ten yoga classes", "Northlight Yoga", 9_900),
)

_GOODS: tuple[tuple[Category, str, str, int], ...] = (
    (Category.DINING, "Cast-iron cocotte", "Foundry Kitchen", 7_900),
    (Category.ENTERTAINMENT, "Portable record player", "Groove Supply", 10_900),
    (Category.BEAUTY, "Bergamot candle set", "Wick & Wax", 3_900),
    (Category.FITNESS, "Cork yoga mat", "Northlight Yoga", 6_400),
)

STOCK_USUAL = 5_000
STOCK_FLASH_SALE = 10
STOCK_LOAD_TEST = 1_000_000

FLASH_SALE_UNIT = "new-york-flash-sale"
LOAD_TEST_UNIT = "load-test"


def catalogue() -> tuple[Offer, ...]:
    """Six offers per city and one without end for load tests; the same on every call."""
    return (*(offer for city in CITIES for offer in _of_city(city)), *_special())


def seed(store: OrderStore) -> int:
    """Adds the offers the store does not have yet; the number added. What it has keeps its stock."""
    known = {offer.unit_id for offer in store.offers()}
    added = 0
    for offer in catalogue():
        if offer.unit_id not in known:
            added += _add(store, offer)
    return added


def _add(store: OrderStore, offer: Offer) -> int:
    try:
        store.commit((PutOffer(offer),)).result()
    except ConflictError:  # someone else seeds at the same moment
        return 0
    return 1


def _of_city(city: str) -> Iterator[Offer]:
    slug = city.lower().replace(" ", "-")
    number = list(CITIES).index(city)
    for category, title, merchant, price in _EXPERIENCES:
        yield Offer(
            unit_id=f"{slug}-{category.value}",
            title=title,
            merchant=merchant,
            city=city,
            category=category,
            kind=OfferKind.VOUCHER,
            price=Money(price + 100 * number),
            stock_left=STOCK_USUAL,
        )
    for category, title, merchant, price in (_GOODS[number % 4], _GOODS[(number + 1) % 4]):
        yield Offer(
            unit_id=f"{slug}-{category.value}-item",
            title=title,
            merchant=merchant,
            city=city,
            category=category,
            kind=OfferKind.SALE_ITEM,
            price=Money(price),
            stock_left=200,
        )


def _special() -> Iterator[Offer]:
    yield Offer(
        unit_id=FLASH_SALE_UNIT,
        title="Rooftop supper, ten seats",
        merchant="Harbor & Vine",
        city="New York",
        category=Category.DINING,
        kind=OfferKind.VOUCHER,
        price=Money(1_900),
        stock_left=STOCK_FLASH_SALE,
        max_per_order=2,
    )
    yield Offer(
        unit_id=LOAD_TEST_UNIT,
        title="Load test voucher",
        merchant="The shop itself",
        city="Chicago",
        category=Category.FITNESS,
        kind=OfferKind.VOUCHER,
        price=Money(1_000),
        stock_left=STOCK_LOAD_TEST,
    )
