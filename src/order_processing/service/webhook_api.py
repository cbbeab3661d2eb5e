"""``/webhooks``: events that a payment provider sends."""

import asyncio
from pathlib import Path

import msgspec

from order_processing.gateways import EventSignatureError, verified_event
from order_processing.operations import Services, receive_event
from order_processing.service.acting import told
from order_processing.service.http import JSON, Reply, header, read_body
from order_processing.service.problems import Problem, ProblemError
from order_processing.service.router import Request, Route

EVENT_BYTES_MAX = 64 * 1024


class WebhookApi:
    """Handlers; whoever sends proves by the endpoint's secret that it is the provider.

    Args:
        secret_file: with the endpoint's secret, read anew for each event so that it can be changed; None: no provider
            sends events here.
    """

    def __init__(self, services: Services, secret_file: Path | None) -> None:
        self._services = services
        self._secret_file = secret_file
        self._encode = msgspec.json.Encoder().encode

    @property
    def routes(self) -> tuple[Route, ...]:
        """Everything here; not part of the public description."""
        return (Route("POST", "/webhooks/stripe", self.stripe),)

    async def stripe(self, request: Request) -> Reply:
        """``POST /webhooks/stripe``: an event, acknowledged once it is on disk, be it late, repeated or not for us.

        ``receipt`` in the answer says what became of it: applied, duplicate, ignored or pending.
        """
        secret = self._secret()
        body = await read_body(request.scope, request.receive, EVENT_BYTES_MAX)
        signature = header(request.scope, b"stripe-signature").decode("latin-1")
        now = self._services.clock.now()
        try:
            event = await asyncio.to_thread(verified_event, body, signature, secret, now)
        except EventSignatureError as error:
            raise ProblemError(Problem.BAD_SIGNATURE, str(error)) from error
        if event is None:
            return self._acknowledged("ignored")
        receipt = await told(lambda: receive_event(self._services, event))
        return self._acknowledged(receipt.value)

    def _secret(self) -> str:
        try:
            secret = self._secret_file.read_text().strip() if self._secret_file else ""
        except OSError:
            secret = ""
        if not secret:
            raise ProblemError(Problem.NOT_FOUND, "no payment provider sends events here")
        return secret

    def _acknowledged(self, receipt: str) -> Reply:
        return Reply(200, self._encode({"receipt": receipt}), JSON)
