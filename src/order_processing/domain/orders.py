"""An order: one document with everything that happened to it, and the table of what may happen next."""

from collections.abc import Mapping
from enum import Enum

import msgspec

from order_processing.domain.fraud import FraudAssessment, FraudReview
from order_processing.domain.money import Money
from order_processing.domain.offers import OfferKind
from order_processing.domain.ownership import Owner, Pipeline
from order_processing.domain.payments import Ledger
from order_processing.domain.vouchers import Voucher
from order_processing.errors import OrderProcessingError, RefusedError

SCHEMA = 1


class OrderStatus(Enum):
    """Where an order stands, for customers and operators alike."""

    RECEIVED = "received"
    """On disk, its units held, nobody works on it yet."""
    PROCESSING = "processing"
    """Its owner has begun."""
    IN_REVIEW = "in_review"
    """A person decides whether it is fraud."""
    CLEARED = "cleared"
    """Not fraud; the payment comes next."""
    PAYMENT_UNKNOWN = "payment_unknown"
    """The payment provider was asked and did not answer; it is looked up before anything else."""
    AUTHORIZED = "authorized"
    """The amount is reserved on the customer's card."""
    FULFILLING = "fulfilling"
    """Vouchers are prepared or goods are on their way; not paid yet."""
    PARTIALLY_FULFILLED = "partially_fulfilled"
    """Some of the units were delivered and paid."""
    COMPLETED = "completed"
    """Paid and delivered: the vouchers are issued, or the goods were handed to the carrier."""
    REFUNDED = "refunded"
    """Paid back in full."""
    REJECTED = "rejected"
    """Fraud, or its review said so or came to no end."""
    DECLINED = "declined"
    """The payment provider said no."""
    CANCELLED = "cancelled"
    """Called off by the customer or an operator."""
    FAILED = "failed"
    """Given up for good; nothing is held, nothing is owed."""
    QUARANTINED = "quarantined"
    """Failed too often; waits for an operator so that it cannot starve others."""


_S = OrderStatus
_GIVEN_UP = frozenset({_S.CANCELLED, _S.FAILED, _S.QUARANTINED})

TRANSITIONS: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    _S.RECEIVED: frozenset({_S.PROCESSING}) | _GIVEN_UP,
    _S.PROCESSING: frozenset({_S.CLEARED, _S.IN_REVIEW, _S.REJECTED}) | _GIVEN_UP,
    _S.IN_REVIEW: frozenset({_S.CLEARED, _S.REJECTED}) | _GIVEN_UP,
    _S.CLEARED: frozenset({_S.AUTHORIZED, _S.PAYMENT_UNKNOWN, _S.DECLINED}) | _GIVEN_UP,
    _S.PAYMENT_UNKNOWN: frozenset({_S.CLEARED, _S.AUTHORIZED, _S.FULFILLING, _S.DECLINED})
    | frozenset({_S.COMPLETED, _S.PARTIALLY_FULFILLED})
    | _GIVEN_UP,
    _S.AUTHORIZED: frozenset({_S.FULFILLING, _S.CLEARED}) | _GIVEN_UP,
    _S.FULFILLING: frozenset({_S.COMPLETED, _S.PARTIALLY_FULFILLED, _S.PAYMENT_UNKNOWN, _S.CLEARED, _S.DECLINED})
    | _GIVEN_UP,
    _S.PARTIALLY_FULFILLED: frozenset({_S.COMPLETED, _S.REFUNDED}),
    _S.COMPLETED: frozenset({_S.REFUNDED}),
    _S.QUARANTINED: frozenset({_S.PROCESSING, _S.IN_REVIEW, _S.CLEARED, _S.AUTHORIZED, _S.FULFILLING})
    | frozenset({_S.CANCELLED, _S.FAILED}),
    _S.REFUNDED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.DECLINED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.FAILED: frozenset(),
}
"""What may follow each status; what is absent is refused."""

DEAD = frozenset({_S.REJECTED, _S.DECLINED, _S.CANCELLED, _S.FAILED, _S.REFUNDED})
"""Nothing will be delivered any more and no money may stay with us."""

AT_REST = DEAD | frozenset({_S.COMPLETED, _S.PARTIALLY_FULFILLED, _S.QUARANTINED})
"""No pipeline works on the order."""


class IllegalTransitionError(RefusedError):
    """The table has no such step; a late or repeated event is acknowledged and dropped."""

    def __init__(self, order_id: str, status: OrderStatus, to: OrderStatus) -> None:
        super().__init__(f"order {order_id} is {status.value} and cannot become {to.value}; look at its timeline")
        self.order_id = order_id
        self.status = status
        self.to = to


class UnknownOrderError(RefusedError):
    """No order has this id."""

    def __init__(self, order_id: str) -> None:
        super().__init__(f"there is no order {order_id!r}; check the id")
        self.order_id = order_id


