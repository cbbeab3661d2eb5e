"""A transaction as rows of plain values: what crosses the socket and what the writer applies to SQLite."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import apsw
import msgspec

from order_processing.domain import HoldState, SoldOutError, encode_order
from order_processing.stores.contract import (
    AddRecord,
    ConflictError,
    ExtendHold,
    PutAudit,
    PutIdempotency,
    PutNotification,
    PutOffer,
    PutOrder,
    PutRecord,
    PutVoucherCode,
    Record,
    ReleaseHold,
    RemoveNotifications,
    RemoveRecord,
    SettleHold,
    TakeStock,
    Transaction,
)


class PutDocument(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """``PutOrder`` with its order encoded once, in the process that made it."""

    order_id: str
    expected_version: int | None
    version: int
    status: str
    pipeline: str
    updated_at: float
    document: bytes


Row = (
    PutDocument
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
Rows = tuple[Row, ...]


def rows_of(transaction: Transaction) -> Rows:
    """The rows that ``apply`` understands, in the same order."""
    return tuple(_document(write) if isinstance(write, PutOrder) else write for write in transaction)


def _document(write: PutOrder) -> PutDocument:
    order = write.order
    return PutDocument(
        order_id=order.order_id,
        expected_version=write.expected_version,
        version=order.version,
        status=order.status.value,
        pipeline=order.pipeline.value,
        updated_at=order.updated_at,
        document=encode_order(order),
    )


def apply(connection: apsw.Connection, rows: Iterable[Row]) -> None:
    """Writes *rows* inside the transaction that the caller began.

    Raises:
        ConflictError, SoldOutError: a condition did not hold; the caller rolls back.
    """
    for row in rows:
        _APPLY[type(row)](connection, row)


def _put_document(connection: apsw.Connection, row: PutDocument) -> None:
    values = (row.version, row.status, row.pipeline, row.updated_at, row.document)
    if row.expected_version is None:
        connection.execute(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", (row.order_id, *values)
        )
    else:
        connection.execute(
            "UPDATE orders SET version = ?, status = ?, pipeline = ?, updated_at = ?, document = ?"
            " WHERE order_id = ? AND version = ?",
            (*values, row.order_id, row.expected_version),
        )
    _expect_change(connection, "PutOrder", row.order_id)


def _take_stock(connection: apsw.Connection, row: TakeStock) -> None:
    connection.execute(
        "UPDATE offers SET stock_left = stock_left - ?1 WHERE unit_id = ?2 AND stock_left >= ?1",
        (row.quantity, row.unit_id),
    )
    if connection.changes() == 0:
        left = connection.execute("SELECT stock_left FROM offers WHERE unit_id = ?", (row.unit_id,)).fetchone()
        raise (
            ConflictError("TakeStock", row.unit_id)
            if left is None
            else SoldOutError(row.unit_id, row.quantity, left[0])
        )
    connection.execute(
        "INSERT INTO holds VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (row.hold_id, row.unit_id, row.quantity, row.expires_at, HoldState.HELD.value),
    )
    _expect_change(connection, "TakeStock", row.hold_id)


def _settle_hold(connection: apsw.Connection, row: SettleHold) -> None:
    closed = _close_hold(connection, row, HoldState.SETTLED)
    if not closed or row.sold is None:
        return
    held, unit_id = closed
    if not 0 <= row.sold <= held:
        raise ConflictError("SettleHold", row.hold_id)
    connection.execute("UPDATE holds SET quantity = ? WHERE hold_id = ?", (row.sold, row.hold_id))
    _add_stock(connection, held - row.sold, unit_id)


def _release_hold(connection: apsw.Connection, row: ReleaseHold) -> None:
    given_back = _close_hold(connection, row, HoldState.RELEASED)
    if given_back:
        _add_stock(connection, *given_back)


def _add_stock(connection: apsw.Connection, quantity: int, unit_id: str) -> None:
    connection.execute("UPDATE offers SET stock_left = stock_left + ? WHERE unit_id = ?", (quantity, unit_id))


def _close_hold(connection: apsw.Connection, row: SettleHold | ReleaseHold, state: HoldState) -> Any:
    """(quantity, unit id) when the hold was closed now, None when it had been closed so before."""
    closed = connection.execute(
        "UPDATE holds SET state = ? WHERE hold_id = ? AND state = 'held' RETURNING quantity, unit_id",
        (state.value, row.hold_id),
    ).fetchall()
    if closed:
        return closed[0]
    found = connection.execute("SELECT state FROM holds WHERE hold_id = ?", (row.hold_id,)).fetchone()
    if found is None or found[0] != state.value:
        raise ConflictError(type(row).__name__, row.hold_id)
    return None


def _extend_hold(connection: apsw.Connection, row: ExtendHold) -> None:
    connection.execute(
        "UPDATE holds SET expires_at = ? WHERE hold_id = ? AND state = 'held'", (row.expires_at, row.hold_id)
    )
    _expect_change(connection, "ExtendHold", row.hold_id)


def _put_audit(connection: apsw.Connection, row: PutAudit) -> None:
    entry = row.entry
    connection.execute(
        "INSERT INTO audit (audit_id, at, subject, document) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (entry.audit_id, entry.at, entry.subject, msgspec.json.encode(entry)),
    )
    _expect_change(connection, "PutAudit", entry.audit_id)


def _put_idempotency(connection: apsw.Connection, row: PutIdempotency) -> None:
    record = row.record
    connection.execute(
        "INSERT INTO idempotency VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (record.key, record.fingerprint, record.order_id),
    )
    _expect_change(connection, "PutIdempotency", record.key)


def _put_notification(connection: apsw.Connection, row: PutNotification) -> None:
    entry = row.notification
    connection.execute(
        "INSERT OR REPLACE INTO notifications (order_id, body, created_at, version) VALUES (?, ?, ?, ?)",
        (entry.order_id, entry.body, entry.created_at, entry.version),
    )


def _remove_notifications(connection: apsw.Connection, row: RemoveNotifications) -> None:
    connection.executemany("DELETE FROM notifications WHERE order_id = ? AND version = ?", row.keys)


def _put_offer(connection: apsw.Connection, row: PutOffer) -> None:
    connection.execute(
        "INSERT INTO offers VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (row.offer.unit_id, row.offer.stock_left, msgspec.json.encode(row.offer)),
    )
    _expect_change(connection, "PutOffer", row.offer.unit_id)


def _put_voucher_code(connection: apsw.Connection, row: PutVoucherCode) -> None:
    connection.execute(
        "INSERT INTO voucher_codes VALUES (?1, ?2) ON CONFLICT DO UPDATE SET order_id = ?2 WHERE order_id = ?2",
        (row.code_hash, row.order_id),
    )
    _expect_change(connection, "PutVoucherCode", row.code_hash)


def _put_record(connection: apsw.Connection, row: PutRecord) -> None:
    record = row.record
    if row.expected_version is None:
        _add_record(connection, row)
    else:
        connection.execute(
            "UPDATE records SET list = ?, at = ?, version = ?, document = ? WHERE kind = ? AND key = ? AND version = ?",
            (*_of_record(record), record.kind, record.key, row.expected_version),
        )
    _expect_change(connection, "PutRecord", f"{record.kind}/{record.key}")


def _add_record(connection: apsw.Connection, row: PutRecord | AddRecord) -> None:
    record = row.record
    values = (record.kind, record.key, *_of_record(record))
    connection.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", values)


def _of_record(record: Record) -> tuple[str, float, int, bytes]:
    return record.group, record.at, record.version, record.document


def _remove_record(connection: apsw.Connection, row: RemoveRecord) -> None:
    connection.execute("DELETE FROM records WHERE kind = ? AND key = ?", (row.kind, row.key))


def _expect_change(connection: apsw.Connection, write: str, key: str) -> None:
    if connection.changes() == 0:
        raise ConflictError(write, key)


_APPLY: Mapping[type[Row], Callable[[apsw.Connection, Any], None]] = {
    PutDocument: _put_document,
    TakeStock: _take_stock,
    SettleHold: _settle_hold,
    ReleaseHold: _release_hold,
    PutIdempotency: _put_idempotency,
    PutNotification: _put_notification,
    RemoveNotifications: _remove_notifications,
    PutOffer: _put_offer,
    PutVoucherCode: _put_voucher_code,
    ExtendHold: _extend_hold,
    PutAudit: _put_audit,
    PutRecord: _put_record,
    AddRecord: _add_record,
    RemoveRecord: _remove_record,
}
