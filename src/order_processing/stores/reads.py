"""The reading half of the contract over ``orders.db``, the same for the writer's process and all others."""

import heapq
import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from order_processing.domain import (
    AuditEntry,
    Hold,
    HoldState,
    Offer,
    Order,
    OrderSchemaError,
    OrderStatus,
    Pipeline,
    decode_order,
)
from order_processing.stores.connections import Readers
from order_processing.stores.contract import IdempotencyRecord, Notification, OrderFilter, Record

_log = logging.getLogger(__name__)

_offer_decoder = msgspec.json.Decoder(Offer)
_audit_decoder = msgspec.json.Decoder(AuditEntry)


def groups_of(wanted: OrderFilter) -> Iterator[tuple[OrderStatus, Pipeline]]:
    """The (status, pipeline) pairs a filter covers; each is one range of the index."""
    for status in OrderStatus if wanted.status is None else (wanted.status,):
        for pipeline in Pipeline if wanted.pipeline is None else (wanted.pipeline,):
            yield status, pipeline


def merged(groups: Iterable[list[Order]], wanted: OrderFilter) -> list[Order]:
    """The first orders of all *groups*, each of which is sorted by last change already."""
    newest = wanted.newest_first
    return list(islice(heapq.merge(*groups, key=lambda order: order.updated_at, reverse=newest), wanted.limit))