class OrderSchemaError(OrderProcessingError):
    """The document was written by a newer release."""

    def __init__(self, order_id: str, schema: int) -> None:
        super().__init__(f"order {order_id} has schema {schema}, this release reads up to {SCHEMA}; upgrade it")
        self.order_id = order_id
        self.schema = schema


class TimelineEntry(msgspec.Struct, frozen=True):
    """Something that happened.

    Attributes:
        at: instant.
        event: a status reached, or a word such as ``claimed``.
        by: pipeline, function, or person.
    """

    at: float
    event: str
    by: str
    detail: str = ""


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """An A/B decision, made once and then obeyed.

    Attributes:
        experiment: ``pipeline`` or ``release``.
        rule: what decided: ``weights``, ``default``, a targeting rule's name, or why it fell back.
        bucket: 0 to 9999, from a salted hash of the order id; -1 when no bucket was drawn.
    """

    experiment: str
    variant: str
    rule: str
    bucket: int
    at: float


class Shipment(msgspec.Struct, frozen=True, kw_only=True):
    """Goods the warehouse keeps or sent for an order."""

    shipment_id: str
    quantity: int
    reserved_at: float
    shipped_at: float | None = None
    tracking: str = ""


class Shipping(msgspec.Struct, frozen=True, kw_only=True):
    """What is waited for from the warehouse.

    Attributes:
        deadline_at: what has not been shipped by then is cancelled.
        task_token: continues the execution that waits; "" when none does.
        closed_at: from then on nothing more is shipped, None before.
    """

    requested_at: float
    deadline_at: float
    task_token: str = ""
    closed_at: float | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The aggregate; stored whole, changed by making the next version.

    Attributes:
        schema: of this document; never omitted.
        order_id: also its hold's id and its execution's name.
        amount: of the whole order; fixed when it is placed.
        title, merchant, city, time_zone, kind, valid_days: as the offer said when it was placed.
        release: state machine assigned by the second A/B decision; "" before it or in the legacy pipeline.
        attempts: times a pipeline took it on since it last got further, by pipeline value.
        source: keyed hash of the address it came from, "" when that is not known.
        mails: message ids of what was sent.
        problem: why it failed or is in quarantine, "" when all is well.
        paused: why an operator stopped it, "" when nobody did; no pipeline takes it until it is resumed.
        version: 1 when placed, 1 more with each change.
    """

    schema: int
    order_id: str
    user_guid: str
    unit_id: str
    quantity: int
    payment_token: str
    amount: Money
    title: str
    merchant: str
    city: str
    time_zone: str
    kind: OfferKind
    valid_days: int
    status: OrderStatus
    pipeline: Pipeline
    owner: Owner
    created_at: float
    updated_at: float
    version: int
    release: str = ""
    fraud: FraudAssessment | None = None
    review: FraudReview | None = None
    payments: Ledger = ()
    vouchers: tuple[Voucher, ...] = ()
    shipments: tuple[Shipment, ...] = ()
    shipping: Shipping | None = None
    mails: tuple[str, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    attempts: dict[str, int] = {}
    problem: str = ""
    source: str = ""
    paused: str = ""


class NewOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a customer asks for; field for field the body of ``POST /orders``."""

    user_guid: str
    unit_id: str
    quantity: int
    payment_token: str


def moved(order: Order, to: OrderStatus, entry: TimelineEntry) -> Order:
    """*order* one version later, in status *to*.

    Raises:
        IllegalTransitionError: the table has no such step.
    """
    if to not in TRANSITIONS[order.status]:
        raise IllegalTransitionError(order.order_id, order.status, to)
    return noted(msgspec.structs.replace(order, status=to), entry)


def noted(order: Order, entry: TimelineEntry) -> Order:
    """*order* one version later, with *entry* at the end of its timeline."""
    return msgspec.structs.replace(
        order, timeline=(*order.timeline, entry), updated_at=entry.at, version=order.version + 1
    )


class _Head(msgspec.Struct, frozen=True):
    """What a document of any schema has."""

    schema: int
    order_id: str


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Order)
_head_decoder = msgspec.json.Decoder(_Head)


def encode_order(order: Order) -> bytes:
    """The document as stored: JSON."""
    return _encoder.encode(order)


def decode_order(document: bytes) -> Order:
    """Reads what ``encode_order`` wrote, in this release or an earlier one.

    Raises:
        OrderSchemaError: a newer release wrote it.
    """
    try:
        order = _decoder.decode(document)
    except msgspec.ValidationError:
        _demand_known_schema(_head_decoder.decode(document))  # a newer one may have another shape, too
        raise
    _demand_known_schema(order)
    return order


def _demand_known_schema(order: "Order | _Head") -> None:
    if order.schema > SCHEMA:
        raise OrderSchemaError(order.order_id, order.schema)
