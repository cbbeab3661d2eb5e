"""Placing an order: order, stock hold, idempotency key and notification in one transaction."""

import hashlib
from concurrent.futures import Future
from dataclasses import dataclass

import msgspec

from order_processing.domain import NewOrder, Offer, Order, UnknownOfferError, changed, placed
from order_processing.errors import RefusedError
from order_processing.experiments import Subject
from order_processing.operations.context import Services, load
from order_processing.operations.facts import sightings_of, source_key
from order_processing.stores import (
    CommitUnknownError,
    ConflictError,
    IdempotencyRecord,
    Notification,
    PutIdempotency,
    PutNotification,
    PutOrder,
    TakeStock,
    Transaction,
)

EVENT_SCHEMA = 1


class IdempotencyMismatchError(RefusedError):
    """The Idempotency-Key was used before, for another order."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Idempotency-Key {key!r} was used for another order; use a new key for a new order")
        self.key = key


@dataclass(frozen=True, slots=True)
class Placed:
    """The order that a request made.

    Attributes:
        replayed: an earlier request with the same key made it.
    """

    order: Order
    replayed: bool = False


def place(services: Services, request: NewOrder, idempotency_key: str, source: str = "") -> "Future[Placed]":
    """Places an order; the future resolves when it is on disk.

    The same key and request again give the same order. Callbacks of the future run on a thread of the store.

    Args:
        source: the address it comes from, "" when that is not known; only a keyed hash of it is kept.

    Raises:
        UnknownOfferError, OfferClosedError, QuantityError: at once.
        SoldOutError, IdempotencyMismatchError, StoreUnavailableError: through the future.
    """
    fingerprint = fingerprint_of(request)
    offer = services.store.offer(request.unit_id)
    if offer is None:
        raise UnknownOfferError(request.unit_id)
    order_id = services.ids.order_id()
    at = services.clock.now()
    assignment = services.experiments.pipeline(_subject(request, offer, order_id), at)
    order = changed(placed(request, offer, order_id, assignment), source=source_key(services, source) if source else "")
    record = IdempotencyRecord(idempotency_key, fingerprint, order_id)
    answer: Future[Placed] = Future()
    answer.set_running_or_notify_cancel()  # the order cannot be called back once it is on its way to the disk
    committed = services.store.commit(_transaction(services, order, record))
    committed.add_done_callback(lambda done: _answer(services, order, record, done, answer))
    return answer


def _subject(request: NewOrder, offer: Offer, order_id: str) -> Subject:
    """Whom the first A/B decision is about; what the order will cost is a rule's business as well."""
    return Subject(
        order_id=order_id,
        user_guid=request.user_guid,
        unit_id=offer.unit_id,
        city=offer.city,
        category=offer.category.value,
        kind=offer.kind.value,
        amount_minor=offer.price.amount_minor * request.quantity,
    )


def fingerprint_of(request: NewOrder) -> str:
    """The same for requests that ask for the same thing."""
    return hashlib.sha256(msgspec.json.encode(request)).hexdigest()


def _transaction(services: Services, order: Order, record: IdempotencyRecord) -> Transaction:
    """The key comes first: a repeated request gets its order even when the offer has sold out since."""
    expires_at = order.created_at + services.policy.hold_seconds
    return (
        PutIdempotency(record),
        PutOrder(order, None),
        TakeStock(order.unit_id, order.order_id, order.quantity, expires_at),
        PutNotification(notification_of(order)),
        *sightings_of(order),
    )


def notification_of(order: Order) -> Notification:
    """What the topic tells about an order: enough to look it up and to filter by."""
    body = {
        "schema": EVENT_SCHEMA,
        "order_id": order.order_id,
        "user_guid": order.user_guid,
        "unit_id": order.unit_id,
        "quantity": order.quantity,
        "kind": order.kind.value,
        "city": order.city,
        "pipeline": order.pipeline.value,
        "created_at": order.created_at,
    }
    return Notification(order.order_id, msgspec.json.encode(body).decode(), order.created_at, order.version)


def _answer(
    services: Services, order: Order, record: IdempotencyRecord, done: "Future[None]", answer: "Future[Placed]"
) -> None:
    error = done.exception()
    try:
        if error is None:
            answer.set_result(Placed(order))
        elif isinstance(error, CommitUnknownError) or _is_repeated(error):
            answer.set_result(_replayed(services, order, record, error))
        else:
            answer.set_exception(error)
    except Exception as fault:  # noqa: BLE001 - the edge of the store's thread: what is raised here belongs to the caller
        answer.set_exception(fault)


def _is_repeated(error: BaseException) -> bool:
    return isinstance(error, ConflictError) and error.write == PutIdempotency.__name__


def _replayed(services: Services, order: Order, record: IdempotencyRecord, error: BaseException) -> Placed:
    """The order that the key stands for, whoever wrote it; *error* when nobody did."""
    known = services.store.idempotency(record.key)
    if known is None:
        raise error
    if known.fingerprint != record.fingerprint:
        raise IdempotencyMismatchError(record.key)
    if known.order_id == order.order_id:
        return Placed(order)
    return Placed(load(services, known.order_id), replayed=True)
