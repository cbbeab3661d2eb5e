"""The ledger of payment attempts; every total is computed from it."""

from collections.abc import Iterable
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


class PaymentAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One thing asked of the payment provider, recorded before it was asked.

    Attributes:
        key: idempotency key and our reference at the provider; one attempt keeps it however often it is sent.
        provider_reference: the provider's id of the payment, "" until known.
        at: when it was begun.
        settled_at: when its outcome became known.
        answered: the provider answered last time, so nothing is under way though the outcome is unknown.
        detail: the provider's decline code or what was heard last.
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


Ledger = tuple[PaymentAttempt, ...]


def attempt_key(order_id: str, purpose: Purpose, epoch: int, ledger: Ledger) -> str:
    """The idempotency key of the next attempt: ``order/<order_id>/<purpose>/<epoch>``.

    A further attempt of the same purpose in the same epoch (re-authorisation, a second refund) adds its number.
    """
    base = f"order/{order_id}/{purpose.value}/{epoch}"
    earlier = sum(1 for attempt in ledger if attempt.purpose is purpose and attempt.epoch == epoch)
    return base if earlier == 0 else f"{base}/{earlier + 1}"


def unresolved(ledger: Ledger, purpose: Purpose) -> PaymentAttempt | None:
    """The attempt whose outcome must be looked up before another one is made."""
    return next((a for a in ledger if a.purpose is purpose and a.outcome is Outcome.UNKNOWN), None)


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
