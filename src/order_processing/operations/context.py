"""What operations work with, and how each changes one order: read, decide, commit, again if someone was faster."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from order_processing.clock import Clock
from order_processing.domain import (
    BreakerPolicy,
    FraudPolicy,
    Order,
    OrderSchemaError,
    UnknownOrderError,
    changed,
    demand_owner,
    patience_until,
)
from order_processing.errors import TransientError
from order_processing.experiments import Experiments
from order_processing.gateways import MailGateway, PaymentGateway, Warehouse
from order_processing.ids import Ids
from order_processing.stores import CommitUnknownError, ConflictError, OrderStore, PutOrder, Write

TRIES_MAX = 5

_log = logging.getLogger(__name__)


class ContendedError(TransientError):
    """Others changed the order each time it was about to be written."""

    def __init__(self, order_id: str) -> None:
        super().__init__(f"order {order_id} was changed by others {TRIES_MAX} times in a row; try again in a moment")
        self.order_id = order_id


@dataclass(frozen=True, slots=True)
class Policy:
    """Times and thresholds.

    Attributes:
        lease_seconds: an owner that has not changed its order for so long may be replaced.
        hold_seconds: how long stock is kept for an order that comes to no end; longer than any review.
        review_seconds: how long a review may take; shorter than a provider keeps an authorisation.
        shipping_seconds: how long the warehouse may take; likewise.
        attempts_max: takeovers by the legacy pipeline before an order is quarantined.
        authorization_seconds: how long a reservation on a card lasts when the provider does not say.
        absent_seconds: an attempt for an order at rest that the provider has not got by then will not arrive any more.
        undo_attempts_max: refused voids and refunds of one order after which only a person goes on.
    """

    lease_seconds: float = 120.0
    hold_seconds: float = 7_200.0
    review_seconds: float = 3_600.0
    shipping_seconds: float = 3 * 86_400
    attempts_max: int = 5
    authorization_seconds: float = 6.5 * 86_400
    absent_seconds: float = 3_600.0
    undo_attempts_max: int = 3
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)


@dataclass(frozen=True, slots=True)
class Services:
    """Everything outside the rules; opened once per process.

    Attributes:
        voucher_secret: gives the key that voucher codes derive from, 32 bytes or more.
        gateway: name of what stands behind ``payments``; its circuit breaker bears it.
        fraud_policy: the thresholds of the fraud scan as they are now; those who cannot tell raise TransientError.
        current_release: state machine for orders without a weighted choice, such as ``order-processing-v1.0.0``.
    """

    store: OrderStore
    payments: PaymentGateway
    mail: MailGateway
    warehouse: Warehouse
    experiments: Experiments
    clock: Clock
    ids: Ids
    voucher_secret: Callable[[], bytes]
    gateway: str = "sandbox"
    current_release: str = ""
    fraud_policy: Callable[[], FraudPolicy] = FraudPolicy
    policy: Policy = field(default_factory=Policy)


class Change(msgspec.Struct, frozen=True):
    """The next version of an order and what is written with it."""

    order: Order
    writes: tuple[Write, ...] = ()


Step = Callable[[Order], Change | Order | None]
"""Decides, from the order as it is, what it becomes; None: it is so already."""


def load(services: Services, order_id: str) -> Order:
    """The order as last committed.

    Raises:
        UnknownOrderError: there is none.
    """
    order = services.store.order(order_id)
    if order is None:
        raise UnknownOrderError(order_id)
    return order


def load_owned(services: Services, order_id: str, epoch: int, known: Order | None = None) -> Order:
    """The order as last committed, for its owner alone.

    Args:
        known: the order as read a moment ago, which saves the read.

    Raises:
        UnknownOrderError: there is none.
        StaleOwnerError: someone else owns the order by now.
    """
    order = known or load(services, order_id)
    demand_owner(order, epoch)
    return order


def readable(services: Services, order_id: str) -> Order | None:
    """The order as last committed, for a list; None: there is none, or a newer release wrote it, which is logged."""
    try:
        return services.store.order(order_id)
    except OrderSchemaError as error:
        _log.warning("left out of a list: %s", error)
        return None


def change(services: Services, order_id: str, step: Step, known: Order | None = None) -> Order:
    """Takes one step in one transaction; on a conflict everything is read and decided again.

    Args:
        known: the order as read a moment ago, which saves the first read.

    Raises:
        ContendedError: that did not help.
        ConflictError, SoldOutError: a write other than the order's was refused; nothing was written.
    """
    for _ in range(TRIES_MAX):
        before, known = known or load(services, order_id), None
        decided = step(before)
        if decided is None:
            return before
        after = decided if isinstance(decided, Change) else Change(decided)
        try:
            services.store.commit((PutOrder(after.order, before.version), *after.writes)).result()
        except ConflictError as error:
            if error.write != PutOrder.__name__:
                raise
        except CommitUnknownError:
            if services.store.order(order_id) == after.order:
                return after.order  # it was written; deciding again would meet what it did itself, and refuse it
        else:
            return after.order
    raise ContendedError(order_id)


def change_owned(services: Services, order_id: str, epoch: int, step: Step, known: Order | None = None) -> Order:
    """Like ``change``, for the owner alone; its lease is renewed with each change.

    Raises:
        StaleOwnerError: someone else owns the order by now.
    """

    def fenced(order: Order) -> Change | None:
        demand_owner(order, epoch)
        decided = step(order)
        if decided is None:
            return None
        after = decided if isinstance(decided, Change) else Change(decided)
        return Change(_with_lease(services, after.order), after.writes)

    return change(services, order_id, fenced, known)


def _with_lease(services: Services, order: Order) -> Order:
    """While somebody else takes their time, a reviewer or the warehouse, the lease lasts as long as they may take."""
    lease_until = max(services.clock.now(), patience_until(order)) + services.policy.lease_seconds
    return changed(order, owner=msgspec.structs.replace(order.owner, lease_until=lease_until))