class ReadableOrders:
    """Leaves orders of a newer release out of lists: whoever works through one goes on with those that it can read."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def of(self, documents: Iterable[bytes], limit: int) -> list[Order]:
        """The first *limit* orders of *documents* that this release can read; the others are logged once each."""
        return list(islice((order for order in map(self._read, documents) if order is not None), limit))

    def _read(self, document: bytes) -> Order | None:
        try:
            return decode_order(document)
        except OrderSchemaError as error:
            if error.order_id not in self._told:
                self._told.add(error.order_id)
                _log.warning("left out of lists: %s", error)
            return None


class SqliteReads:
    """Reads of ``OrderStore``, each a query on the calling thread's own connection."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._readers = Readers(path)
        self._readable = ReadableOrders()

    def order(self, order_id: str) -> Order | None:
        """The order as last committed."""
        row = self._one("SELECT document FROM orders WHERE order_id = ?", order_id)
        return None if row is None else decode_order(row[0])

    def orders(self, wanted: OrderFilter) -> list[Order]:
        """Orders by their last change."""
        assert 1 <= wanted.limit <= 1000
        return merged([self._group(wanted, *pair) for pair in groups_of(wanted)], wanted)

    def _group(self, wanted: OrderFilter, status: OrderStatus, pipeline: Pipeline) -> list[Order]:
        before = float("inf") if wanted.updated_before is None else wanted.updated_before
        since = float("-inf") if wanted.updated_since is None else wanted.updated_since
        direction = "DESC" if wanted.newest_first else "ASC"
        # Without LIMIT, as those that are left out do not count; rows are read as far as they are asked for.
        rows = self._readers.get().execute(
            "SELECT document FROM orders WHERE status = ? AND pipeline = ? AND updated_at < ? AND updated_at >= ?"
            f" ORDER BY updated_at {direction}",
            (status.value, pipeline.value, before, since),
        )
        try:
            return self._readable.of((document for (document,) in rows), wanted.limit)
        finally:
            rows.close()  # rows that are left unread would keep the log from being reset

    def offer(self, unit_id: str) -> Offer | None:
        """The offer with its stock as last committed."""
        row = self._one("SELECT stock_left, document FROM offers WHERE unit_id = ?", unit_id)
        return None if row is None else _offer(*row)

    def offers(self) -> list[Offer]:
        """All offers, by city, then unit id."""
        found = [_offer(*row) for row in self._all("SELECT stock_left, document FROM offers", ())]
        return sorted(found, key=lambda offer: (offer.city, offer.unit_id))

    def hold(self, hold_id: str) -> Hold | None:
        """The hold of an order."""
        row = self._one(f"SELECT {_HOLD} FROM holds WHERE hold_id = ?", hold_id)
        return None if row is None else _hold(*row)

    def holds_expired(self, before: float, limit: int = 100) -> list[Hold]:
        """Open holds that expired before an instant, the longest expired first."""
        query = f"SELECT {_HOLD} FROM holds WHERE state = 'held' AND expires_at < ? ORDER BY expires_at LIMIT ?"
        return [_hold(*row) for row in self._all(query, (before, limit))]

    def idempotency(self, key: str) -> IdempotencyRecord | None:
        """What a key was used for."""
        row = self._one("SELECT key, fingerprint, order_id FROM idempotency WHERE key = ?", key)
        return None if row is None else IdempotencyRecord(*row)

    def order_id_of_voucher(self, code_hash: str) -> str | None:
        """The order whose voucher has this keyed hash."""
        row = self._one("SELECT order_id FROM voucher_codes WHERE code_hash = ?", code_hash)
        return None if row is None else str(row[0])

    def audits(self, subject: str | None = None, limit: int = 100) -> list[AuditEntry]:
        """Manual acts, the newest first: all, or those on one subject."""
        query = "SELECT document FROM audit WHERE ?1 IS NULL OR subject = ?1 ORDER BY number DESC LIMIT ?2"
        if subject is not None:
            query = "SELECT document FROM audit WHERE subject = ?1 ORDER BY number DESC LIMIT ?2"
        return [_audit_decoder.decode(document) for (document,) in self._all(query, (subject, limit))]

    def record(self, kind: str, key: str) -> Record | None:
        """The record as last committed."""
        rows = self._all(f"SELECT {_RECORD} FROM records WHERE kind = ? AND key = ?", (kind, key))
        return _record(*rows[0]) if rows else None

    def records(self, group: str, limit: int = 100, *, since: float | None = None) -> list[Record]:
        """Records of one group, the earliest first; only those from the instant *since* on, if it is given."""
        query = f"SELECT {_RECORD} FROM records WHERE list = ? AND list <> '' AND at >= ? ORDER BY at, key LIMIT ?"
        earliest = float("-inf") if since is None else since
        return [_record(*row) for row in self._all(query, (group, earliest, limit))]

    def records_count(self, group: str, most: int, *, since: float, until: float) -> int:
        """How many records of one group there are within a time; the index alone tells."""
        query = (
            "SELECT count(*) FROM (SELECT 1 FROM records WHERE list = ? AND list <> '' AND at >= ? AND at <= ? LIMIT ?)"
        )
        return int(self._all(query, (group, since, until, most))[0][0])

    def unpublished(self, limit: int = 100) -> list[Notification]:
        """The outbox, the oldest first."""
        rows = self._all(
            "SELECT order_id, body, created_at, version FROM notifications ORDER BY number LIMIT ?", (limit,)
        )
        return [Notification(*row) for row in rows]

    def close(self) -> None:
        """Lets go of the file."""
        self._readers.close()

    def _one(self, query: str, key: str) -> Any:
        return self._readers.get().execute(query, (key,)).fetchone()

    def _all(self, query: str, values: tuple[Any, ...]) -> list[Any]:
        return self._readers.get().execute(query, values).fetchall()


_RECORD = "kind, key, list, at, version, document"
_HOLD = "hold_id, unit_id, quantity, expires_at, state"


def _hold(hold_id: str, unit_id: str, quantity: int, expires_at: float, state: str) -> Hold:
    return Hold(hold_id=hold_id, unit_id=unit_id, quantity=quantity, expires_at=expires_at, state=HoldState(state))


def _record(*columns: Any) -> Record:
    kind, key, group, at, version, document = columns
    return Record(kind=kind, key=key, group=group, at=at, version=version, document=document)


def _offer(stock_left: int, document: bytes) -> Offer:
    return msgspec.structs.replace(_offer_decoder.decode(document), stock_left=stock_left)
