"""What of one subscription is in memory: a bounded window on its deliveries, and whose turn it is.

The store holds every delivery; a lane holds those above nothing and up to its ``cursor``. When a lane is *behind*,
deliveries above the cursor exist on disk only and are read in as it empties, so a backlog costs disk, not memory.
"""

from collections import deque
from collections.abc import Sequence

from expeditor.topics.model import Message, Subscription

HELD_MAX = 20_000
"""Deliveries of one lane in memory: ready, in flight and waiting for a retry."""

HELD_BYTES_MAX = 16 * 1024 * 1024
"""Message texts of one lane in memory; a delivery that waits for a retry beyond this is read again when it is due."""

PAGE = 500
"""Deliveries read in at once."""


class Delivery:
    """A message on its way to one subscription; *message* is None while it waits without its text in memory."""

    __slots__ = ("attempts", "delivery_id", "lane", "message", "message_key", "taken_again")

    def __init__(self, delivery_id: int, message: Message, lane: "Lane", attempts: int = 0) -> None:
        self.delivery_id = delivery_id
        self.message_key = message.message_key
        self.message: Message | None = message
        self.lane = lane
        self.attempts = attempts
        self.taken_again = False


class Lane:
    """The deliveries of one subscription that are in memory, and counts.

    Attributes:
        fresh: never tried, in the order of publishing.
        again: tried before and due. They get half of the places in flight at most, so those that fail slowly leave
            the other half to the fresh ones.
        behind: some deliveries may be on disk only.
    """

    __slots__ = (
        "again",
        "again_in_flight",
        "behind",
        "closed",
        "cursor",
        "delivered",
        "failed",
        "fresh",
        "held",
        "held_bytes",
        "in_flight",
        "in_flight_max",
        "subscription",
    )

    def __init__(self, subscription: Subscription, in_flight_max: int, *, behind: bool) -> None:
        assert in_flight_max >= 1
        self.subscription = subscription
        self.in_flight_max = in_flight_max
        self.fresh: deque[Delivery] = deque()
        self.again: deque[Delivery] = deque()
        self.cursor = 0
        self.behind = behind
        self.closed = False
        self.held = self.held_bytes = 0
        self.in_flight = self.again_in_flight = 0
        self.delivered = self.failed = 0

    def has_room(self) -> bool:
        """Whether another delivery may be held in memory."""
        return self.held < HELD_MAX and self.held_bytes < HELD_BYTES_MAX

    def wants_page(self) -> bool:
        """Whether deliveries on disk should be read in now."""
        return self.behind and not self.closed and self.has_room() and len(self.fresh) < PAGE // 2

    def arrived(self, deliveries: Sequence[Delivery]) -> None:
        """Takes deliveries that were just written; those beyond the window stay on disk, and all that follow them."""
        for delivery in deliveries:
            if delivery.delivery_id <= self.cursor:
                continue  # read in between the commit and its report
            if self.behind or not self.has_room():
                self.behind = True
                return
            self.hold(delivery)
            self.fresh.append(delivery)

    def hold(self, delivery: Delivery) -> None:
        """Counts a delivery as held and moves the cursor past it."""
        assert delivery.delivery_id > self.cursor
        assert delivery.message is not None
        self.cursor = delivery.delivery_id
        self.held += 1
        self.held_bytes += len(delivery.message.notification)

    def may_start(self) -> bool:
        """Whether a delivery can be taken now."""
        if self.closed or self.subscription.paused or self.in_flight >= self.in_flight_max:
            return False
        return bool(self.fresh) or self._may_try_again()

    def take(self) -> Delivery:
        """The next delivery to try, counted as in flight."""
        assert self.may_start()
        taken_again = self._may_try_again()
        delivery = (self.again if taken_again else self.fresh).popleft()
        delivery.taken_again = taken_again
        self.in_flight += 1
        self.again_in_flight += taken_again
        return delivery

    def _may_try_again(self) -> bool:
        return bool(self.again) and self.again_in_flight < max(1, self.in_flight_max // 2)

    def landed(self, delivery: Delivery) -> None:
        """Gives the place of a delivery in flight back."""
        self.in_flight -= 1
        self.again_in_flight -= delivery.taken_again

    def release(self, delivery: Delivery) -> None:
        """Lets go of a delivery that reached its endpoint or a queue."""
        self.held -= 1
        self.drop_text(delivery)

    def drop_text(self, delivery: Delivery) -> None:
        """Frees the text of a delivery; it is read from disk when needed."""
        if delivery.message is not None:
            self.held_bytes -= len(delivery.message.notification)
            delivery.message = None
