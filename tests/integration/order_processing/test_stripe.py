"""What is Stripe's own: idempotency keys, a search that lags, authorisations that run out, events that are signed."""

import json
import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from order_processing.clock import ManualClock, SystemClock
from order_processing.domain import Money
from order_processing.gateways import (
    AUTHORIZATION_EXPIRED,
    Absent,
    Authorization,
    Declined,
    EventSignatureError,
    ProviderStatus,
    StripeKeyError,
    StripePayments,
    StripeSettings,
    Succeeded,
    Unknown,
    verified_event,
)
from order_processing.gateways.http_client import HttpConnection
from order_processing.gateways.stripe_ledger import AUTHORIZATION_SECONDS, StripeLedger
from order_processing.gateways.stripe_server import nested, signature_of
from order_processing.ids import SeededIds

from .test_payment_contract import stripe_server

KEY = "sk_test_a_secret_that_must_not_show"
SECRET = b"whsec_test"
AT = 1_700_000_000.0


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with stripe_server(tmp_path) as started:
        yield started


@pytest.fixture
def payments(url: str, tmp_path: Path) -> StripePayments:
    (tmp_path / "stripe.key").write_text(KEY)
    return StripePayments(StripeSettings(tmp_path / "stripe.key", 5, url), SystemClock())


def asked(token: str = "tok_ok", key: str = "order/o-1/authorize/1", amount_minor: int = 5_000) -> Authorization:
    return Authorization(Money(amount_minor), token, key)


def test_a_key_used_with_other_parameters_is_refused(payments: StripePayments) -> None:
    payments.authorize(asked())

    assert payments.authorize(asked(amount_minor=9_900)) == Declined("idempotency_key_reused")


def test_an_error_is_replayed_with_its_key_and_tried_afresh_with_another(payments: StripePayments) -> None:
    first = payments.authorize(asked("tok_error"))

    assert first == payments.authorize(asked("tok_error"))
    assert isinstance(first, Unknown)
    assert isinstance(payments.authorize(asked(key="order/o-1/authorize/1/2")), Succeeded)


def test_a_request_lost_before_anything_was_done_is_sent_again_under_its_key(payments: StripePayments) -> None:
    lost = payments.authorize(asked("pm_card_timeoutBeforeCommit"))

    assert isinstance(lost, Unknown)
    assert not lost.answered
    assert payments.lookup(asked().key) == Absent()
    assert isinstance(payments.authorize(asked("pm_card_timeoutBeforeCommit")), Succeeded)


def test_a_card_without_funds_is_declined_by_stripe_s_code(payments: StripePayments) -> None:
    result = payments.authorize(asked("pm_card_visa_chargeDeclinedInsufficientFunds"))

    assert isinstance(result, Declined)
    assert (result.code, result.payment_id[:3]) == ("card_declined", "pi_")


def test_a_key_that_stripe_does_not_take_declines_no_customer_and_does_not_show(url: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.key").write_text("sk_live_a_secret_that_must_not_show")
    payments = StripePayments(StripeSettings(tmp_path / "wrong.key", 5, url), SystemClock())

    result = payments.authorize(asked())

    assert isinstance(result, Unknown)
    assert result.answered
    assert "secret" not in result.reason


@pytest.mark.parametrize("content", [None, "pk_test_public"])
def test_a_key_file_that_holds_none_is_said_to_hold_none(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "stripe.key").write_text(content)
    payments = StripePayments(StripeSettings(tmp_path / "stripe.key", 1, "http://127.0.0.1:1"), ManualClock())

    with pytest.raises(StripeKeyError, match="STRIPE_KEY_FILE") as refused:
        payments.authorize(asked())

    assert "pk_test_public" not in str(refused.value)


def test_nobody_answering_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "stripe.key").write_text(KEY)
    payments = StripePayments(StripeSettings(tmp_path / "stripe.key", 1, "http://127.0.0.1:1"), ManualClock())

    assert payments.authorize(asked()) == Unknown("APIConnectionError")
    assert isinstance(payments.fetch("pi_1"), Unknown)


def test_an_authorisation_that_ran_out_is_gone_and_says_so(payments: StripePayments, url: str) -> None:
    result = payments.authorize(asked())
    assert isinstance(result, Succeeded)
    assert result.payment.expires_at is not None
    payment_id = result.payment.id

    with closing(HttpConnection(url, 5)) as by_hand:
        by_hand.ask("POST", f"/v1/test_helpers/payment_intents/{payment_id}/expire", f"Authorization: Bearer {KEY}\r\n")

    assert payments.capture(payment_id, 5_000, "c") == Declined(AUTHORIZATION_EXPIRED)
    found = payments.fetch(payment_id)
    assert isinstance(found, Succeeded)
    assert (found.payment.status, found.payment.decline_code) == (ProviderStatus.VOIDED, AUTHORIZATION_EXPIRED)


