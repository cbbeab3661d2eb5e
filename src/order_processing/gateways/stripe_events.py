"""Events that Stripe sends: signed, checked, and reduced to which payment they are about."""

from typing import Any

import msgspec

from order_processing.errors import RefusedError
from order_processing.gateways.payment import ProviderEvent

TOLERANCE_SECONDS = 300.0

EVENT_KINDS = frozenset(
    {
        "payment_intent.succeeded",
        "payment_intent.canceled",
        "payment_intent.payment_failed",
        "payment_intent.amount_capturable_updated",
        "charge.refunded",
        "charge.expired",
    }
)
"""What is acted upon: each says that a payment stands differently, and is answered by asking how."""


class EventSignatureError(RefusedError):
    """The request does not come from Stripe, or somebody kept it for later."""


class _Object(msgspec.Struct, frozen=True):
    id: str
    object: str
    payment_intent: str | None = None


class _Data(msgspec.Struct, frozen=True):
    object: _Object


class _Event(msgspec.Struct, frozen=True):
    id: str
    type: str
    created: float
    data: _Data


def verified_event(body: bytes, signature: str, secret: str, now: float) -> ProviderEvent | None:
    """The event in *body*; None: it is genuine and of a kind that nothing is done about.

    Args:
        signature: the header ``Stripe-Signature``.
        secret: of the endpoint, ``whsec_...``.
        now: instant; a signature is good for TOLERANCE_SECONDS around it.

    Raises:
        EventSignatureError: it is not genuine, or too old.
    """
    from stripe import SignatureVerificationError, WebhookSignature

    try:
        signature.encode("ascii")  # the SDK's comparison raises another error for any other text
        WebhookSignature.verify_header(body.decode(), signature, secret, tolerance=None)
    except (SignatureVerificationError, UnicodeError) as error:
        raise EventSignatureError("the signature is not one of this endpoint's secret; check the secret") from error
    if abs(now - _signed_at(signature)) > TOLERANCE_SECONDS:
        raise EventSignatureError(f"the signature is not from the last {TOLERANCE_SECONDS:g} s; check the clock")
    return _event(body)


def _signed_at(signature: str) -> float:
    # Split exactly as the SDK does: a stamp that only one of the two reads would be one that nobody signed.
    stamps = [part.partition("=")[2] for part in signature.split(",") if part.startswith("t=")]
    return float(stamps[0]) if stamps and stamps[0].isdigit() else 0.0


def _event(body: bytes) -> ProviderEvent | None:
    """What is said, once it is known who says it; an event of another shape is one of another kind."""
    try:
        head: Any = msgspec.json.decode(body)
        if not isinstance(head, dict) or head.get("type") not in EVENT_KINDS:
            return None
        event = msgspec.convert(head, _Event)
    except msgspec.MsgspecError:
        return None
    about = event.data.object
    payment_id = about.id if about.object == "payment_intent" else about.payment_intent
    if payment_id is None:
        return None
    return ProviderEvent(id=event.id, kind=event.type, payment_id=payment_id, at=event.created)
