"""What every payment gateway does: the sandbox over HTTP, and its ledger without HTTP, which other tests rely on."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from order_processing.clock import ManualClock, SystemClock
from order_processing.domain import Money
from order_processing.gateways import (
    AUTHORIZATION_EXPIRED,
    Absent,
    Authorization,
    Declined,
    PaymentGateway,
    ProviderStatus,
    SandboxPayments,
    StripePayments,
    StripeSettings,
    Succeeded,
    Unknown,
    UrlError,
)

from .worlds import AUTHORIZATION_SECONDS, LedgerPayments


def over_http(tmp_path: Path) -> Iterator[PaymentGateway]:
    environment = {"PAYMENTS_DB": str(tmp_path / "payments.db"), "PAYMENTS_HOLD_SECONDS": "0.05", "PAYMENTS_PORT": "0"}
    command = [sys.executable, "-m", "order_processing.gateways.sandbox_server"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        payments = SandboxPayments(server.stdout.readline().split()[-1], timeout_seconds=5)
        try:
            yield payments
        finally:
            payments.close()
            server.terminate()


def over_stripe(tmp_path: Path) -> Iterator[PaymentGateway]:
    """Stripe's SDK against our server with Stripe's semantics, whose search lags a minute behind."""
    with stripe_server(tmp_path, STRIPE_SEARCH_LAG_SECONDS="60") as url:
        (tmp_path / "stripe.key").write_text("sk_test_contract\n")
        yield StripePayments(StripeSettings(tmp_path / "stripe.key", 5, url), SystemClock())


@contextmanager
def stripe_server(folder: Path, **settings: str) -> Iterator[str]:
    environment = {
        "STRIPE_DB": str(folder / "stripe.db"),
        "STRIPE_HOLD_SECONDS": "0.05",
        "STRIPE_PORT": "0",
        **settings,
    }
    command = [sys.executable, "-m", "order_processing.gateways.stripe_server"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


def on_the_ledger(tmp_path: Path) -> Iterator[PaymentGateway]:
    payments = LedgerPayments(tmp_path / "payments.db")
    yield payments
    payments.ledger.close()


@pytest.fixture(params=[over_http, over_stripe, on_the_ledger])
def payments(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PaymentGateway]:
    yield from request.param(tmp_path)


def asked(token: str = "tok_ok", key: str = "order/o-1/authorize/1") -> Authorization:
    return Authorization(Money(5_000), token, key)


def authorized(payments: PaymentGateway) -> str:
    result = payments.authorize(asked())
    assert isinstance(result, Succeeded)
    return result.payment.id


def test_a_good_card_is_authorised(payments: PaymentGateway) -> None:
    result = payments.authorize(asked())

    assert isinstance(result, Succeeded)
    assert (result.payment.status, result.payment.amount_minor) == (ProviderStatus.AUTHORIZED, 5_000)


def test_the_same_key_gives_the_same_payment(payments: PaymentGateway) -> None:
    assert payments.authorize(asked()) == payments.authorize(asked())


@pytest.mark.parametrize(("token", "code"), [("tok_declined", "card_declined"), ("tok_strange", "token_unknown")])
def test_a_bad_card_is_declined_with_a_reason(payments: PaymentGateway, token: str, code: str) -> None:
    result = payments.authorize(asked(token))

    assert isinstance(result, Declined)
    assert result.code == code
    found = payments.lookup(asked().key)
    assert isinstance(found, Absent) or found.payment.status is ProviderStatus.DECLINED  # type: ignore[union-attr]


def test_an_answer_that_was_late_can_be_looked_up(payments: PaymentGateway) -> None:
    assert isinstance(payments.authorize(asked("tok_timeout_then_ok")), Unknown | Succeeded)

    found = payments.lookup(asked().key)
    assert isinstance(found, Succeeded)
    assert found.payment.status is ProviderStatus.AUTHORIZED


def test_what_never_resolves_stays_unknown(payments: PaymentGateway) -> None:
    assert isinstance(payments.authorize(asked("tok_timeout")), Unknown)
    assert isinstance(payments.lookup(asked().key), Unknown)


def test_a_provider_that_fails_has_answered_and_charged_nothing(payments: PaymentGateway) -> None:
    result = payments.authorize(asked("tok_error"))

    assert isinstance(result, Unknown)
    assert result.answered
    assert payments.lookup(asked().key) == Absent()


def test_a_reference_never_used_is_absent(payments: PaymentGateway) -> None:
    assert payments.lookup("order/o-9/authorize/1") == Absent()


def test_captured_money_is_refunded_in_parts_up_to_all_of_it(payments: PaymentGateway) -> None:
    payment_id = authorized(payments)

    captured = payments.capture(payment_id, 4_000, "c")
    first = payments.refund(payment_id, 1_000, "r1")
    rest = payments.refund(payment_id, 3_000, "r2")
    more = payments.refund(payment_id, 1, "r3")

    assert isinstance(captured, Succeeded)
    assert captured.payment.captured_minor == 4_000
    assert isinstance(first, Succeeded)
    assert first.payment.status is ProviderStatus.CAPTURED
    assert isinstance(rest, Succeeded)
    assert (rest.payment.status, rest.payment.refunded_minor) == (ProviderStatus.REFUNDED, 4_000)
    assert isinstance(more, Declined)


def test_a_reservation_is_given_back_once_and_not_captured_after(payments: PaymentGateway) -> None:
    payment_id = authorized(payments)

    voided = payments.void(payment_id, "v")

    assert isinstance(voided, Succeeded)
    assert payments.void(payment_id, "v") == voided
    assert payments.capture(payment_id, 5_000, "c") == Declined("illegal_state")


def test_a_payment_is_fetched_by_the_provider_s_id_with_the_refunds_made(payments: PaymentGateway) -> None:
    payment_id = authorized(payments)
    payments.capture(payment_id, 5_000, "c")
    payments.refund(payment_id, 2_000, "order/o-1/refund/1")
    payments.refund(payment_id, 1_000, "order/o-1/refund/1/2")

    fetched = payments.fetch(payment_id)

    assert isinstance(fetched, Succeeded)
    assert fetched.payment.refunded_minor == 3_000
    assert set(fetched.payment.refund_keys) == {"order/o-1/refund/1", "order/o-1/refund/1/2"}
    assert fetched.payment.reference == asked().key
    assert payments.fetch("pay_nothing") == Absent()


def test_a_card_that_takes_nothing_back_is_charged_all_the_same(payments: PaymentGateway) -> None:
    result = payments.authorize(asked("tok_undo_refused"))
    assert isinstance(result, Succeeded)
    payment_id = result.payment.id

    assert payments.void(payment_id, "v") == Declined("undo_refused")
    assert isinstance(payments.capture(payment_id, 5_000, "c"), Succeeded)
    assert payments.refund(payment_id, 5_000, "r") == Declined("undo_refused")


def test_a_provider_nobody_answers_for_leaves_the_outcome_unknown() -> None:
    payments = SandboxPayments("http://127.0.0.1:1", timeout_seconds=0.5)

    assert isinstance(payments.authorize(asked()), Unknown)
    assert isinstance(payments.lookup("k"), Unknown)


def test_a_provider_that_is_not_configured_is_said_to_be_so() -> None:
    with pytest.raises(UrlError, match="no HTTP address"):
        SandboxPayments("", timeout_seconds=0.5).authorize(asked())


def test_a_reservation_that_ran_out_is_gone_and_says_so(tmp_path: Path) -> None:
    clock = ManualClock()
    payments = LedgerPayments(tmp_path / "payments.db", clock)
    payment_id = authorized(payments)
    reserved = payments.fetch(payment_id)

    clock.advance(AUTHORIZATION_SECONDS)

    assert isinstance(reserved, Succeeded)
    assert reserved.payment.expires_at == clock.now()
    assert payments.capture(payment_id, 5_000, "c") == Declined(AUTHORIZATION_EXPIRED)
    for found in (payments.fetch(payment_id), payments.lookup(asked().key)):
        assert isinstance(found, Succeeded)
        assert (found.payment.status, found.payment.decline_code) == (ProviderStatus.VOIDED, AUTHORIZATION_EXPIRED)
    payments.ledger.close()