def test_nothing_of_the_key_is_logged(payments: StripePayments, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        payments.authorize(asked())

    assert KEY not in caplog.text


def a_ledger(tmp_path: Path, clock: ManualClock, lag: float = 0.0) -> StripeLedger:
    return StripeLedger(tmp_path / "stripe.db", clock, SeededIds(3), lag)


FORM = {
    "amount": "5000",
    "currency": "usd",
    "payment_method": "pm_card_visa",
    "metadata": {"reference": "order/o-1/a/1"},
}


def test_the_ledger_cancels_what_nobody_captured_and_tells(tmp_path: Path) -> None:
    clock = ManualClock()
    ledger = a_ledger(tmp_path, clock)
    payment_id = json.loads(ledger.change("k", "/v1/payment_intents", FORM, lambda: ledger.create("k", FORM)).body)[
        "id"
    ]

    clock.advance(AUTHORIZATION_SECONDS)

    intent = ledger.payment(payment_id)["intent"]
    assert (intent["status"], intent["cancellation_reason"]) == ("canceled", "automatic")
    assert [event["type"] for event in ledger.events()] == [
        "payment_intent.canceled",
        "charge.expired",
        "payment_intent.amount_capturable_updated",
    ]
    ledger.close()


def test_the_ledger_finds_by_search_only_what_is_old_enough(tmp_path: Path) -> None:
    clock = ManualClock()
    ledger = a_ledger(tmp_path, clock, lag=60)
    ledger.change("k", "/v1/payment_intents", FORM, lambda: ledger.create("k", FORM))
    query = "metadata['reference']:'order/o-1/a/1'"

    assert ledger.search(query) == []
    assert len(ledger.recent(clock.now() - 1, "", 10)) == 1
    clock.advance(60)
    assert len(ledger.search(query) or []) == 1
    ledger.close()


def test_forms_are_read_as_stripe_nests_them() -> None:
    form = nested("amount=5&metadata[reference]=a%2Fb&expand[0]=x&card[a][b]=c")

    assert form == {"amount": "5", "metadata": {"reference": "a/b"}, "expand": {"0": "x"}, "card": {"a": {"b": "c"}}}


def an_event(kind: str = "payment_intent.succeeded", about: object = None) -> bytes:
    thing = about or {"id": "pi_1", "object": "payment_intent"}
    return json.dumps({"id": "evt_1", "type": kind, "created": 5, "data": {"object": thing}}).encode()


def test_a_signed_event_is_known_by_stripe_s_sdk() -> None:
    body = an_event()

    event = verified_event(body, signature_of(body, SECRET, int(AT)), SECRET.decode(), AT)

    assert event is not None
    assert (event.id, event.kind, event.payment_id, event.at) == ("evt_1", "payment_intent.succeeded", "pi_1", 5.0)


def test_an_event_about_a_charge_names_its_payment() -> None:
    body = an_event("charge.refunded", {"id": "ch_1", "object": "charge", "payment_intent": "pi_7"})

    event = verified_event(body, signature_of(body, SECRET, int(AT)), SECRET.decode(), AT)

    assert event is not None
    assert event.payment_id == "pi_7"


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "t=1700000000",
        "v1=00",
        "t=x,v1=y",
        signature_of(an_event(), b"another", int(AT)),
        signature_of(an_event("charge.expired"), SECRET, int(AT)),
        signature_of(an_event(), SECRET, int(AT) - 301),
        signature_of(an_event(), SECRET, int(AT) + 301),
        " t=1700000000," + signature_of(an_event(), SECRET, int(AT) - 301),
        "t=1700000000=0," + signature_of(an_event(), SECRET, int(AT) - 301),
        "t=²,v1=00",
        "t=1700000000,v1=²",
    ],
)
def test_an_event_that_is_forged_or_old_is_refused(signature: str) -> None:
    with pytest.raises(EventSignatureError):
        verified_event(an_event(), signature, SECRET.decode(), AT)


@pytest.mark.parametrize("body", [b"[]", b"{}", b"not json", an_event("customer.created"), an_event(about={"id": 1})])
def test_a_genuine_event_that_says_nothing_to_us_is_left_alone(body: bytes) -> None:
    assert verified_event(body, signature_of(body, SECRET, int(AT)), SECRET.decode(), AT) is None
