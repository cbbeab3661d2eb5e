"""What the fraud scan looks at: traces that each placed order leaves of its user, its card and its address."""

import hashlib

import msgspec

from order_processing.domain import TEST_CARDS, FraudPolicy, FraudSignals, Order, keyed_hash
from order_processing.operations.context import Services
from order_processing.stores import AddRecord, Record

KIND = "sighting"


class Sighting(msgspec.Struct, frozen=True):
    """One order, as a user, a card or an address has left it behind."""

    order_id: str
    user_guid: str
    city: str


_decode = msgspec.json.Decoder(Sighting).decode


def source_key(services: Services, address: str) -> str:
    """What is kept of a client's address: a keyed hash, so that it can be counted but not read."""
    return keyed_hash(services.voucher_secret(), f"source/{address}").hex()[:32]


def sightings_of(order: Order) -> tuple[AddRecord, ...]:
    """The traces of an order, to be written with it; a test token that everybody uses leaves none of its card."""
    document = msgspec.json.encode(Sighting(order.order_id, order.user_guid, order.city))
    left_out = "card" if order.payment_token.startswith(TEST_CARDS) else ""
    kept = [(what, key) for what, key in _keys(order) if key and what != left_out]
    return tuple(AddRecord(_trace(order, what, key, document)) for what, key in kept)


def signals_of(services: Services, order: Order, policy: FraudPolicy) -> FraudSignals:
    """What was known when the order was placed; the same whenever it is asked.

    Raises:
        StoreUnavailableError: it cannot be found out, so nothing may be concluded.
    """
    user = _group("user", order.user_guid)
    by_user = _seen(services, order, user, policy.user_window_seconds, policy.user_orders_max)
    by_card: list[Sighting] = []
    if not policy.is_anonymous(order.payment_token):
        card = _group("card", _card(order))
        by_card = _seen(services, order, card, policy.card_window_seconds, policy.card_orders_max)
    from_source = 0
    if order.source:
        source = _group("source", order.source)
        since, most = order.created_at - policy.source_window_seconds, policy.source_orders_max + 1
        from_source = services.store.records_count(source, most, since=since, until=order.created_at)
    return FraudSignals(
        user_guid=order.user_guid,
        amount_minor=order.amount.amount_minor,
        orders_of_user=len(by_user),
        cities_of_user=len({each.city for each in by_user} | {order.city}),
        account_age_seconds=_account_age(services, order, user, policy),
        orders_of_card=len(by_card),
        users_of_card=len({each.user_guid for each in by_card}),
        orders_from_source=from_source,
    )


def _seen(services: Services, order: Order, group: str, window: float, most: int) -> list[Sighting]:
    """Orders within the window that ends with this one; no more of them than a rule can tell apart."""
    since = order.created_at - window
    records = services.store.records(group, most + 1, since=since)
    return [_decode(record.document) for record in records if record.at <= order.created_at]


def _account_age(services: Services, order: Order, user: str, policy: FraudPolicy) -> float | None:
    """None as well where the amount is too small for it to matter: then nothing is read."""
    if order.amount.amount_minor < policy.new_account_amount_minor:
        return None
    first = services.store.records(user, 1)
    return order.created_at - first[0].at if first and first[0].at <= order.created_at else None


def _keys(order: Order) -> tuple[tuple[str, str], ...]:
    return ("user", order.user_guid), ("card", _card(order)), ("source", order.source)


def _trace(order: Order, what: str, key: str, document: bytes) -> Record:
    group = _group(what, key)
    return Record(kind=KIND, key=f"{order.order_id}/{what}", group=group, at=order.created_at, document=document)


def _group(what: str, key: str) -> str:
    return f"sighting/{what}/{key}"


def _card(order: Order) -> str:
    return hashlib.sha256(f"card/{order.payment_token}".encode()).hexdigest()[:32]
