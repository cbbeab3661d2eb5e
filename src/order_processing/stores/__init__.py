"""Where orders are kept: one contract, over SQLite or DynamoDB."""

from order_processing.stores.catalogue import seed
from order_processing.stores.contract import (
    CommitUnknownError,
    ConflictError,
    IdempotencyRecord,
    Notification,
    OrderFilter,
    OrderStore,
    PutIdempotency,
    PutNotification,
    PutOffer,
    PutOrder,
    PutVoucherCode,
    ReleaseHold,
    RemoveNotifications,
    SettleHold,
    StoreUnavailableError,
    TakeStock,
    Transaction,
    Write,
)
from order_processing.stores.opening import StoreSettingsError, open_store
from order_processing.stores.sqlite import SocketOrderStore, SqliteOrderStore

__all__ = [
    "CommitUnknownError",
    "ConflictError",
    "IdempotencyRecord",
    "Notification",
    "OrderFilter",
    "OrderStore",
    "PutIdempotency",
    "PutNotification",
    "PutOffer",
    "PutOrder",
    "PutVoucherCode",
    "ReleaseHold",
    "RemoveNotifications",
    "SettleHold",
    "SocketOrderStore",
    "SqliteOrderStore",
    "StoreSettingsError",
    "StoreUnavailableError",
    "TakeStock",
    "Transaction",
    "Write",
    "open_store",
    "seed",
]
