"""What the shop sells: local offers, limited and time-boxed."""

from collections.abc import Mapping
from enum import Enum

import msgspec

from order_processing.domain.money import Money
from order_processing.errors import RefusedError

CITIES: Mapping[str, str] = {
    "Atlanta": "America/New_York",
    "Austin": "America/Chicago",
    "Boston": "America/New_York",
    "Chicago": "America/Chicago",
    "Dallas": "America/Chicago",
    "Denver": "America/Denver",
    "Las Vegas": "America/Los_Angeles",
    "Los Angeles": "America/Los_Angeles",
    "Miami": "America/New_York",
    "New York": "America/New_York",
    "San Francisco": "America/Los_Angeles",
    "Seattle": "America/Los_Angeles",
    "Washington DC": "America/New_York",
}
"""The 13 cities and their IANA time zones."""


class Category(Enum):
    """What an offer is about."""

    DINING = "dining"
    ENTERTAINMENT = "entertainment"
    BEAUTY = "beauty"
    FITNESS = "fitness"


class OfferKind(Enum):
    """How an offer reaches its buyer: a voucher at once, a sale item from the warehouse."""

    VOUCHER = "voucher"
    SALE_ITEM = "sale_item"


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """One unit on sale.

    Attributes:
        unit_id: its identity, URL-safe.
        price: of one unit.
        stock_left: units nobody holds or has bought; only the store changes it.
        max_per_order: most units in one order.
        starts_at, ends_at: the sale is open from the first instant until before the second.
        valid_days: full days a voucher can be used after the day of purchase, in the city's time zone.
    """

    unit_id: str
    title: str
    merchant: str
    city: str
    category: Category
    kind: OfferKind
    price: Money
    stock_left: int
    max_per_order: int = 10
    starts_at: float = 0.0
    ends_at: float = 253_402_300_799.0
    valid_days: int = 90


class UnknownOfferError(RefusedError):
    """No offer has this unit id."""

    def __init__(self, unit_id: str) -> None:
        super().__init__(f"there is no offer {unit_id!r}; GET /offers lists what is on sale")
        self.unit_id = unit_id


class OfferClosedError(RefusedError):
    """The offer's sale has not begun or is over."""

    def __init__(self, offer: Offer, at: float) -> None:
        when = "has not begun" if at < offer.starts_at else "is over"
        super().__init__(f"the sale of {offer.unit_id} {when}; choose another offer")
        self.unit_id = offer.unit_id


class QuantityError(RefusedError):
    """More units, or fewer, than one order may have."""

    def __init__(self, offer: Offer, quantity: int) -> None:
        super().__init__(f"{offer.unit_id} is sold in 1 to {offer.max_per_order} units per order, not {quantity}")
        self.unit_id = offer.unit_id
        self.quantity = quantity
        self.allowed = offer.max_per_order


def price_of(offer: Offer, quantity: int, at: float) -> Money:
    """What *quantity* units cost now.

    Raises:
        OfferClosedError, QuantityError: it cannot be bought so.
    """
    if not offer.starts_at <= at < offer.ends_at:
        raise OfferClosedError(offer, at)
    if not 1 <= quantity <= offer.max_per_order:
        raise QuantityError(offer, quantity)
    return offer.price * quantity
