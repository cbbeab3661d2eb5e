"""Which payment provider a process uses, from its environment."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from order_processing.clock import Clock
from order_processing.errors import OrderProcessingError
from order_processing.gateways.payment import PaymentGateway
from order_processing.gateways.sandbox_client import SandboxPayments
from order_processing.gateways.stripe import API_BASE, StripePayments, StripeSettings

SANDBOX_TIMEOUT_SECONDS = 3.0
STRIPE_TIMEOUT_SECONDS = 8.0
"""Two requests in a row fit into a function's 30 seconds, with room for what is written down between them."""


class GatewaySettingsError(OrderProcessingError):
    """The environment names no payment provider that there is."""


class OpenGateway(NamedTuple):
    """A payment provider and the name that its circuit breaker bears."""

    name: str
    payments: PaymentGateway


def open_gateway(environment: Mapping[str, str], clock: Clock) -> OpenGateway:
    """The provider that ``PAYMENTS_GATEWAY`` names: ``sandbox`` (the default) or ``stripe``; nothing is connected yet.

    Also reads ``PAYMENTS_TIMEOUT_SECONDS``; ``PAYMENTS_URL`` for the sandbox; ``STRIPE_KEY_FILE`` and
    ``STRIPE_API_BASE`` for Stripe.

    Raises:
        GatewaySettingsError: it names another one, or Stripe without a key file.
    """
    name = environment.get("PAYMENTS_GATEWAY") or "sandbox"
    if name not in _GATEWAYS:
        raise GatewaySettingsError(f"PAYMENTS_GATEWAY is {name!r}; use one of {', '.join(_GATEWAYS)}")
    return OpenGateway(name, _GATEWAYS[name](environment, clock))


def _sandbox(environment: Mapping[str, str], _: Clock) -> PaymentGateway:
    timeout_seconds = float(environment.get("PAYMENTS_TIMEOUT_SECONDS") or SANDBOX_TIMEOUT_SECONDS)
    return SandboxPayments(environment.get("PAYMENTS_URL", ""), timeout_seconds)


def _stripe(environment: Mapping[str, str], clock: Clock) -> PaymentGateway:
    key_file = environment.get("STRIPE_KEY_FILE")
    if not key_file:
        raise GatewaySettingsError("PAYMENTS_GATEWAY is stripe; set STRIPE_KEY_FILE to the file with its secret key")
    timeout_seconds = float(environment.get("PAYMENTS_TIMEOUT_SECONDS") or STRIPE_TIMEOUT_SECONDS)
    api_base = environment.get("STRIPE_API_BASE") or API_BASE
    return StripePayments(StripeSettings(Path(key_file), timeout_seconds, api_base), clock)


_GATEWAYS: Mapping[str, Callable[[Mapping[str, str], Clock], PaymentGateway]] = {
    "sandbox": _sandbox,
    "stripe": _stripe,
}
