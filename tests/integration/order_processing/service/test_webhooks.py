"""Events of the payment provider: signed, taken in once, acknowledged whatever they say."""

import json

import pytest

from order_processing.domain import OrderStatus, Purpose
from order_processing.gateways.stripe_server import signature_of
from order_processing.operations import PaymentUnknownError, authorize, open_breaker, resolve_unknown

from .asking import Answer
from .conftest import Shop, settings
from .paying import cleared, completed, operator, order_of, provider

pytestmark = pytest.mark.anyio

SECRET = b"whsec_test"


def subscribe(shop: Shop) -> None:
    path = settings(shop.store.path.parent).stripe_secret_file
    assert path is not None
    path.write_bytes(SECRET + b"\n")


def an_event(payment_id: str, event_id: str = "evt_1", kind: str = "payment_intent.amount_capturable_updated") -> bytes:
    about = {"id": payment_id, "object": "payment_intent"}
    return json.dumps({"id": event_id, "type": kind, "created": 1, "data": {"object": about}}).encode()


async def send(shop: Shop, body: bytes, *, at: float | None = None) -> Answer:
    signature = signature_of(body, SECRET, int(shop.clock.now() if at is None else at))
    return await shop.post("/webhooks/stripe", body, stripe_signature=signature)


async def payment_of(shop: Shop, order_id: str) -> str:
    (payment,) = provider(shop).payments_of(order_of(shop, order_id))
    return payment.id


async def test_without_a_secret_nobody_sends_events_here(shop: Shop) -> None:
    assert (await send(shop, an_event("pi_1"))).status == 404


async def test_an_event_that_is_forged_or_kept_for_later_is_refused(shop: Shop) -> None:
    subscribe(shop)

    forged = await shop.post("/webhooks/stripe", an_event("pi_1"), stripe_signature="t=1,v1=00")
    old = await send(shop, an_event("pi_1"), at=shop.clock.now() - 301)
    unsigned = await shop.post("/webhooks/stripe", an_event("pi_1"))
    foreign = await shop.post("/webhooks/stripe", an_event("pi_1"), stripe_signature="t=²,v1=²,t=1")

    assert [answer.status for answer in (forged, old, unsigned, foreign)] == [400, 400, 400, 400]
    assert shop.store.records("provider_events/pending") == []


async def test_an_event_settles_a_payment_that_was_unknown_and_counts_once(shop: Shop) -> None:
    subscribe(shop)
    order_id, epoch = await cleared(shop, payment_token="tok_timeout_then_ok")
    with pytest.raises(PaymentUnknownError):
        authorize(shop.services, order_id, epoch)
    body = an_event(await payment_of(shop, order_id))

    first, again = await send(shop, body), await send(shop, body)

    assert (first.status, first.json) == (200, {"receipt": "applied"})
    assert (again.status, again.json) == (200, {"receipt": "duplicate"})
    assert order_of(shop, order_id).status is OrderStatus.AUTHORIZED


@pytest.mark.parametrize(
    "kind",
    [
        "payment_intent.succeeded",
        "payment_intent.canceled",
        "payment_intent.payment_failed",
        "payment_intent.amount_capturable_updated",
        "charge.refunded",
        "charge.expired",
        "customer.created",
    ],
)
async def test_a_stale_event_of_any_kind_is_acknowledged_and_changes_nothing(shop: Shop, kind: str) -> None:
    subscribe(shop)
    order_id = await completed(shop)
    before = order_of(shop, order_id)
    body = an_event(await payment_of(shop, order_id), kind=kind)

    answer = await send(shop, body)

    assert answer.status == 200
    assert order_of(shop, order_id) == before


async def test_an_event_about_somebody_else_s_payment_is_acknowledged(shop: Shop) -> None:
    subscribe(shop)

    answer = await send(shop, an_event("pi_of_another_shop"))

    assert (answer.status, answer.json) == (200, {"receipt": "ignored"})


async def test_a_refund_made_at_the_provider_shows_in_the_ledger(shop: Shop) -> None:
    subscribe(shop)
    order_id = await completed(shop)
    payment_id = await payment_of(shop, order_id)
    provider(shop).refund(payment_id, 2_500, "by hand, at the provider")

    await send(shop, an_event(payment_id, kind="charge.refunded"))

    order = order_of(shop, order_id)
    assert order.status is OrderStatus.REFUNDED
    assert [(each.amount_minor, each.request) for each in order.payments if each.purpose is Purpose.REFUND] == [
        (2_500, "provider")
    ]


async def test_an_event_that_cannot_be_acted_on_now_is_kept_for_the_job(shop: Shop) -> None:
    subscribe(shop)
    order_id, epoch = await cleared(shop, payment_token="tok_timeout_then_ok")
    with pytest.raises(PaymentUnknownError):
        authorize(shop.services, order_id, epoch)
    payment_id = await payment_of(shop, order_id)
    open_breaker(shop.services, by="ann", reason="maintenance")

    answer = await send(shop, an_event(payment_id))
    body = {"state": "closed", "actor": "ann", "reason": "done"}
    await shop.post("/operator/payments/breaker", body, authorization=operator(shop))
    report = resolve_unknown(shop.services)

    assert (answer.status, answer.json) == (200, {"receipt": "pending"})
    assert report.events == 1
    assert order_of(shop, order_id).status is OrderStatus.AUTHORIZED
    assert shop.store.records("provider_events/pending") == []


async def test_events_acted_upon_are_forgotten_after_a_month(shop: Shop) -> None:
    subscribe(shop)
    await send(shop, an_event("pi_of_another_shop"))
    resolve_unknown(shop.services)
    assert (await send(shop, an_event("pi_of_another_shop"))).json == {"receipt": "duplicate"}

    shop.clock.advance(31 * 86_400)
    resolve_unknown(shop.services)

    assert shop.store.records("provider_events/done") == []


async def test_an_event_larger_than_any_is_refused(shop: Shop) -> None:
    subscribe(shop)

    assert (await send(shop, b"x" * 70_000)).status == 413
    assert (await send(shop, an_event("pi_1") + b" " * 30_000)).status == 200
