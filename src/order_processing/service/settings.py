"""What the order service is told by its environment."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from order_processing.errors import OrderProcessingError

PORT = 8080
SWEEP_SECONDS = 10.0


class SettingsError(OrderProcessingError):
    """The service cannot be started like this."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings.

    Attributes:
        port: ``SHOP_PORT``; 0 for any free one, which is printed.
        hosts: ``SHOP_HOSTS``, separated by commas or spaces: names besides localhost under which the shop is asked.
        orders_db: ``ORDERS_DB``, the SQLite file of which this process is the only writer.
        orders_socket: ``ORDERS_SOCKET``, where functions send their commits.
        voucher_key_file: ``VOUCHER_KEY_FILE``, made when there is none.
        operator_token_file: ``OPERATOR_TOKEN_FILE``, likewise; by default beside the voucher key.
        merchants_file: ``MERCHANTS_FILE``, the merchants' token hashes; by default beside the voucher key.
        stripe_secret_file: ``STRIPE_WEBHOOK_SECRET_FILE``, the secret of the endpoint for Stripe's events, if there is
            one.
        topic_arn: ``ORDER_NOTIFICATIONS_TOPIC_ARN``.
        machine_arn: ``ORDER_STATE_MACHINE_ARN``, whose executions reconciliation asks about.
        demo_catalogue: ``DEMO_CATALOGUE`` is not empty: offers to try things with are added if they are missing.
        sweep_seconds: ``SWEEP_SECONDS``: after so long without a claim an order is announced again.
    """

    port: int
    hosts: frozenset[bytes]
    orders_db: Path
    orders_socket: Path
    voucher_key_file: Path
    operator_token_file: Path
    merchants_file: Path
    stripe_secret_file: Path | None
    topic_arn: str
    machine_arn: str
    demo_catalogue: bool
    sweep_seconds: float

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        """Reads *environment*.

        Raises:
            SettingsError: a setting is missing or makes no sense; the message names all of them.
        """
        names = ("ORDERS_DB", "ORDERS_SOCKET", "VOUCHER_KEY_FILE", "ORDER_NOTIFICATIONS_TOPIC_ARN")
        missing = [name for name in names if not environment.get(name)]
        if missing:
            raise SettingsError(f"set {', '.join(missing)} in the environment of the order service")
        try:
            return cls(
                port=int(environment.get("SHOP_PORT") or PORT),
                hosts=frozenset(environment.get("SHOP_HOSTS", "").lower().replace(",", " ").encode().split()),
                orders_db=Path(environment["ORDERS_DB"]),
                orders_socket=Path(environment["ORDERS_SOCKET"]),
                voucher_key_file=Path(environment["VOUCHER_KEY_FILE"]),
                operator_token_file=Path(
                    environment.get("OPERATOR_TOKEN_FILE")
                    or Path(environment["VOUCHER_KEY_FILE"]).with_name("operator.token")
                ),
                merchants_file=Path(
                    environment.get("MERCHANTS_FILE")
                    or Path(environment["VOUCHER_KEY_FILE"]).with_name("merchants.json")
                ),
                stripe_secret_file=_path(environment.get("STRIPE_WEBHOOK_SECRET_FILE")),
                topic_arn=environment["ORDER_NOTIFICATIONS_TOPIC_ARN"],
                machine_arn=environment.get("ORDER_STATE_MACHINE_ARN", ""),
                demo_catalogue=bool(environment.get("DEMO_CATALOGUE")),
                sweep_seconds=float(environment.get("SWEEP_SECONDS") or SWEEP_SECONDS),
            )
        except ValueError as error:
            raise SettingsError(f"SHOP_PORT and SWEEP_SECONDS are numbers: {error}") from error


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
