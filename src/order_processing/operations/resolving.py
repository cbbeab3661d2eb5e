"""The queue of open payments worked off in batches, and events of the provider taken in."""

import logging
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import msgspec

from order_processing.domain import Purpose, UnknownOrderError, order_id_of
from order_processing.errors import OrderProcessingError, TransientError
from order_processing.gateways import ProviderEvent, Succeeded, Unknown
from order_processing.operations.attempts import PaymentUnknownError
from order_processing.operations.breaking import PaymentHeldError, ask
from order_processing.operations.consequences import QUEUE, is_open_question
from order_processing.operations.context import Services
from order_processing.operations.settling import UnknownPaymentError, observe, open_payments, resolve
from order_processing.stores import AddRecord, ConflictError, PutRecord, Record, RemoveRecord

RESOLVED_MAX = 200
FORGOTTEN_MAX = 90
"""Writes that fit into one transaction of DynamoDB, with room to spare."""

_KIND = "provider_event"
_PENDING = "provider_events/pending"
_DONE = "provider_events/done"

REMEMBERED_SECONDS = 30 * 86_400.0
"""How long an event that was acted upon is known; providers give up sending one again after some days."""

log = logging.getLogger(__name__)

_decoder = msgspec.json.Decoder(ProviderEvent)


class Receipt(Enum):
    """What became of an event; all of them are acknowledged, as sending one again would change nothing."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    """It is about a payment that is not ours."""
    PENDING = "pending"
    """It is on disk; the next run of the job acts on it, as the provider could not be asked."""


@dataclass(slots=True)
class Resolution:
    """What a run of the job did: numbers of orders and events, and per order why nothing came of it."""

    resolved: int = 0
    events: int = 0
    waiting: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The answer of the job's function."""
        return {"resolved": self.resolved, "events": self.events, "waiting": self.waiting}


def resolve_unknown(services: Services, limit: int = RESOLVED_MAX) -> Resolution:
    """Works off up to *limit* pending events and open payments, those asked about longest ago first.

    One order's fault stops no other, and what cannot be found out today is asked about after all others.

    It ends when the provider is not asked any more: whoever comes next waits as well.
    """
    report = Resolution()
    for record in services.store.records(_PENDING, limit):
        report.events += _is_acted_on(services, record)
    _forget(services, limit)
    for order in open_payments(services, limit):
        try:
            done = resolve(services, order.order_id)
        except PaymentHeldError as error:
            report.waiting[order.order_id] = str(error)
            break
        except OrderProcessingError as error:
            report.waiting[order.order_id] = str(error)
        else:
            if not is_open_question(done):
                report.resolved += 1
                continue
            report.waiting[order.order_id] = "its owner or a person goes on with it"
        _postpone(services, services.store.record(QUEUE, order.order_id))
    return report


def receive_event(services: Services, event: ProviderEvent) -> Receipt:
    """Takes an event in, once per id: on disk first, then acted upon by asking the provider how the payment stands.

    What the event itself says is not believed: events come late, twice and out of order.

    Raises:
        StoreUnavailableError, CommitUnknownError: it is not surely on disk; do not acknowledge it.
    """
    record = Record(
        kind=_KIND, key=event.id, group=_PENDING, at=services.clock.now(), document=msgspec.json.encode(event)
    )
    services.store.commit((AddRecord(record),)).result()
    stored = services.store.record(_KIND, event.id)
    assert stored is not None
    return _act_on(services, stored) if stored.group == _PENDING else Receipt.DUPLICATE


def _is_acted_on(services: Services, record: Record) -> bool:
    """Acts on a pending event; one that cannot be acted on, for whatever reason, keeps no other from it."""
    try:
        return _act_on(services, record) is not Receipt.PENDING
    except OrderProcessingError as error:
        log.warning("event %s of the payment provider cannot be acted on: %s", record.key, error)
        _postpone(services, record)
        return False


def _postpone(services: Services, record: Record | None) -> None:
    """Puts what nothing came of behind the others, however many of its kind there are; None: it is not in the list."""
    if record is None:
        return
    later = msgspec.structs.replace(record, at=services.clock.now(), version=record.version + 1)
    with suppress(ConflictError, TransientError):  # somebody else has it, or it comes first once more
        services.store.commit((PutRecord(later, record.version),)).result()


def _forget(services: Services, limit: int) -> None:
    """Takes away events that were acted upon long ago."""
    before = services.clock.now() - REMEMBERED_SECONDS
    old = [record for record in services.store.records(_DONE, min(limit, FORGOTTEN_MAX)) if record.at < before]
    if old:
        services.store.commit(tuple(RemoveRecord(_KIND, record.key) for record in old)).result()


def _act_on(services: Services, record: Record) -> Receipt:
    event = _decoder.decode(record.document)
    try:
        receipt = _observed(services, event)
    except TransientError as error:
        log.warning("event %s of the payment provider waits: %s", event.id, error)
        if not isinstance(error, PaymentHeldError):
            _postpone(services, record)
        return Receipt.PENDING
    done = msgspec.structs.replace(record, group=_DONE, version=record.version + 1)
    try:
        services.store.commit((PutRecord(done, record.version),)).result()
    except ConflictError:
        return Receipt.DUPLICATE
    return receipt


def _observed(services: Services, event: ProviderEvent) -> Receipt:
    found = ask(services, event.payment_id, lambda payments: payments.fetch(event.payment_id))
    if isinstance(found, Unknown):
        raise PaymentUnknownError(event.payment_id, Purpose.AUTHORIZE, found.reason)
    order_id = order_id_of(found.payment.reference) if isinstance(found, Succeeded) else None
    if order_id is None or not isinstance(found, Succeeded):
        return Receipt.IGNORED
    try:
        observe(services, order_id, found.payment)
    except (UnknownOrderError, UnknownPaymentError):
        return Receipt.IGNORED
    return Receipt.APPLIED
