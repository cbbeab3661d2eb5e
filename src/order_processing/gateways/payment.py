"""What a payment provider does for us: three outcomes, and a look-up for the third."""

from enum import Enum
from typing import Protocol

import msgspec

from order_processing.domain import Money


class ProviderStatus(Enum):
    """Where a payment stands at the provider."""

    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    VOIDED = "voided"
    REFUNDED = "refunded"
    DECLINED = "declined"


AUTHORIZATION_EXPIRED = "authorization_expired"
"""Why a reservation is gone that nobody gave back: the card's bank did, after some days."""


class ProviderPayment(msgspec.Struct, frozen=True):
    """A payment as the provider shows it; amounts in minor units of ``currency``.

    Attributes:
        reference: the key of the authorisation that made it.
        decline_code: why it was declined, or ``AUTHORIZATION_EXPIRED`` when its reservation ran out.
        expires_at: when its reservation runs out; None when the provider does not say.
        refund_keys: keys of the refunds that were made.
    """

    id: str
    status: ProviderStatus
    amount_minor: int
    captured_minor: int
    refunded_minor: int
    reference: str
    currency: str = "USD"
    decline_code: str | None = None
    expires_at: float | None = None
    refund_keys: tuple[str, ...] = ()


class Succeeded(msgspec.Struct, frozen=True):
    """It was done."""

    payment: ProviderPayment


class Declined(msgspec.Struct, frozen=True):
    """It was not done and will not be, whoever asks again.

    Attributes:
        payment_id: the provider's id of the declined payment, "" when it made none.
    """

    code: str
    payment_id: str = ""


class Unknown(msgspec.Struct, frozen=True):
    """It may have been done: ask ``lookup``.

    Attributes:
        answered: the provider answered, though not what became of it; nothing is under way any more.
    """

    reason: str
    answered: bool = False


class Absent(msgspec.Struct, frozen=True):
    """The provider knows of no payment with this reference."""


class ProviderEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the provider says happened to a payment.

    Attributes:
        id: the same however often the event is sent.
        kind: in the provider's words, such as ``payment_intent.succeeded``.
        payment_id: the provider's id.
        at: when it happened.
    """

    id: str
    kind: str
    payment_id: str
    at: float


Result = Succeeded | Declined | Unknown


class Authorization(msgspec.Struct, frozen=True):
    """A request to reserve money on a card.

    Attributes:
        key: idempotency key, and our reference to find the payment by.
    """

    amount: Money
    token: str
    key: str


class PaymentGateway(Protocol):
    """A provider. Every key may be sent again: the provider does once what it was sent for."""

    def authorize(self, request: Authorization) -> Result:
        """Reserves money."""
        ...

    def capture(self, payment_id: str, amount_minor: int, key: str) -> Result:
        """Takes reserved money, all or a part once."""
        ...

    def void(self, payment_id: str, key: str) -> Result:
        """Gives the whole reservation back."""
        ...

    def refund(self, payment_id: str, amount_minor: int, key: str) -> Result:
        """Pays back what was taken, all or a part."""
        ...

    def lookup(self, reference: str) -> Succeeded | Unknown | Absent:
        """The payment that an authorisation with this key made, whatever its status."""
        ...

    def fetch(self, payment_id: str) -> Succeeded | Unknown | Absent:
        """The payment with this id of the provider; surer than a look-up where the id is known."""
        ...
