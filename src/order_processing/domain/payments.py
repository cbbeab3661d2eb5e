"""The ledger of payment attempts; every total is computed from it."""

from collections.abc import Iterable, Mapping
from enum import Enum

import msgspec


class Purpose(Enum):
    """What an attempt is for."""

    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class Outcome(Enum):
    """How an attempt ended; UNKNOWN also stands for one that was begun and never heard of again."""

    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    ABSENT = "absent"
    """A look-up showed that the provider never received it."""
    EXPIRED = "expired"
    """An authorisation that had succeeded, and was given back by the provider before its money was taken."""


class PaymentAttempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing asked of the payment provider, recorded before it was asked.

    Attributes:
        key: idempotency key and our reference at the provider; one attempt keeps it however often it is sent.
        provider_reference: the provider's id of the payment, "" until known.
        at: when it was begun.
        settled_at: when its outcome became known.
        answered: the provider answered last time, so nothing is under way though the outcome is unknown.
        detail: the provider's decline code or what was heard last.
        expires_at: when the provider gives an authorisation back by itself; None when it did not say.
        units: the units it is about, counted from 1; () for the whole order, or for none in particular.
        request: who asked for a refund: the caller's key, ``UNDO`` or ``PROVIDER``.
        reason: why, in the words of whoever asked.
    """

    purpose: Purpose
    key: str
    amount_minor: int
    epoch: int
    at: float
    outcome: Outcome = Outcome.UNKNOWN
    provider_reference: str = ""
    settled_at: float | None = None
    answered: bool = False
    detail: str = ""
    expires_at: float | None = None
    units: tuple[int, ...] = ()
    request: str = ""
    reason: str = ""


UNDO = "undo"
"""``request`` of a refund that nobody asked for: the order it was taken for is dead, or it was taken twice."""

PROVIDER = "provider"
"""``request`` of a refund that was made at the provider, past this system."""

NOT_ASKED_FOR = frozenset({UNDO, PROVIDER})
"""No caller's key may be one of these."""

Ledger = tuple[PaymentAttempt, ...]


def attempt_key(order_id: str, purpose: Purpose, epoch: int, ledger: Ledger) -> str:
    """The idempotency key of the next attempt: ``order/<order_id>/<purpose>/<epoch>``.

    A further attempt of the same purpose in the same epoch (re-authorisation, a second refund) adds its number.
    """
    base = f"order/{order_id}/{purpose.value}/{epoch}"
    earlier = sum(1 for attempt in ledger if attempt.purpose is purpose and attempt.epoch == epoch)
    return base if earlier == 0 else f"{base}/{earlier + 1}"


def order_id_of(key: str) -> str | None:
    """The order that an idempotency key is about; None: it is not one of ours."""
    parts = key.split("/")
    return parts[1] if len(parts) >= 4 and parts[0] == "order" else None


def unresolved(ledger: Ledger, purpose: Purpose) -> PaymentAttempt | None:
    """The attempt whose outcome must be looked up before another one is made."""
    return next((a for a in ledger if a.purpose is purpose and a.outcome is Outcome.UNKNOWN), None)


def attempt_of(ledger: Ledger, key: str) -> PaymentAttempt | None:
    """The attempt with this key."""
    return next((attempt for attempt in ledger if attempt.key == key), None)


_LATER: Mapping[Outcome, frozenset[Outcome]] = {
    Outcome.UNKNOWN: frozenset(Outcome),
    Outcome.ABSENT: frozenset({Outcome.SUCCEEDED}),
    Outcome.DECLINED: frozenset({Outcome.SUCCEEDED}),
    Outcome.SUCCEEDED: frozenset({Outcome.EXPIRED}),
    Outcome.EXPIRED: frozenset(),
}
"""What may still be learnt of an attempt; a provider may be late, it does not take back what it did."""


def is_news(known: PaymentAttempt, heard: PaymentAttempt) -> bool:
    """Whether *heard* says more of the same attempt than *known*; what comes late or twice does not."""
    return heard != known and heard.outcome in _LATER[known.outcome]


def with_attempt(ledger: Ledger, attempt: PaymentAttempt) -> Ledger:
    """*ledger* with *attempt* in the place of the one with its key, or at the end."""
    if all(known.key != attempt.key for known in ledger):
        return (*ledger, attempt)
    return tuple(attempt if known.key == attempt.key else known for known in ledger)


def total_minor(ledger: Iterable[PaymentAttempt], purpose: Purpose, provider_reference: str | None = None) -> int:
    """Minor units that succeeded for *purpose*, of one payment or of all."""
    return sum(
        attempt.amount_minor
        for attempt in ledger
        if attempt.purpose is purpose
        and attempt.outcome is Outcome.SUCCEEDED
        and provider_reference in (None, attempt.provider_reference)
    )


def captured_net_minor(ledger: Ledger) -> int:
    """What the customer has paid and not got back."""
    return total_minor(ledger, Purpose.CAPTURE) - total_minor(ledger, Purpose.REFUND)


def open_authorizations(ledger: Ledger) -> tuple[PaymentAttempt, ...]:
    """Successful authorisations that were neither captured nor voided."""
    closed = {
        attempt.provider_reference
        for attempt in ledger
        if attempt.purpose in (Purpose.CAPTURE, Purpose.VOID) and attempt.outcome is Outcome.SUCCEEDED
    }
    return tuple(
        attempt
        for attempt in ledger
        if attempt.purpose is Purpose.AUTHORIZE
        and attempt.outcome is Outcome.SUCCEEDED
        and attempt.provider_reference not in closed
    )


def lapsed_authorizations(ledger: Ledger, now: float) -> tuple[PaymentAttempt, ...]:
    """Open authorisations that the provider should have given back by now."""
    return tuple(each for each in open_authorizations(ledger) if each.expires_at is not None and each.expires_at <= now)


def refundable_minor(ledger: Ledger, provider_reference: str | None = None) -> int:
    """What may still be paid back, of one payment or of all: refunds under way count as made."""
    under_way = sum(
        attempt.amount_minor
        for attempt in ledger
        if attempt.purpose is Purpose.REFUND
        and attempt.outcome is Outcome.UNKNOWN
        and provider_reference in (None, attempt.provider_reference)
    )
    captured = total_minor(ledger, Purpose.CAPTURE, provider_reference)
    return captured - total_minor(ledger, Purpose.REFUND, provider_reference) - under_way


def refund_parts(ledger: Ledger, amount_minor: int) -> tuple[tuple[str, int], ...]:
    """Which payments an amount is paid back from: (provider reference, minor units), the first captured first.

    Args:
        amount_minor: 1 to ``refundable_minor(ledger)``.
    """
    assert 1 <= amount_minor <= refundable_minor(ledger)
    parts = []
    for reference in dict.fromkeys(each.provider_reference for each in ledger if each.purpose is Purpose.CAPTURE):
        part = min(amount_minor, refundable_minor(ledger, reference))
        if part > 0:
            parts.append((reference, part))
            amount_minor -= part
    return tuple(parts)
