"""The payment contract over HTTP, as the sandbox provider speaks it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import msgspec

from order_processing.gateways.http_client import HttpConnections, HttpError
from order_processing.gateways.payment import (
    Absent,
    Authorization,
    Declined,
    ProviderPayment,
    ProviderStatus,
    Result,
    Succeeded,
    Unknown,
)


class _Page(msgspec.Struct, frozen=True):
    payments: tuple[ProviderPayment, ...]


class _Fault(msgspec.Struct, frozen=True):
    code: str
    message: str = ""


class _Refusal(msgspec.Struct, frozen=True):
    error: _Fault


class SandboxPayments:
    """Kept-alive connections; every wait is bounded. The keys of changes make it safe to ask again.

    Args:
        url: of the provider, such as ``http://127.0.0.1:9090``.
        timeout_seconds: without an answer until then the outcome is Unknown.
    """

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._connections = HttpConnections(url, timeout_seconds)

    def authorize(self, request: Authorization) -> Result:
        """Creates a payment that waits for its capture."""
        body = {
            "amount_minor": request.amount.amount_minor,
            "currency": request.amount.currency,
            "token": request.token,
            "capture": False,
            "reference": request.key,
        }
        return self._change("/v1/payments", body, request.key)

    def capture(self, payment_id: str, amount_minor: int, key: str) -> Result:
        """Takes reserved money."""
        return self._change(f"/v1/payments/{quote(payment_id)}/capture", {"amount_minor": amount_minor}, key)

    def void(self, payment_id: str, key: str) -> Result:
        """Gives the reservation back."""
        return self._change(f"/v1/payments/{quote(payment_id)}/void", {}, key)

    def refund(self, payment_id: str, amount_minor: int, key: str) -> Result:
        """Pays back what was taken."""
        return self._change(f"/v1/payments/{quote(payment_id)}/refund", {"amount_minor": amount_minor}, key)

    def lookup(self, reference: str) -> Succeeded | Unknown | Absent:
        """The payment made for *reference*; of several the one that was not declined."""
        try:
            return found_payment(*self._connections.ask("GET", f"/v1/payments?reference={quote(reference, safe='')}"))
        except (HttpError, msgspec.DecodeError) as error:
            return Unknown(f"look-up: {error}")

    def fetch(self, payment_id: str) -> Succeeded | Unknown | Absent:
        """The payment with this id."""
        try:
            status, body = self._connections.ask("GET", f"/v1/payments/{quote(payment_id, safe='')}")
            if status == HTTPStatus.NOT_FOUND:
                return Absent()
            known = status == HTTPStatus.OK
            payment = msgspec.json.decode(body, type=ProviderPayment) if known else None
        except (HttpError, msgspec.DecodeError) as error:
            return Unknown(f"look-up: {error}")
        return Unknown(f"look-up answered {status}", answered=True) if payment is None else Succeeded(payment)

    def close(self) -> None:
        """Hangs up."""
        self._connections.close()

    def _change(self, path: str, body: Mapping[str, Any], key: str) -> Result:
        headers = f"Content-Type: application/json\r\nIdempotency-Key: {quote(key, safe='/')}\r\n"
        try:
            return result_of(*self._connections.ask("POST", path, headers, msgspec.json.encode(body)))
        except (HttpError, msgspec.DecodeError) as error:
            return Unknown(str(error))


def found_payment(status: int, body: bytes) -> Succeeded | Unknown | Absent:
    """What an answer to a look-up says; of several payments the one that was not declined.

    Raises:
        msgspec.DecodeError: it is not in the provider's form.
    """
    if status != HTTPStatus.OK:
        return Unknown(f"look-up answered {status}", answered=True)
    found = msgspec.json.decode(body, type=_Page).payments
    if not found:
        return Absent()
    accepted = (payment for payment in found if payment.status is not ProviderStatus.DECLINED)
    return Succeeded(next(accepted, found[0]))


def result_of(status: int, body: bytes) -> Result:
    """What an answer to a change says.

    Raises:
        msgspec.DecodeError: it is not in the provider's form.
    """
    if status in (HTTPStatus.OK, HTTPStatus.CREATED):
        return Succeeded(msgspec.json.decode(body, type=ProviderPayment))
    if status == HTTPStatus.PAYMENT_REQUIRED:
        payment = msgspec.json.decode(body, type=ProviderPayment)
        return Declined(payment.decline_code or "declined", payment.id)
    if status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in (
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    ):
        return Declined(msgspec.json.decode(body, type=_Refusal).error.code)
    return Unknown(f"the provider answered {status}", answered=status == HTTPStatus.INTERNAL_SERVER_ERROR)
