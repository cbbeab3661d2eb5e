"""The payment contract over Stripe: PaymentIntents with manual capture, by Stripe's own SDK.

The SDK is imported when the first payment is made: it costs a quarter of a second and some 20 MB, which only those pay
who use it.
"""

import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from order_processing.clock import Clock
from order_processing.errors import OrderProcessingError
from order_processing.gateways.payment import (
    AUTHORIZATION_EXPIRED,
    Absent,
    Authorization,
    Declined,
    ProviderPayment,
    ProviderStatus,
    Result,
    Succeeded,
    Unknown,
)

if TYPE_CHECKING:
    from stripe import HTTPClient, StripeClient, StripeError

API_BASE = "https://api.stripe.com"
REFERENCE = "reference"
"""The metadata field that holds our key, on payments and on refunds."""

RECENT_SECONDS = 2 * 3_600.0
"""How far back payments are listed when the search does not find one: its index lags a minute behind, at times more."""

PAGE = 100
PAGES_MAX = 10

TEST_CARDS: Mapping[str, str] = {
    "tok_ok": "pm_card_visa",
    "tok_declined": "pm_card_visa_chargeDeclined",
    "tok_timeout_then_ok": "pm_card_timeoutAfterCommit",
    "tok_timeout": "pm_card_timeoutNever",
    "tok_error": "pm_card_apiError",
    "tok_undo_refused": "pm_card_undoRefused",
}
"""The shop's test tokens as payment methods, for keys of test mode; the last four only our own server knows."""

_EXPANDED = ["latest_charge"]
_OURS: Mapping[str, str] = {
    "payment_intent_unexpected_state": "illegal_state",
    "charge_expired_for_capture": AUTHORIZATION_EXPIRED,
}
"""Stripe's error codes that the contract has a word for."""


class StripeKeyError(OrderProcessingError):
    """The secret key cannot be used."""


class StripeSettings(msgspec.Struct, frozen=True):
    """How to reach Stripe.

    Attributes:
        key_file: holds the secret key; read when the first payment is made, never shown.
        timeout_seconds: for connecting and for each answer; without one the outcome is Unknown.
        api_base: where the API is, for a server that stands in for it.
    """

    key_file: Path
    timeout_seconds: float
    api_base: str = API_BASE


class _Card(msgspec.Struct, frozen=True):
    capture_before: float | None = None


class _Method(msgspec.Struct, frozen=True):
    card: _Card | None = None


class _Charge(msgspec.Struct, frozen=True):
    amount_refunded: int = 0
    payment_method_details: _Method | None = None


class _Fault(msgspec.Struct, frozen=True):
    code: str | None = None


class _Intent(msgspec.Struct, frozen=True):
    """What is needed of a PaymentIntent, its latest charge expanded."""

    id: str
    status: str
    amount: int
    currency: str
    amount_received: int = 0
    metadata: dict[str, str] = {}
    cancellation_reason: str | None = None
    last_payment_error: _Fault | None = None
    latest_charge: _Charge | str | None = None


