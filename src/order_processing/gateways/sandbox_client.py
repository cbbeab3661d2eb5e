"""The payment contract over HTTP, as the sandbox provider speaks it."""

import http.client
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from order_processing.errors import OrderProcessingError
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

ANSWER_BYTES_MAX = 65_536


class PaymentSettingsError(OrderProcessingError):
    """No provider can be reached with this configuration."""


class _Page(msgspec.Struct, frozen=True):
    payments: tuple[ProviderPayment, ...]


class _Fault(msgspec.Struct, frozen=True):
    code: str
    message: str = ""


class _Refusal(msgspec.Struct, frozen=True):
    error: _Fault


_Answer = tuple[int, bytes]


class SandboxPayments:
    """One kept-alive connection per thread; every wait is bounded.

    Args:
        url: of the provider, such as ``http://127.0.0.1:9090``.
        timeout_seconds: without an answer until then the outcome is Unknown.
    """

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._of_thread = threading.local()

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
            status, body = self._ask("GET", f"/v1/payments?reference={quote(reference, safe='')}")
            return found_payment(status, body)
        except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
            return Unknown(f"look-up failed: {error}")

    def close(self) -> None:
        """Hangs up the calling thread's connection."""
        connection: http.client.HTTPConnection | None = getattr(self._of_thread, "connection", None)
        if connection is not None:
            connection.close()
            self._of_thread.connection = None

    def _change(self, path: str, body: Mapping[str, Any], key: str) -> Result:
        try:
            return result_of(*self._ask("POST", path, msgspec.json.encode(body), key))
        except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
            return Unknown(f"no usable answer: {type(error).__name__} {error}")

    def _ask(self, method: str, path: str, body: bytes | None = None, key: str = "") -> _Answer:
        """Asks again, once, when a kept-alive connection turns out to be closed; the key makes that safe."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key} if key else {}
        kept, connection = self._connection()
        try:
            return self._exchange(connection, method, path, body, headers)
        except (http.client.RemoteDisconnected, ConnectionError):
            self.close()
            if not kept:
                raise
            return self._exchange(self._connection()[1], method, path, body, headers)
        except BaseException:
            self.close()
            raise

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> _Answer:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(ANSWER_BYTES_MAX)

    def _connection(self) -> tuple[bool, http.client.HTTPConnection]:
        """Whether it was used before, and the connection of this thread."""
        kept: http.client.HTTPConnection | None = getattr(self._of_thread, "connection", None)
        if kept is not None:
            return True, kept
        where = urlsplit(self._url)
        if where.scheme not in ("http", "https") or not where.hostname:
            raise PaymentSettingsError(
                f"PAYMENTS_URL is {self._url!r}; name the provider, such as http://127.0.0.1:9090"
            )
        kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
        connection = kind(where.hostname, where.port, timeout=self._timeout_seconds)
        self._of_thread.connection = connection
        return False, connection


def found_payment(status: int, body: bytes) -> Succeeded | Unknown | Absent:
    """What an answer to a look-up says; of several payments the one that was not declined.

    Raises:
        msgspec.DecodeError: it is not in the provider's form.
    """
    if status != http.client.OK:
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
    if status in (http.client.OK, http.client.CREATED):
        return Succeeded(msgspec.json.decode(body, type=ProviderPayment))
    if status == http.client.PAYMENT_REQUIRED:
        payment = msgspec.json.decode(body, type=ProviderPayment)
        return Declined(payment.decline_code or "declined", payment.id)
    if status < http.client.INTERNAL_SERVER_ERROR and status not in (
        http.client.REQUEST_TIMEOUT,
        http.client.TOO_MANY_REQUESTS,
    ):
        return Declined(msgspec.json.decode(body, type=_Refusal).error.code)
    return Unknown(f"the provider answered {status}", answered=status == http.client.INTERNAL_SERVER_ERROR)
