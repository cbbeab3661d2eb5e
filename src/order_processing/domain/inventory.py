"""Stock that an order has taken: held until it is sold or given back, each once."""

from enum import Enum

import msgspec

from order_processing.errors import RefusedError


class HoldState(Enum):
    """A hold is open until it is settled (sold) or released (given back); neither can be undone."""

    HELD = "held"
    SETTLED = "settled"
    RELEASED = "released"


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Units taken from an offer's stock for one order.

    Attributes:
        hold_id: the order's id, so that one order holds at most once.
        quantity: units; once it is settled, those that were sold.
        expires_at: from then on a sweep may end the order that never came to settle it.
    """

    hold_id: str
    unit_id: str
    quantity: int
    expires_at: float
    state: HoldState = HoldState.HELD


class SoldOutError(RefusedError):
    """Fewer units are left than were asked for.

    Attributes:
        left: units left when it was tried.
    """

    def __init__(self, unit_id: str, asked: int, left: int) -> None:
        super().__init__(
            f"{unit_id} has {left} units left, {asked} were asked for; ask for fewer or choose another offer"
        )
        self.unit_id = unit_id
        self.asked = asked
        self.left = left