class StripePayments:
    """Payments at Stripe; one client for all threads, made when it is first used.

    A redirect of the customer (3-D Secure) is declined as ``authentication_required``: nobody waits at the other end.

    Args:
        transport: makes what carries the SDK's requests; None: HTTP.
    """

    def __init__(
        self, settings: StripeSettings, clock: Clock, transport: "Callable[[], HTTPClient] | None" = None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._transport = transport or self._over_http
        self._opening = threading.Lock()

    def authorize(self, request: Authorization) -> Result:
        """Creates and confirms a PaymentIntent that waits for its capture."""
        parameters: Any = {
            "amount": request.amount.amount_minor,
            "currency": request.amount.currency.lower(),
            "payment_method": self._method(request.token),
            "payment_method_types": ["card"],
            "capture_method": "manual",
            "confirm": True,
            "error_on_requires_action": True,
            "metadata": {REFERENCE: request.key},
            "expand": _EXPANDED,
        }
        return self._change(lambda client, options: client.v1.payment_intents.create(parameters, options), request.key)

    def capture(self, payment_id: str, amount_minor: int, key: str) -> Result:
        """Takes reserved money; what is not taken goes back to the card."""
        parameters: Any = {"amount_to_capture": amount_minor, "expand": _EXPANDED}
        return self._change(
            lambda client, options: client.v1.payment_intents.capture(payment_id, parameters, options), key
        )

    def void(self, payment_id: str, key: str) -> Result:
        """Cancels the PaymentIntent."""
        parameters: Any = {"expand": _EXPANDED}
        return self._change(
            lambda client, options: client.v1.payment_intents.cancel(payment_id, parameters, options), key
        )

    def refund(self, payment_id: str, amount_minor: int, key: str) -> Result:
        """Pays back; a refund that Stripe still works on counts as made, one that failed as declined."""
        parameters: Any = {"payment_intent": payment_id, "amount": amount_minor, "metadata": {REFERENCE: key}}
        refused: list[str] = []

        def refunded(client: "StripeClient", options: Any) -> Any:
            made = client.v1.refunds.create(parameters, options)
            refused.extend([str(made.failure_reason)] if made.status in ("failed", "canceled") else [])
            return client.v1.payment_intents.retrieve(payment_id, {"expand": ["latest_charge"]})

        result = self._change(refunded, key)
        return Declined(refused[0], payment_id) if refused else result

    def lookup(self, reference: str) -> Succeeded | Unknown | Absent:
        """The PaymentIntent with this reference: searched for, then looked for among the recent ones.

        Of several the one that was not declined.
        """
        found = self._read(lambda client: self._find(client, reference))
        if not isinstance(found, list):
            return found
        payments = [self._payment(intent) for intent in found]
        accepted = [payment for payment in payments if payment.status is not ProviderStatus.DECLINED]
        return self._with_refunds((accepted or payments)[0]) if payments else Absent()

    def fetch(self, payment_id: str) -> Succeeded | Unknown | Absent:
        """The PaymentIntent with this id."""
        found = self._read(
            lambda client: [_intent(client.v1.payment_intents.retrieve(payment_id, {"expand": ["latest_charge"]}))]
        )
        return self._with_refunds(self._payment(found[0])) if isinstance(found, list) else found

    @cached_property
    def _client(self) -> "StripeClient":
        from stripe import StripeClient

        return StripeClient(
            self._key,
            base_addresses={"api": self._settings.api_base},
            http_client=self._transport(),
            max_network_retries=0,  # what to do without an answer is decided by whoever owns the order
        )

    def _over_http(self) -> "HTTPClient":
        from stripe import RequestsClient

        return RequestsClient(timeout=self._settings.timeout_seconds)

    @cached_property
    def _key(self) -> str:
        path = self._settings.key_file
        try:
            key = path.read_text().strip()
        except OSError as error:
            raise StripeKeyError(f"STRIPE_KEY_FILE {path} cannot be read ({error.strerror}); put it there") from error
        if not key.startswith(("sk_", "rk_")):
            raise StripeKeyError(f"STRIPE_KEY_FILE {path} holds no secret key of Stripe; it begins with sk_ or rk_")
        return key

    def _method(self, token: str) -> str:
        is_test = self._key.partition("_")[2].startswith("test_")
        return TEST_CARDS.get(token, token) if is_test else token

    def _opened(self) -> "StripeClient":
        with self._opening:
            return self._client

    def _change(self, act: Callable[["StripeClient", Any], Any], key: str) -> Result:
        client = self._opened()
        from stripe import StripeError

        try:
            payment = self._payment(_intent(act(client, {"idempotency_key": key})))
        except StripeError as error:
            return _refusal(error)
        except msgspec.ValidationError as error:
            return Unknown(f"Stripe's answer cannot be read: {error}")
        if payment.status is ProviderStatus.DECLINED:
            return Declined(payment.decline_code or "declined", payment.id)
        return Succeeded(payment)

    def _read(self, act: Callable[["StripeClient"], list[_Intent]]) -> list[_Intent] | Unknown | Absent:
        client = self._opened()
        from stripe import StripeError

        try:
            return act(client)
        except StripeError as error:
            if error.http_status == 404:
                return Absent()
            return Unknown(f"look-up: {_words(error)}", answered=error.http_status == 500)
        except (msgspec.ValidationError, _TooManyError) as error:
            return Unknown(f"look-up: {error}", answered=True)

    def _find(self, client: "StripeClient", reference: str) -> list[_Intent]:
        query = f"metadata['{REFERENCE}']:'{reference}'"
        found = client.v1.payment_intents.search({"query": query, "limit": PAGE, "expand": ["data.latest_charge"]})
        return [_intent(each) for each in found.data] or self._recent(client, reference)

    def _recent(self, client: "StripeClient", reference: str) -> list[_Intent]:
        """What the search does not know yet; only when the list was read to its end nothing means nothing."""
        since = int(self._clock.now() - RECENT_SECONDS)
        parameters: Any = {"limit": PAGE, "created": {"gte": since}, "expand": ["data.latest_charge"]}
        for _ in range(PAGES_MAX):
            page = client.v1.payment_intents.list(parameters)
            found = [_intent(each) for each in page.data if (each.metadata or {}) and _reference(each) == reference]
            if found or not page.has_more:
                return found
            parameters["starting_after"] = page.data[-1].id
        raise _TooManyError(f"more than {PAGE * PAGES_MAX} payments in the last two hours; ask again later")

    def _with_refunds(self, payment: ProviderPayment) -> Succeeded | Unknown:
        """*payment* with the keys of its refunds, if there are any."""
        if payment.refunded_minor == 0:
            return Succeeded(payment)
        client = self._opened()
        from stripe import StripeError

        try:
            made = client.v1.refunds.list({"payment_intent": payment.id, "limit": PAGE}).data
        except StripeError as error:
            return Unknown(f"look-up: {_words(error)}", answered=error.http_status == 500)
        keys = tuple(_reference(each) for each in made if each.status not in ("failed", "canceled"))
        return Succeeded(msgspec.structs.replace(payment, refund_keys=tuple(key for key in keys if key)))

    def _payment(self, intent: _Intent) -> ProviderPayment:
        charge = intent.latest_charge if isinstance(intent.latest_charge, _Charge) else _Charge()
        card = charge.payment_method_details.card if charge.payment_method_details else None
        status = _status(intent, charge)
        return ProviderPayment(
            id=intent.id,
            status=status,
            amount_minor=intent.amount,
            captured_minor=intent.amount_received,
            refunded_minor=charge.amount_refunded,
            reference=intent.metadata.get(REFERENCE, ""),
            currency=intent.currency.upper(),
            decline_code=_decline_code(intent, status),
            expires_at=card.capture_before if card and status is ProviderStatus.AUTHORIZED else None,
        )


class _TooManyError(OrderProcessingError):
    """A list was not read to its end."""


_STATUSES: Mapping[str, ProviderStatus] = {
    "requires_capture": ProviderStatus.AUTHORIZED,
    "succeeded": ProviderStatus.CAPTURED,
    "canceled": ProviderStatus.VOIDED,
    "requires_payment_method": ProviderStatus.DECLINED,
    "requires_action": ProviderStatus.DECLINED,
    "requires_confirmation": ProviderStatus.DECLINED,
}


def _status(intent: _Intent, charge: _Charge) -> ProviderStatus:
    """Where an intent stands in the contract's words.

    Raises:
        msgspec.ValidationError: it is being processed, or in a status that this release does not know.
    """
    if intent.status == "succeeded" and charge.amount_refunded >= intent.amount_received:
        return ProviderStatus.REFUNDED
    if intent.status not in _STATUSES:
        raise msgspec.ValidationError(f"payment {intent.id} is {intent.status}")
    return _STATUSES[intent.status]


def _decline_code(intent: _Intent, status: ProviderStatus) -> str | None:
    if status is ProviderStatus.VOIDED:
        return AUTHORIZATION_EXPIRED if intent.cancellation_reason == "automatic" else None
    if status is not ProviderStatus.DECLINED:
        return None
    return (intent.last_payment_error and intent.last_payment_error.code) or "authentication_required"


def _intent(answer: Any) -> _Intent:
    return msgspec.convert(answer.to_dict(), _Intent)


def _reference(answer: Any) -> str:
    return str((answer.to_dict().get("metadata") or {}).get(REFERENCE, ""))


def _refusal(error: "StripeError") -> Result:
    """What an error says of a change: a decline when it was not done for good, else Unknown."""
    status = error.http_status or 0
    body = error.json_body if isinstance(error.json_body, dict) else {}
    fault: Mapping[str, Any] = body.get("error") or {}
    if status in (402, 400, 404):
        intent = fault.get("payment_intent") or {}
        return Declined(_code(fault, intent), str(intent.get("id") or "") if status == 402 else "")
    # 401 and 403 are about our key and 409 about a call under way: nothing of it is the customer's fault.
    return Unknown(_words(error), answered=status in (401, 403, 500))


def _code(fault: Mapping[str, Any], intent: Mapping[str, Any]) -> str:
    if fault.get("type") == "idempotency_error":
        return "idempotency_key_reused"
    if fault.get("code") == "resource_missing" and fault.get("param") == "payment_method":
        return "token_unknown"
    if intent.get("status") == "canceled" and intent.get("cancellation_reason") == "automatic":
        return AUTHORIZATION_EXPIRED
    code = str(fault.get("code") or fault.get("type") or "declined")
    return _OURS.get(code, code)


def _words(error: "StripeError") -> str:
    """What happened, without the key or anything else that was sent."""
    if error.http_status is None:
        return type(error).__name__
    return f"{type(error).__name__} {error.http_status} {error.code or ''}".strip()
