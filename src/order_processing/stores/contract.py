"""What a store of orders does: reads, and one all-or-nothing commit of writes that are data.

Every write is a condition and an effect that DynamoDB's TransactWriteItems can express; no two writes of one
transaction may touch the same item.
"""

from concurrent.futures import Future
from typing import Protocol

import msgspec

from order_processing.domain import AuditEntry, Hold, Offer, Order, OrderStatus, Pipeline
from order_processing.errors import RefusedError, TransientError


class ConflictError(RefusedError):
    """The condition of a write did not hold, so nothing of its transaction was written; read again and decide again.

    Attributes:
        write: name of the write's class, such as ``PutOrder``.
        key: the item it was about.
    """

    def __init__(self, write: str, key: str) -> None:
        super().__init__(f"{write} of {key} met another state than expected; read it again and decide again")
        self.write = write
        self.key = key


class CommitUnknownError(TransientError):
    """Nobody can say whether the transaction was written; read again before doing anything else."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the outcome of a commit is unknown ({reason}); read again, then decide")
        self.reason = reason


class StoreUnavailableError(TransientError):
    """The store cannot be reached; nothing was written."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"the order store at {where} cannot be reached ({reason}); is the order service running?")
        self.where = where
        self.reason = reason


class IdempotencyRecord(msgspec.Struct, frozen=True):
    """Which order an ``Idempotency-Key`` made, and the fingerprint of the body it came with."""

    key: str
    fingerprint: str
    order_id: str


class Notification(msgspec.Struct, frozen=True):
    """An outbox entry: the body, JSON, to publish about an order, written in the order's own transaction.

    Attributes:
        version: of the order that it tells of; a later one is another notification.
    """

    order_id: str
    body: str
    created_at: float
    version: int = 0

    @property
    def key(self) -> tuple[str, int]:
        """Order id and version."""
        return self.order_id, self.version


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A small document that is not an order's: a circuit breaker, an alert, an event that was received.

    Attributes:
        kind, key: its identity.
        group: the list it stands in; "" for none.
        at: instant by which lists are sorted.
        version: 1 when it is new, 1 more with each change.
        document: JSON.
    """

    kind: str
    key: str
    at: float
    document: bytes
    group: str = ""
    version: int = 1


class OrderFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which orders to list, by their last change.

    Attributes:
        status, pipeline: None means any.
        updated_before: only orders whose last change is earlier than this instant; None means any.
        updated_since: only orders whose last change is not earlier than this instant; None means any.
        newest_first: the order of the list; oldest first otherwise.
        limit: at most so many, 1 to 1000.
    """

    status: OrderStatus | None = None
    pipeline: Pipeline | None = None
    updated_before: float | None = None
    updated_since: float | None = None
    newest_first: bool = False
    limit: int = 100


class PutOrder(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Writes the order if the stored version is *expected_version*; None: if there is none."""

    order: Order
    expected_version: int | None


class TakeStock(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Takes units from an offer's stock and opens a hold; SoldOutError when too few are left."""

    unit_id: str
    hold_id: str
    quantity: int
    expires_at: float


class SettleHold(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Marks held units as sold and gives the others back to the stock, for good.

    Nothing happens if they are already; ConflictError if released or unknown, or if fewer than *sold* are held.

    Attributes:
        sold: units; None: all that are held.
    """

    hold_id: str
    sold: int | None = None


class ReleaseHold(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Gives held units back to the stock; nothing happens if already released; ConflictError if sold or unknown."""

    hold_id: str


class ExtendHold(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Lets an open hold last until another instant; ConflictError if it was settled, released, or is unknown."""

    hold_id: str
    expires_at: float


class PutAudit(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Records a manual act; ConflictError if its id is known."""

    entry: AuditEntry


class PutRecord(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Writes a record if the stored version is *expected_version*; None: if there is none; ConflictError otherwise."""

    record: Record
    expected_version: int | None


class AddRecord(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Writes a record; nothing happens if one of this kind and key is known, whatever it says."""

    record: Record


class RemoveRecord(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Takes a record away; nothing happens if it is gone already."""

    kind: str
    key: str


class PutIdempotency(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Remembers an Idempotency-Key; ConflictError if the key is known."""

    record: IdempotencyRecord


class PutNotification(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Puts a notification into the outbox, in the place of one of the same order and version."""

    notification: Notification


class RemoveNotifications(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Takes published notifications out of the outbox, by their keys; those already gone do not matter. At most 100.

    One that was put meanwhile about a later version of an order stays.
    """

    keys: tuple[tuple[str, int], ...]


class PutOffer(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Adds an offer with its stock; ConflictError if the unit id is known."""

    offer: Offer


class PutVoucherCode(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Makes a voucher findable by its code's hash; ConflictError if another order has it."""

    code_hash: str
    order_id: str


Write = (
    PutOrder
    | TakeStock
    | SettleHold
    | ReleaseHold
    | PutIdempotency
    | PutNotification
    | RemoveNotifications
    | PutOffer
    | PutVoucherCode
    | ExtendHold
    | PutAudit
    | PutRecord
    | AddRecord
    | RemoveRecord
)
Transaction = tuple[Write, ...]


class OrderStore(Protocol):
    """Orders, offers with their stock, holds, idempotency keys and the outbox.

    Reads see every commit whose future has resolved, in whichever process, and may be called from any thread.
    """

    def order(self, order_id: str) -> Order | None:
        """The order as last committed."""
        ...

    def orders(self, wanted: OrderFilter) -> list[Order]:
        """Orders by their last change."""
        ...

    def offer(self, unit_id: str) -> Offer | None:
        """The offer with its stock as last committed."""
        ...

    def offers(self) -> list[Offer]:
        """All offers, by city, then unit id."""
        ...

    def hold(self, hold_id: str) -> Hold | None:
        """The hold of an order."""
        ...

    def holds_expired(self, before: float, limit: int = 100) -> list[Hold]:
        """Open holds that expired before an instant, the longest expired first."""
        ...

    def idempotency(self, key: str) -> IdempotencyRecord | None:
        """What a key was used for."""
        ...

    def order_id_of_voucher(self, code_hash: str) -> str | None:
        """The order whose voucher has this keyed hash."""
        ...

    def audits(self, subject: str | None = None, limit: int = 100) -> list[AuditEntry]:
        """Manual acts, the newest first: all, or those on one subject."""
        ...

    def record(self, kind: str, key: str) -> Record | None:
        """The record as last committed."""
        ...

    def records(self, group: str, limit: int = 100, *, since: float | None = None) -> list[Record]:
        """Records of one group, the earliest first; only those from the instant *since* on, if it is given."""
        ...

    def records_count(self, group: str, most: int, *, since: float, until: float) -> int:
        """How many records of one group there are from *since* to *until*, both included; told no further than *most*.

        Costs less than reading them.
        """
        ...

    def unpublished(self, limit: int = 100) -> list[Notification]:
        """The outbox, the oldest first."""
        ...

    def commit(self, transaction: Transaction) -> "Future[None]":
        """Writes all of *transaction* or nothing of it; the future resolves once that is on disk.

        Writes are tried in the order given; the future's exception is that of the first one refused. Callbacks of the
        future run on a thread of the store and must be short.

        Raises (through the future):
            ConflictError, SoldOutError: a write was refused.
            StoreUnavailableError: nothing was written.
            CommitUnknownError: it may have been written.
        """
        ...

    def close(self) -> None:
        """Finishes what was submitted and lets go of files and sockets."""
        ...
