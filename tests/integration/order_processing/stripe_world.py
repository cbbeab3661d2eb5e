"""Stripe's SDK on our Stripe server's own code, without a socket between them."""

from pathlib import Path
from urllib.parse import urlsplit

from stripe import APIConnectionError, HTTPClient

from order_processing.clock import ManualClock
from order_processing.domain import Order
from order_processing.gateways import (
    Absent,
    Authorization,
    ProviderPayment,
    Result,
    StripePayments,
    StripeSettings,
    Succeeded,
    Unknown,
)
from order_processing.gateways.stripe_ledger import StripeFaultError, StripeLedger, refusal
from order_processing.gateways.stripe_server import StripeServer
from order_processing.ids import SeededIds


class InProcess(HTTPClient):
    """Hands the SDK's requests to the server; what is answered late never arrives."""

    name = "in-process"

    def __init__(self, server: StripeServer) -> None:
        super().__init__()
        self._server = server

    def request(self, method, url, headers, post_data=None, **_):  # type: ignore[no-untyped-def]
        where = urlsplit(url)
        fields = [(name.lower().encode(), str(value).encode()) for name, value in headers.items()]
        scope = {"method": method.upper(), "path": where.path, "query_string": where.query.encode(), "headers": fields}
        try:
            answer = self._server.answer(scope, (post_data or "").encode())
        except StripeFaultError as fault:
            answer = refusal(fault)
        if answer.late:
            raise APIConnectionError("timed out")
        return answer.body.decode(), answer.status, {}

    def close(self) -> None:
        """There is nothing to hang up."""


class StripeLedgerPayments:
    """The payment contract by Stripe's SDK, with what ``LedgerPayments`` offers tests."""

    def __init__(self, folder: Path, clock: ManualClock, *, search_lag_seconds: float = 60.0) -> None:
        self.ledger = StripeLedger(folder / "stripe.db", clock, SeededIds(7), search_lag_seconds)
        (folder / "stripe.key").write_text("sk_test_world")
        server = StripeServer(self.ledger, 0.0, lambda: None)
        settings = StripeSettings(folder / "stripe.key", 5)
        self._payments = StripePayments(settings, clock, lambda: InProcess(server))
        self.asked: list[str] = []
        self.lose = 0

    def authorize(self, request: Authorization) -> Result:
        return self._changed("authorize", self._payments.authorize(request))

    def capture(self, payment_id: str, amount_minor: int, key: str) -> Result:
        return self._changed("capture", self._payments.capture(payment_id, amount_minor, key))

    def void(self, payment_id: str, key: str) -> Result:
        return self._changed("void", self._payments.void(payment_id, key))

    def refund(self, payment_id: str, amount_minor: int, key: str) -> Result:
        return self._changed("refund", self._payments.refund(payment_id, amount_minor, key))

    def lookup(self, reference: str) -> Succeeded | Unknown | Absent:
        self.asked.append("lookup")
        return self._payments.lookup(reference)

    def fetch(self, payment_id: str) -> Succeeded | Unknown | Absent:
        self.asked.append("lookup")
        return self._payments.fetch(payment_id)

    def payments_of(self, order: Order) -> list[ProviderPayment]:
        """Every payment the provider has for an order."""
        found = (self._payments.lookup(attempt.key) for attempt in order.payments)
        return [result.payment for result in found if isinstance(result, Succeeded)]

    def _changed(self, what: str, result: Result) -> Result:
        self.asked.append(what)
        if self.lose > 0:
            self.lose -= 1
            return Unknown("the answer was lost")
        return result
