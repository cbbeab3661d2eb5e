"""One owner per order: who may act on it, fenced by an epoch that only grows."""

from enum import Enum

import msgspec

from order_processing.errors import RefusedError


class Pipeline(Enum):
    """The two ways an order can take."""

    INSTANT = "instant"
    LEGACY = "legacy"


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Who may act.

    Attributes:
        release: state machine that carries the order, such as ``order-processing-v1.0.0``; "" in the legacy pipeline.
        execution: name of the execution; "" when none has claimed it.
        epoch: 0 before the first claim; every change of owner adds 1.
        lease_until: an owner silent until then may be replaced.
    """

    pipeline: Pipeline
    release: str = ""
    execution: str = ""
    epoch: int = 0
    lease_until: float = 0.0


class StaleOwnerError(RefusedError):
    """The order has another owner by now; the caller's effect did not happen and must not be tried again.

    Attributes:
        epoch: what the caller named.
        current: what the order says.
    """

    def __init__(self, order_id: str, epoch: int, current: int) -> None:
        super().__init__(f"order {order_id} is owned under epoch {current}, not {epoch}; leave it to its owner")
        self.order_id = order_id
        self.epoch = epoch
        self.current = current


class OrderPausedError(RefusedError):
    """An operator has stopped the order; no pipeline takes it."""

    def __init__(self, order_id: str, reason: str) -> None:
        super().__init__(f"order {order_id} is paused ({reason}); resume it first")
        self.order_id = order_id
        self.reason = reason


class LeaseHeldError(RefusedError):
    """The owner is alive: its lease has not run out, so the order cannot be taken over."""

    def __init__(self, order_id: str, lease_until: float) -> None:
        super().__init__(f"order {order_id} is leased until {lease_until:.3f}; wait, or hand it over explicitly")
        self.order_id = order_id
        self.lease_until = lease_until
