"""Totals come from the ledger, and every attempt has a key of its own."""

from order_processing.domain import (
    Ledger,
    Outcome,
    PaymentAttempt,
    Purpose,
    attempt_key,
    captured_net_minor,
    open_authorizations,
    total_minor,
    unresolved,
    with_attempt,
)


def an_attempt(purpose: Purpose, outcome: Outcome = Outcome.SUCCEEDED, **changes: object) -> PaymentAttempt:
    values = {"key": f"k/{purpose.value}", "amount_minor": 100, "epoch": 1, "at": 0.0, "provider_reference": "p-1"}
    return PaymentAttempt(purpose=purpose, outcome=outcome, **{**values, **changes})  # type: ignore[arg-type]


def test_a_key_names_order_purpose_and_epoch() -> None:
    assert attempt_key("o-1", Purpose.CAPTURE, 3, ()) == "order/o-1/capture/3"


def test_a_further_attempt_in_the_same_epoch_has_another_key() -> None:
    ledger: Ledger = (an_attempt(Purpose.AUTHORIZE, Outcome.DECLINED, epoch=1),)

    assert attempt_key("o-1", Purpose.AUTHORIZE, 1, ledger) == "order/o-1/authorize/1/2"
    assert attempt_key("o-1", Purpose.AUTHORIZE, 2, ledger) == "order/o-1/authorize/2"


def test_an_attempt_takes_the_place_of_its_earlier_self() -> None:
    begun, done = an_attempt(Purpose.CAPTURE, Outcome.UNKNOWN), an_attempt(Purpose.CAPTURE)

    assert with_attempt((begun,), done) == (done,)
    assert unresolved((begun,), Purpose.CAPTURE) == begun
    assert unresolved((done,), Purpose.CAPTURE) is None


def test_only_what_succeeded_counts() -> None:
    ledger = tuple(an_attempt(Purpose.CAPTURE, outcome, key=outcome.value) for outcome in Outcome)

    assert total_minor(ledger, Purpose.CAPTURE) == 100
    assert total_minor(ledger, Purpose.CAPTURE, "p-2") == 0


def test_refunds_lower_what_the_customer_has_paid() -> None:
    ledger = (an_attempt(Purpose.CAPTURE), an_attempt(Purpose.REFUND, amount_minor=30))

    assert captured_net_minor(ledger) == 70


def test_an_authorisation_is_open_until_it_is_captured_or_voided() -> None:
    authorized = an_attempt(Purpose.AUTHORIZE)

    assert open_authorizations((authorized,)) == (authorized,)
    assert open_authorizations((authorized, an_attempt(Purpose.VOID, Outcome.UNKNOWN))) == (authorized,)
    for purpose in (Purpose.CAPTURE, Purpose.VOID):
        assert open_authorizations((authorized, an_attempt(purpose))) == ()
