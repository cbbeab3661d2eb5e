"""What the buy form offers while payments go to the sandbox."""

from typing import NamedTuple


class Card(NamedTuple):
    """A payment token of the sandbox, as a customer would see a card."""

    token: str
    name: str
    effect: str


class Shopper(NamedTuple):
    """Who buys, for trying out the fraud scan; the prefix goes before the guest's id."""

    prefix: str
    name: str
    effect: str


CARDS = (
    Card("tok_ok", "Card ending 4242", "Approved at once"),
    Card("tok_declined", "Card ending 0002", "Declined by the bank"),
    Card("tok_timeout_then_ok", "Card ending 0119", "The bank answers late, then approves"),
    Card("tok_timeout", "Card ending 0259", "The bank never answers"),
    Card("tok_error", "Card ending 0341", "The payment provider fails"),
)

SHOPPERS = (
    Shopper("", "A regular member", "Passes the fraud scan"),
    Shopper("review-", "A member we watch", "A person reviews the order"),
    Shopper("fraud-", "A member on the block list", "The order is not accepted"),
)


class OfferForm(NamedTuple):
    """What the buy form holds, fresh or as it was sent.

    Attributes:
        quantity: as text, as forms send it.
        shopper: one of the prefixes of ``SHOPPERS``.
    """

    idempotency_key: str
    user_guid: str
    quantity: str = "1"
    payment_token: str = CARDS[0].token
    shopper: str = ""
