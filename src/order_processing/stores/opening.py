"""Which store a process gets, from its environment."""

from collections.abc import Mapping
from pathlib import Path

from order_processing.clock import Clock
from order_processing.errors import OrderProcessingError
from order_processing.stores.contract import OrderStore
from order_processing.stores.sqlite import SocketOrderStore


class StoreSettingsError(OrderProcessingError):
    """The environment names no store."""


def open_store(environment: Mapping[str, str], clock: Clock) -> OrderStore:
    """The store of a function or batch job; the order service opens ``SqliteOrderStore``, the writer, itself.

    ``ORDERS_DB`` and ``ORDERS_SOCKET``: a SQLite file and its writer's socket. ``ORDERS_TABLE``: a DynamoDB table, in
    the region and with the credentials of the environment.

    Raises:
        StoreSettingsError: neither is set.
    """
    if environment.get("ORDERS_DB") and environment.get("ORDERS_SOCKET"):
        return SocketOrderStore(Path(environment["ORDERS_DB"]), Path(environment["ORDERS_SOCKET"]), clock)
    if environment.get("ORDERS_TABLE"):
        # boto3 costs a worker tens of megabytes and a third of a second: only those who use DynamoDB pay.
        from order_processing.stores.dynamodb import DynamoOrderStore

        return DynamoOrderStore.connect(environment, clock)
    raise StoreSettingsError("set ORDERS_DB and ORDERS_SOCKET, or ORDERS_TABLE, to say where orders are kept")
