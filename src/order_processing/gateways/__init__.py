"""Where money, mail and goods leave our hands: contracts and what stands behind them."""

from order_processing.gateways.aws import aws_client
from order_processing.gateways.executions import (
    ExecutionRegister,
    ExecutionsUnreachableError,
    StepFunctionsExecutions,
)
from order_processing.gateways.http_client import UrlError
from order_processing.gateways.mail import Mail, MailError, MailGateway, OutboxFolder, Smtp, open_mail
from order_processing.gateways.opening import GatewaySettingsError, OpenGateway, open_gateway
from order_processing.gateways.payment import (
    AUTHORIZATION_EXPIRED,
    Absent,
    Authorization,
    Declined,
    PaymentGateway,
    ProviderEvent,
    ProviderPayment,
    ProviderStatus,
    Result,
    Succeeded,
    Unknown,
)
from order_processing.gateways.remote import (
    RemoteOperation,
    RemoteRefusedError,
    RemoteSettingsError,
    RemoteUnavailableError,
    remote_operations,
)
from order_processing.gateways.sandbox_client import SandboxPayments
from order_processing.gateways.stripe import StripeKeyError, StripePayments, StripeSettings
from order_processing.gateways.stripe_events import EVENT_KINDS, EventSignatureError, verified_event
from order_processing.gateways.warehouse import BuiltInWarehouse, Parcel, Reservation, ShipmentRequest, Warehouse

__all__ = [
    "AUTHORIZATION_EXPIRED",
    "EVENT_KINDS",
    "Absent",
    "Authorization",
    "BuiltInWarehouse",
    "Declined",
    "EventSignatureError",
    "ExecutionRegister",
    "ExecutionsUnreachableError",
    "GatewaySettingsError",
    "Mail",
    "MailError",
    "MailGateway",
    "OpenGateway",
    "OutboxFolder",
    "Parcel",
    "PaymentGateway",
    "ProviderEvent",
    "ProviderPayment",
    "ProviderStatus",
    "RemoteOperation",
    "RemoteRefusedError",
    "RemoteSettingsError",
    "RemoteUnavailableError",
    "Reservation",
    "Result",
    "SandboxPayments",
    "ShipmentRequest",
    "Smtp",
    "StepFunctionsExecutions",
    "StripeKeyError",
    "StripePayments",
    "StripeSettings",
    "Succeeded",
    "Unknown",
    "UrlError",
    "Warehouse",
    "aws_client",
    "open_gateway",
    "open_mail",
    "remote_operations",
    "verified_event",
]
