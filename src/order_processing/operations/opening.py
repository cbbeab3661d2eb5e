"""Services as the environment describes them, for functions, batch jobs and the order service alike."""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from order_processing.clock import SystemClock
from order_processing.domain import SECRET_BYTES_MIN
from order_processing.errors import OrderProcessingError
from order_processing.experiments import open_experiments
from order_processing.gateways import BuiltInWarehouse, open_gateway, open_mail
from order_processing.ids import SystemIds, new_secret
from order_processing.operations.context import Policy, Services
from order_processing.operations.fraud_rules import FraudRules
from order_processing.stores import OrderStore, open_store


class VoucherKeyError(OrderProcessingError):
    """The secret that voucher codes derive from cannot be used."""


def open_services(environment: Mapping[str, str], store: OrderStore | None = None) -> Services:
    """Everything an operation needs; nothing is connected until it is used.

    Reads ``ORDERS_DB``, ``ORDERS_SOCKET`` or ``ORDERS_TABLE``; what ``open_gateway`` reads;
    ``MAIL_OUTBOX`` or ``SMTP_URL``; ``VOUCHER_KEY_FILE``; ``FRAUD_RULES_FILE``; ``WAREHOUSE``;
    ``ORDER_STATE_MACHINE_ARN``; and what
    ``open_experiments`` reads.

    Args:
        store: of the process that has the writer; None: as the environment says.
    """
    clock = SystemClock()
    rules = environment.get("FRAUD_RULES_FILE")
    gateway, payments = open_gateway(environment, clock)
    return Services(
        store=store or open_store(environment, clock),
        payments=payments,
        mail=open_mail(environment),
        warehouse=BuiltInWarehouse(at_once=environment.get("WAREHOUSE") != "by-hand"),
        experiments=open_experiments(environment, clock),
        clock=clock,
        ids=SystemIds(),
        voucher_secret=cache(lambda: read_voucher_key(Path(environment.get("VOUCHER_KEY_FILE", "")))),
        gateway=gateway,
        current_release=environment.get("ORDER_STATE_MACHINE_ARN", "").rpartition(":")[2],
        fraud_policy=FraudRules(Path(rules) if rules else None).current,
        policy=Policy(),
    )


@cache
def shared_services() -> Services:
    """The services of this process, opened when first asked for, so that a forked worker has its own."""
    return open_services(os.environ)


def read_voucher_key(path: Path) -> bytes:
    """The secret in *path*.

    Raises:
        VoucherKeyError: the file is missing, or too short to be safe.
    """
    try:
        secret = path.read_bytes()
    except OSError as error:
        raise VoucherKeyError(
            f"VOUCHER_KEY_FILE {path} cannot be read ({error}); the order service makes it"
        ) from error
    if len(secret) < SECRET_BYTES_MIN:
        raise VoucherKeyError(f"VOUCHER_KEY_FILE {path} has {len(secret)} bytes, {SECRET_BYTES_MIN} are needed")
    return secret


def make_secret(path: Path) -> None:
    """Makes the secret if there is none, readable by this user only; it is on disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(new_secret())
        file.flush()
        os.fsync(descriptor)
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
