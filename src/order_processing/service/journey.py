"""An order as its customer sees it: five steps, where it stands, and a sentence when things go another way."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from order_processing.domain import AT_REST, OfferKind, Order, OrderStatus, waits_for_warehouse

SLOW_AFTER_SECONDS = 10.0

_S = OrderStatus


class StepState(Enum):
    """How a step is drawn."""

    DONE = "done"
    CURRENT = "current"
    WAITING = "waiting"
    STOPPED = "stopped"


class Tone(Enum):
    """How a notice is drawn."""

    GOOD = "good"
    CALM = "calm"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        after_ms: milliseconds from the order's creation until the step was done; None before.
    """

    label: str
    state: StepState
    after_ms: int | None


@dataclass(frozen=True, slots=True)
class Notice:
    """What to tell the customer besides the steps.

    Attributes:
        retry: whether to offer the same offer again.
    """

    tone: Tone
    headline: str
    text: str
    retry: bool = False


@dataclass(frozen=True, slots=True)
class Journey:
    """All that the order page says about where the order stands.

    Attributes:
        moving: whether a pipeline still works on the order.
        total_ms: milliseconds from the order to its delivery; None before.
    """

    steps: tuple[Step, ...]
    notice: Notice | None
    moving: bool
    total_ms: int | None

    @property
    def headline(self) -> str:
        """The page's first line: the step under way, or how it ended."""
        current = next((step.label for step in self.steps if step.after_ms is None), self.steps[-1].label)
        if self.moving:
            return f"{current} …"
        return current if self.notice is None else self.notice.headline.rstrip(".")


LABELS: Mapping[OfferKind, tuple[str, ...]] = {
    OfferKind.VOUCHER: ("Received", "Checking", "Payment", "Preparing", "Your voucher is ready"),
    OfferKind.SALE_ITEM: ("Received", "Checking", "Payment", "Packing", "Your item is on its way"),
}

DONE_AT: tuple[frozenset[OrderStatus], ...] = (
    frozenset({_S.RECEIVED}),
    frozenset({_S.CLEARED}),
    frozenset({_S.AUTHORIZED}),
    frozenset({_S.FULFILLING}),
    frozenset({_S.COMPLETED, _S.PARTIALLY_FULFILLED}),
)
"""The statuses that end each step."""

DONE_COUNT: Mapping[OrderStatus, int] = {
    _S.RECEIVED: 1,
    _S.PROCESSING: 1,
    _S.IN_REVIEW: 1,
    _S.CLEARED: 2,
    _S.PAYMENT_UNKNOWN: 2,
    _S.AUTHORIZED: 3,
    _S.FULFILLING: 4,
    _S.COMPLETED: 5,
    _S.PARTIALLY_FULFILLED: 5,
    _S.REFUNDED: 5,
}
"""How many steps are done in a status; in one that is not listed the timeline tells how far the order came."""

STOPPED = frozenset({_S.REJECTED, _S.DECLINED, _S.CANCELLED, _S.FAILED})

NOTICES: Mapping[OrderStatus, Notice] = {
    _S.IN_REVIEW: Notice(Tone.CALM, "We are checking your order.", "You have not been charged."),
    _S.PAYMENT_UNKNOWN: Notice(
        Tone.CALM,
        "We are waiting for your bank.",
        "We ask again before anything else happens; you are never charged twice.",
    ),
    _S.REJECTED: Notice(Tone.BAD, "We could not accept this order.", "You have not been charged."),
    _S.DECLINED: Notice(
        Tone.BAD, "Your card was declined.", "You have not been charged. Try another card.", retry=True
    ),
    _S.CANCELLED: Notice(Tone.BAD, "This order was cancelled.", "Any hold on your card is released."),
    _S.FAILED: Notice(
        Tone.BAD, "We could not finish this order.", "The hold on your card is released. Please try again.", retry=True
    ),
    _S.PARTIALLY_FULFILLED: Notice(
        Tone.CALM, "A part of your order is here.", "The rest could not be delivered and was not charged."
    ),
    _S.REFUNDED: Notice(Tone.CALM, "This order was refunded.", "It takes 1 to 5 days to show on your statement."),
}

_PACKING = Notice(Tone.CALM, "Our warehouse is packing your order.", "Your card is charged when it ships, not before.")
_SOLD_OUT = Notice(Tone.BAD, "Sold out while you paid.", "The hold on your card is released.", retry=False)
_SLOW = Notice(Tone.CALM, "Taking longer than usual.", "You can close this page; we will e-mail you.")


def journey(order: Order, now: float) -> Journey:
    """Where *order* stands at the instant *now*."""
    reached = _reached(order)
    done = _done_count(order, reached)
    steps = tuple(
        Step(label, _state(order, at, done), _after_ms(order, reached, at) if at < done else None)
        for at, label in enumerate(LABELS[order.kind])
    )
    complete = order.status in (_S.COMPLETED, _S.PARTIALLY_FULFILLED)
    return Journey(steps, _notice(order, now), order.status not in AT_REST, steps[-1].after_ms if complete else None)


def slow_at(order: Order) -> float | None:
    """The instant from which an order that is still under way is called slow."""
    return None if order.status in AT_REST else order.created_at + SLOW_AFTER_SECONDS


def _reached(order: Order) -> dict[str, float]:
    """When each status was reached last."""
    return {entry.event: entry.at for entry in order.timeline}


def _done_count(order: Order, reached: Mapping[str, float]) -> int:
    known = DONE_COUNT.get(order.status)
    if known is not None:
        return known
    return max((at + 1 for at, ends in enumerate(DONE_AT) if any(end.value in reached for end in ends)), default=1)


def _state(order: Order, at: int, done: int) -> StepState:
    if at < done:
        return StepState.DONE
    if at > done:
        return StepState.WAITING
    return StepState.STOPPED if order.status in STOPPED else StepState.CURRENT


def _after_ms(order: Order, reached: Mapping[str, float], at: int) -> int:
    instants = [reached[end.value] for end in DONE_AT[at] if end.value in reached]
    return round(1000 * (max(instants, default=order.created_at) - order.created_at))


def _notice(order: Order, now: float) -> Notice | None:
    if order.status is _S.FAILED and "sold out" in order.problem:
        return _SOLD_OUT
    if waits_for_warehouse(order):
        return _PACKING
    notice = NOTICES.get(order.status)
    late = slow_at(order)
    slow = order.status is _S.QUARANTINED or (late is not None and now >= late)
    return notice or (_SLOW if slow else None)
