"""The queue of orders that a person has to decide on: who is at which, and for how long."""

from order_processing.domain.fraud import FraudReview
from order_processing.domain.lifecycle import changed
from order_processing.domain.orders import Order, TimelineEntry, noted
from order_processing.errors import RefusedError

CLAIM_SECONDS = 600.0


class ReviewClaimedError(RefusedError):
    """Another reviewer is at this order.

    Attributes:
        claimed_by: who.
        until: from then on anybody may take it.
    """

    def __init__(self, order_id: str, review: FraudReview) -> None:
        super().__init__(f"{review.claimed_by} is reviewing order {order_id}; talk to them, or wait until they let go")
        self.order_id = order_id
        self.claimed_by = review.claimed_by
        self.until = review.claimed_until


def demand_unclaimed(order: Order, at: float, by: str) -> None:
    """Raises ReviewClaimedError while somebody else than *by* is at the order."""
    review = order.review
    assert review is not None
    if review.claimed_by not in ("", by) and at < review.claimed_until:
        raise ReviewClaimedError(order.order_id, review)


def review_claimed(order: Order, at: float, by: str) -> Order:
    """*order* with *by* at its review for the next ``CLAIM_SECONDS``.

    Raises:
        ReviewClaimedError: somebody else is.
    """
    demand_unclaimed(order, at, by)
    assert order.review is not None
    claimed = changed(order.review, claimed_by=by, claimed_until=at + CLAIM_SECONDS)
    return noted(changed(order, review=claimed), TimelineEntry(at, "review_claimed", by))
